package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/internal/cluster"
	"nexarsim/internal/conform"
	"nexarsim/scenarios"
)

// role says what the tests' binary is when a test starts it again.
const role = "NEXARSIM_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "member", "dozer":
		if os.Getenv(role) == "dozer" {
			doze()
		}
		if err := cluster.Serve(os.Stdin, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case "floor":
		if err := floorProcess(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case "launcher":
		launch()
	}
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("6") // these tests wait, and do not compute
	}
	code := m.Run()
	if err := leftovers(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// leftovers names what the tests' runs have left behind: goroutines, processes or sockets.
func leftovers() error {
	if err := goleak.Find(); err != nil {
		return err
	}
	self := fmt.Sprint(os.Getpid())
	dirs, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range dirs {
		text, _ := os.ReadFile(name)
		_, rest, _ := strings.Cut(string(text), ") ") // behind the program's name: the state, the parent
		if f := strings.Fields(rest); len(f) > 1 && f[1] == self {
			return fmt.Errorf("a process is left: %s", text)
		}
	}
	files, _ := filepath.Glob("/proc/self/fd/*")
	for _, name := range files {
		if to, _ := os.Readlink(name); strings.HasPrefix(to, "socket:") {
			return fmt.Errorf("a socket is left: %s", to)
		}
	}
	return nil
}

// dozeFlag names the file whose appearance says that the group has formed. dozeAfter and dozeFor say when a dozer is
// stopped, from then on, and for how long.
const (
	dozeFlag  = "NEXARSIM_TEST_DOZE"
	dozeAfter = time.Second
	dozeFor   = 10 * time.Second
)

// doze has this process stopped for a while by somebody whom the launcher knows nothing of, as a busy machine does it.
func doze() {
	self := os.Getpid()
	script := fmt.Sprintf("while ! test -e %q; do sleep 0.05; kill -0 %d || exit; done; sleep %v; kill -STOP %d; sleep %v; kill -CONT %d",
		os.Getenv(dozeFlag), self, dozeAfter.Seconds(), self, dozeFor.Seconds(), self)
	if err := exec.Command("sh", "-c", script).Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// limit bounds what a test waits for. No test waits for so long unless it fails.
const limit = 2 * time.Minute

func scenario(t testing.TB, text string) *scenarios.Scenario {
	t.Helper()
	sc, err := scenarios.Parse("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// ran is a real run and what its judges say.
type ran struct {
	res     *cluster.Result
	verdict checker.Verdict
	cores   []trace.Violation
	text    []byte
	last    map[int]*trace.View // what each member installed last
	ends    map[int]string
	told    map[int][]string
	sends   map[int]int // proposals by sender, and those that arrived
	heard   map[int]int
}

// runScenario makes a real run and judges it from its trace alone.
func runScenario(t testing.TB, text string, world int, protocol string, seed uint64) *ran {
	t.Helper()
	return runAs(t, "member", text, world, protocol, seed)
}

// runAs does that with members of a certain role.
func runAs(t testing.TB, member, text string, world int, protocol string, seed uint64) *ran {
	t.Helper()
	plan, err := cluster.NewPlan(scenario(t, text), world, protocol, seed)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range plan.Drawn {
		t.Log(d)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var merged bytes.Buffer
	w := trace.NewWriter(&merged)
	formed := filepath.Join(t.TempDir(), "formed")
	res, err := cluster.Run(ctx, cluster.Spec{
		Plan: plan, Command: []string{os.Args[0]}, Env: []string{role + "=" + member, dozeFlag + "=" + formed}, Dir: t.TempDir(),
		Header: func(h *trace.Header) error { return errors.Join(w.WriteHeader(h), os.WriteFile(formed, nil, 0o666)) }, Observe: w.Write,
	})
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return judge(t, res, merged.Bytes())
}

func judge(t testing.TB, res *cluster.Result, text []byte) *ran {
	t.Helper()
	r, err := judgeTrace(res, text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// judgeTrace judges a run from its trace alone, and feeds each core its inputs again.
func judgeTrace(res *cluster.Result, text []byte) (*ran, error) {
	r := &ran{res: res, text: text, last: map[int]*trace.View{}, ends: map[int]string{}, told: map[int][]string{}, sends: map[int]int{}, heard: map[int]int{}}
	d, err := trace.NewReader(bytes.NewReader(text), "merged")
	if err != nil {
		return nil, err
	}
	j, err := checker.New(d.Header())
	if err != nil {
		return nil, err
	}
	cores, err := conform.New(d.Header())
	if err != nil {
		return nil, err
	}
	for {
		var ev trace.Event
		err := d.Next(&ev)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		j.Observe(&ev)
		cores.Observe(&ev)
		r.note(&ev)
	}
	if cores.Inputs() == 0 {
		return nil, errors.New("the trace has no inputs")
	}
	r.verdict, r.cores = j.Finish(checker.Ending{T: res.End, Complete: true}), cores.Finish()
	return r, nil
}

func (r *ran) note(ev *trace.Event) {
	switch ev.Kind {
	case trace.Send, trace.Deliver:
		count := r.sends
		if ev.Kind == trace.Deliver {
			count = r.heard
		}
		if ev.Msg.Type == "agreement" {
			count[int(ev.ID)%5]++ // an id is its sender's number, plus a multiple of the world
		}
	case trace.Install:
		v := *ev.Install
		v.Members = append([]int(nil), v.Members...)
		r.last[ev.Node] = &v
	case trace.Told:
		r.told[ev.Node] = append(r.told[ev.Node], ev.Told.Kind)
	case trace.End:
		r.ends[ev.Node] = ev.Why
	}
}

// passes holds a run to what every run owes.
func (r *ran) passes(t testing.TB) {
	t.Helper()
	for _, m := range r.verdict.Malformed {
		t.Errorf("malformed: %s", m)
	}
	for _, v := range append(r.verdict.Violations, r.cores...) {
		t.Errorf("violated %s at %v: %s", v.Property, time.Duration(v.T), v.Why)
	}
	if t.Failed() {
		name := t.Name() + ".jsonl"
		if dir := os.Getenv("NEXARSIM_TEST_KEEP"); dir != "" {
			_ = os.WriteFile(dir+"/"+name, r.text, 0o666)
		}
	}
}

// launch is a launcher that somebody kills: it runs a cluster for a long time.
func launch() {
	sc, err := scenarios.Parse("test", []byte("name: long\nworld: 3\nduration: 1h\nfaults: [{at: 0s, pause: [2], for: 50m}]\n"))
	if err == nil {
		var plan *cluster.Plan
		if plan, err = cluster.NewPlan(sc, 3, "quorum", 1); err == nil {
			_, err = cluster.Run(context.Background(), cluster.Spec{
				Plan: plan, Command: []string{os.Args[0]}, Env: []string{role + "=member"}, Dir: os.Getenv("NEXARSIM_TEST_DIR"),
				Header: func(*trace.Header) error { fmt.Println("formed"); return nil }, Observe: func(*trace.Event) error { return nil },
			})
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

// again starts the tests' binary in another role.
func again(r string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+r)
	cmd.Stderr = os.Stderr
	return cmd
}
