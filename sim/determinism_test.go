package sim

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
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/scenarios"
)

var update = flag.Bool("update", false, "rewrite testdata/digests.txt")

// printDigests names the environment variable that makes this binary print digests instead of running tests: the same
// code in a process, or for a processor, of its own.
const printDigests = "NEXARSIM_TEST_PRINT_DIGESTS"

func TestMain(m *testing.M) {
	if os.Getenv(printDigests) != "" {
		if err := writeDigests(os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// pinned are built-in scenarios that together come through every part of a run: both transports, each distribution of
// latency, every act, triggers, drawn worlds and faults, all policies, the crash-stop model.
var pinned = []string{
	"all-clocks-differ", "chaos-in-a-lossy-network", "everything-at-once", "leader-dies-mid-broadcast", "leader-freezes-mid-commit",
	"long-tail-latency", "lossy-duplicating-network", "manual-recover", "random-mix-abort", "random-mix-on-streams", "stale-burst-after-heal",
	"two-speed-network", "zombie-on-streams",
}

// eachPinned calls do for each run whose digest is kept.
func eachPinned(do func(spec Spec) error) error {
	for _, name := range pinned {
		sc, ok := scenarios.Builtin(name)
		if !ok {
			return fmt.Errorf("no built-in scenario %s", name)
		}
		for _, protocol := range Protocols() {
			for _, seed := range []uint64{1, 1<<64 - 1} {
				if err := do(Spec{Scenario: sc, Protocol: protocol, Seed: seed}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// writeDigests writes a line for each pinned run.
func writeDigests(w io.Writer) error {
	s := New()
	return eachPinned(func(spec Spec) error {
		res, err := s.Run(spec)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s %s %d: %s, %d steps, %d messages, %d installs, %d violations\n", res.Scenario, res.Protocol, res.Seed,
			res.DigestText(), res.Steps, res.Messages, res.Installs, len(res.Verdict.Violations))
		return err
	})
}

func digests(t *testing.T) string {
	t.Helper()
	var buf bytes.Buffer
	if err := writeDigests(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func lines(text string) []string { return strings.Split(text, "\n") }

// TestDigestsArePinned holds runs to their digests of the last version, so that a change of any is seen.
func TestDigestsArePinned(t *testing.T) {
	golden, got := filepath.Join("testdata", "digests.txt"), digests(t)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lines(string(want)), lines(got)); diff != "" {
		t.Errorf("digests changed (-%s +now):\n%s\nWho keeps a digest or a capsule must be told: if this is meant, run go test ./sim -run Pinned -update and add a line to CHANGELOG.md.", golden, diff)
	}
}

// TestDigestsInAnotherProcess runs the same in processes of their own, one with a single processor.
func TestDigestsInAnotherProcess(t *testing.T) {
	want := lines(digests(t))
	for _, env := range []string{"GOMAXPROCS=1", "GOGC=5"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), printDigests+"=1", env)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, lines(string(out))); diff != "" {
			t.Errorf("a process with %s makes other runs (-here +there):\n%s", env, diff)
		}
	}
}

// foreign are processors with words of 32 bits, one of them with the bytes the other way round. The first runs on many
// 64-bit machines as it is, the others under an emulator where there is one.
var foreign = []struct {
	arch     string
	emulator string
}{{"386", ""}, {"arm", "qemu-arm-static"}, {"mips", "qemu-mips-static"}}

// TestDigestsOnAnotherProcessor builds this test for other processors and runs it there. A machine that can run none of
// them has nothing to say; CI's must be able to.
func TestDigestsOnAnotherProcessor(t *testing.T) {
	want, compared := lines(digests(t)), 0
	for _, f := range foreign {
		emulator, err := exec.LookPath(f.emulator)
		if f.emulator != "" && err != nil {
			continue
		}
		binary := buildFor(t, f.arch)
		run := exec.Command(binary)
		if f.emulator != "" {
			run = exec.Command(emulator, binary)
		}
		run.Env = append(os.Environ(), printDigests+"=1", "GOMAXPROCS=1")
		out, err := run.Output()
		if errors.Is(err, syscall.ENOEXEC) {
			t.Logf("this machine does not execute %s", f.arch)
			continue
		}
		if err != nil {
			t.Fatalf("run for %s: %v", f.arch, err)
		}
		compared++
		if diff := cmp.Diff(want, lines(string(out))); diff != "" {
			t.Errorf("%s makes other runs (-here +there):\n%s", f.arch, diff)
		}
	}
	if compared == 0 && os.Getenv("CI") != "" {
		t.Errorf("nothing was compared: this machine executes no 386, and qemu-user-static is not there")
	}
}

// buildFor builds this test for another processor.
func buildFor(t *testing.T, arch string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sim-"+arch+".test")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build for %s: %v\n%s", arch, err, out)
	}
	return binary
}

// TestSimulatorsAreAlike: a simulator that has been used, a new one, one that is watched and one that records inputs make
// the same runs, and the watched ones tell the same.
func TestSimulatorsAreAlike(t *testing.T) {
	used := New()
	err := eachPinned(func(spec Spec) error {
		want, err := New().Run(spec)
		if err != nil {
			return err
		}
		same := func(how string, spec Spec, s *Simulator) {
			t.Helper()
			res, err := s.Run(spec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, res); diff != "" {
				t.Errorf("%s %s seed %d: %s (-alone +here):\n%s", want.Scenario, want.Protocol, want.Seed, how, diff)
			}
		}
		same("a used simulator", spec, used)
		first, second := recorded(spec), recorded(spec)
		same("a watched run", first.spec, New())
		same("a watched run of a used simulator", second.spec, used)
		if diff := cmp.Diff(first.text(), second.text()); diff != "" {
			t.Errorf("%s %s seed %d: a used simulator tells something else:\n%s", want.Scenario, want.Protocol, want.Seed, diff)
		}
		inputs := spec
		inputs.Inputs = true
		same("with inputs, unwatched", inputs, used)
		third := recorded(inputs)
		same("with inputs", third.spec, used)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNothingIsLeftOver: runs that end in the middle of everything, with nodes paused and messages held, clocks skewed, a
// livelock, in worlds of any size, leave nothing in a simulator that the next run could meet.
func TestNothingIsLeftOver(t *testing.T) {
	chatter := func(p *probe, now core.Instant, in *core.Input, out *core.Effects) {
		if in.Kind == core.InStart || in.Kind == core.InTimer {
			for to := range min(p.world, 8) {
				if to != int(p.self) {
					out.Send(core.NodeID(to), kind(core.Vote, 1))
				}
			}
			out.SetTimer(0, now+core.Instant(300*milli))
			v := core.FirstView(p.world, 1)
			v.Epoch = 5
			out.PutInstall(core.Install{View: v})
		}
		if p.world == 3 && in.Kind == core.InTimer {
			out.SetTimer(0, now)
		}
	}
	dirty := New()
	stop := []Spec{
		{Scenario: probing(t, 5, `network: {latency: 1ms..1s, transport: stream, reorder: false}
faults:
  - {at: 2s, partition: [[0, 1], [2, 3, 4]]}
  - {at: 3s, pause: [1, 3]}
  - {at: 3s, skew: [{node: 2, rate: 2, step: 1s}]}
  - {at: 3s, loss: 0.5}
  - {at: 3s, slow: {nodes: [0], by: 1s}}
  - {at: 3s, duplicate: 0.5}
  - {when: {node: 4, sends: vote, nth: 7}, pause: [4]}
  - {when: {node: 4, sends: ack}, crash: [0]}
`)},
		{Scenario: probing(t, 3, "")},
		{Scenario: probing(t, 600, "duration: 2s\nsettle: 0s\n")},
	}
	left := map[string]int{}
	err := eachPinned(func(spec Spec) error {
		want, err := New().Run(spec)
		if err != nil {
			return err
		}
		if spec.Seed != 1 {
			return nil
		}
		for i, s := range stop {
			if i == 2 && spec.Scenario.Name != pinned[0] {
				continue // one large world is enough
			}
			l := &lab{sim: dirty, rule: chatter}
			s.Seed, s.New = 1, l.machine
			if _, err := dirty.Run(s); err != nil {
				return err
			}
			left["held"] += len(dirty.held)
			left["over"] += int(bit(dirty.over))
			left["queue"] += len(dirty.queue.today) + len(dirty.queue.later) + dirty.queue.noted
			for i := range dirty.nodes {
				left["missed"] += len(dirty.nodes[i].missed)
			}
			got, err := dirty.Run(spec)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s after %d (-new +used):\n%s", spec.Scenario.Name, i, diff)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"held", "over", "queue", "missed"} {
		if left[what] == 0 {
			t.Errorf("no run ended with something left of this: %s", what)
		}
	}
}

// TestLargeWorldsForget: the counters of a world whose table would be too large begin anew with each run.
func TestLargeWorldsForget(t *testing.T) {
	sc := probing(t, denseMax+1, "network: {latency: 1ms..2s}\nduration: 3s\nsettle: 0s\n")
	run := func(s *Simulator) uint64 {
		l := &lab{sim: s, rule: sending(second, second+milli)}
		res, err := s.Run(Spec{Scenario: sc, Seed: 1, New: l.machine})
		if err != nil {
			t.Fatal(err)
		}
		return res.Digest
	}
	used := New()
	if first, second := run(used), run(used); first != second {
		t.Errorf("digests %x and %x", first, second)
	}
}

// recording is a run's trace as a file.
type recording struct {
	spec Spec
	buf  bytes.Buffer
	w    *trace.Writer
	err  error
}

func recorded(spec Spec) *recording {
	r := &recording{spec: spec}
	r.w = trace.NewWriter(&r.buf)
	keep := func(err error) {
		if r.err == nil {
			r.err = err
		}
	}
	r.spec.Header = func(h *trace.Header) { keep(r.w.WriteHeader(h)) }
	r.spec.Observe = func(ev *trace.Event) { keep(r.w.Write(ev)) }
	return r
}

func (r *recording) text() []string {
	if err := r.w.Flush(); err != nil || r.err != nil {
		return []string{fmt.Sprint("error: ", err, r.err)}
	}
	return lines(r.buf.String())
}

// TestLinesAreInOrder: lines are numbered from 1, time never falls, and a line's cause stands before it; a delivery's is
// the send of that message, a drop's too.
func TestLinesAreInOrder(t *testing.T) {
	err := eachPinned(func(spec Spec) error {
		seq, now := uint64(0), int64(0)
		sent := map[uint64]uint64{}
		spec.Observe = func(ev *trace.Event) {
			if ev.Kind == trace.Verdict {
				return
			}
			if seq++; ev.Seq != seq || ev.T < now || ev.Cause >= ev.Seq {
				t.Fatalf("%s %d: line %d at %d (%v): number %d, time %d, cause %d", spec.Scenario.Name, spec.Seed, seq, now, ev.Kind, ev.Seq, ev.T, ev.Cause)
			}
			now = ev.T
			switch ev.Kind {
			case trace.Send:
				if sent[ev.ID] != 0 {
					t.Fatalf("%s %d: line %d: message %d is sent twice", spec.Scenario.Name, spec.Seed, ev.Seq, ev.ID)
				}
				sent[ev.ID] = ev.Seq
			case trace.Deliver, trace.Drop:
				if ev.Cause == 0 || sent[ev.ID] != ev.Cause {
					t.Fatalf("%s %d: line %d (%v of message %d): cause %d, sent in line %d", spec.Scenario.Name, spec.Seed, ev.Seq, ev.Kind, ev.ID, ev.Cause, sent[ev.ID])
				}
			}
		}
		_, err := New().Run(spec)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSeedsDiffer: two seeds make two runs, and so do two protocols as soon as they do something else.
func TestSeedsDiffer(t *testing.T) {
	sc, _ := scenarios.Builtin("leader-dies-mid-broadcast")
	seen := map[uint64]uint64{}
	s := New()
	for _, seed := range []uint64{1, 2, 3, 1 << 32, 1 << 63, 1<<64 - 1} {
		res, err := s.Run(Spec{Scenario: sc, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		if other := seen[res.Digest]; other != 0 {
			t.Errorf("seeds %d and %d have one digest", other, seed)
		}
		seen[res.Digest] = seed
	}
}

// sweepOf is a sweep over a few built-in scenarios, among them ones in which something is found.
func sweepOf(t *testing.T, seeds Seeds) SweepSpec {
	t.Helper()
	spec := SweepSpec{Protocols: Protocols(), Seeds: seeds}
	for _, name := range []string{"leader-dies-mid-broadcast", "even-split", "random-mix", "stale-burst-after-heal", "coordinator-dies-on-second-vote", "everything-at-once", "chaos-to-the-end",
		"only-one-heard-the-commit",
	} {
		sc, ok := scenarios.Builtin(name)
		if !ok {
			t.Fatalf("no built-in scenario %s", name)
		}
		spec.Scenarios = append(spec.Scenarios, sc)
	}
	return spec
}

func sweep(t *testing.T, spec SweepSpec) *SweepResult {
	t.Helper()
	res, err := Sweep(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestWorkersMakeNoDifference: one worker, two and eight come to the same result, all of it.
func TestWorkersMakeNoDifference(t *testing.T) {
	spec := sweepOf(t, SeedRange(1, 25))
	spec.Workers = 1
	want := sweep(t, spec)
	if len(want.Findings) == 0 || want.Doubled == 0 || want.Undecided == 0 || len(want.Unfired) == 0 {
		t.Errorf("the sweep shows too little: %d findings, %d doubled, %d undecided, unfired %v", len(want.Findings), want.Doubled, want.Undecided, want.Unfired)
	}
	if len(want.Different) != 0 || len(want.Malformed) != 0 {
		t.Errorf("different %v, malformed %v", want.Different, want.Malformed)
	}
	for _, workers := range []int{2, 8} {
		spec.Workers = workers
		if diff := cmp.Diff(want, sweep(t, spec)); diff != "" {
			t.Errorf("%d workers (-one +many):\n%s", workers, diff)
		}
	}
}

// TestShardsMakeTheWhole: the shards of a sweep, merged as whoever merges their reports does, are the sweep.
func TestShardsMakeTheWhole(t *testing.T) {
	spec := sweepOf(t, SeedRange(3, 19))
	want := sweep(t, spec)
	for _, of := range []int{2, 3, 7} {
		all, runs := newTally(), uint64(0)
		var done atomicCounter
		for i := 1; i <= of; i++ {
			shard := spec
			shard.Shard = Shard{Index: i, Of: of}
			shard.Done = done.add
			total, err := shard.Total()
			if err != nil {
				t.Fatal(err)
			}
			runs += total
			part := sweep(t, shard)
			if part.Runs != total {
				t.Errorf("shard %d/%d makes %d runs, and said %d", i, of, part.Runs, total)
			}
			all.merge(tallyOf(part))
		}
		if got := all.result(); runs != want.Runs || done.n.Load() != int64(want.Runs) {
			t.Errorf("%d shards make %d runs of %d, and told %d", of, runs, want.Runs, done.n.Load())
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d shards (-whole +merged):\n%s", of, diff)
		}
	}
}

// tallyOf turns a result back into a tally.
func tallyOf(r *SweepResult) *tally {
	t := newTally()
	t.SweepResult = *r
	t.Findings, t.Unfired = nil, nil
	for _, f := range r.Findings {
		t.find(&f)
	}
	for _, u := range r.Unfired {
		t.unfired[unfiredKey{u.Scenario, u.Protocol, u.Fault}] = u.Count
	}
	return t
}
