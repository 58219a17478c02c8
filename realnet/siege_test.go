package realnet

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nexarsim/core"
)

// siegeTime is how long bad peers are at the group in TestSiege, all in all.
var siegeTime = flag.Duration("siege", 2*time.Second, "how long TestSiege attacks")

// siegeRole is set in the environment of a process that is a member for TestSiege.
const siegeRole = "NEXARSIM_TEST_SIEGE"

// siegeOrder is a line to a member's process. One field is set.
type siegeOrder struct {
	Join    *siegeJoin
	Ask     time.Duration // for so long the application asks the group
	Measure bool
	Meter   bool   // the same without a collection before
	Await   uint64 // until this epoch is installed
}

type siegeJoin struct {
	Self      int
	Members   []Member
	Cert, CA  []byte
	Key       []byte
	Heartbeat time.Duration
}

// siegeReport is the answer to each order.
type siegeReport struct {
	Port, Witness  int
	Group, Config  uint64
	Answers        []time.Duration // how long each question took
	Heap, Resident int64
	CPU            time.Duration // of the process, so far
	Goroutines     int
	Stats          Stats
	End            string
	Err            string
}

// siegeMachine is a member's core, and an application that asks the group: a question goes to every other member, and is
// over when all have answered. Node 2 is also a bad peer: with each answer it talks of another group.
type siegeMachine struct {
	core.Machine
	self, world core.NodeID
	call        core.Done
	open        int
}

const (
	siegeAsk    = core.Kind(40)
	siegeAnswer = core.Kind(41)
)

// Step asks and answers, and passes on what is the core's.
func (m *siegeMachine) Step(now core.Instant, in *core.Input, out *core.Effects) {
	switch {
	case in.Kind == core.InCall && in.Call == core.CallSplit:
		m.call, m.open = core.Done{ID: in.ID, Call: in.Call}, int(m.world)-1
		for peer := range m.world {
			if peer != m.self {
				out.Send(peer, &core.Message{Kind: siegeAsk, Ballot: core.NoBallot})
			}
		}
	case in.Kind == core.InDeliver && in.Msg.Kind == siegeAsk:
		out.Send(in.From, &core.Message{Kind: siegeAnswer, Ballot: core.NoBallot})
		if m.self == 2 {
			all := core.NodeSetOf(0, 1, 2)
			for kind := core.Kind(1); kind < siegeAsk; kind++ {
				out.Send(in.From, &core.Message{Kind: kind, Group: 7, Epoch: 1 << 31, Num: 1 << 63, Set: all, Ballot: core.Ballot{Round: 1 << 31, Coordinator: 2}})
			}
		}
	case in.Kind == core.InDeliver && in.Msg.Kind == siegeAnswer:
		if m.open--; m.open == 0 {
			out.PutDone(m.call)
		}
	default:
		m.Machine.Step(now, in, out)
	}
}

// Clone is never asked for.
func (m *siegeMachine) Clone() core.Machine { panic("a real member is not cloned") }

// IsSiege tells whether this process is a member for TestSiege.
func IsSiege() bool { return os.Getenv(siegeRole) != "" }

// ServeSiege is the process of a member. What it logs goes to standard error.
func ServeSiege() error {
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &siegeServer{socket: socket}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(&siegeReport{Port: socket.LocalAddr().(*net.UDPAddr).Port, CPU: processorTime()}); err != nil {
		return err
	}
	lines := json.NewDecoder(os.Stdin)
	for {
		var o siegeOrder
		if err := lines.Decode(&o); err != nil {
			break // the launcher wants no more
		}
		r, err := s.obey(&o)
		if err != nil {
			r = &siegeReport{Err: err.Error()}
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	if s.group != nil {
		s.group.Close()
	}
	return goleak.Find()
}

type siegeServer struct {
	socket net.PacketConn
	group  *Group
}

func (s *siegeServer) obey(o *siegeOrder) (*siegeReport, error) {
	ctx, cancel := context.WithTimeout(context.Background(), hostileLimit)
	defer cancel()
	switch {
	case o.Join != nil:
		return s.join(ctx, o.Join)
	case o.Ask > 0:
		return s.ask(ctx, o.Ask)
	case o.Await > 0:
		for s.group.Stats().Epoch < o.Await {
			if _, err := s.group.Events().Next(ctx); err != nil {
				return nil, err
			}
		}
		return &siegeReport{Stats: s.group.Stats()}, nil
	}
	if o.Measure {
		runtime.GC()
	}
	return s.measure(), nil
}

func (s *siegeServer) join(ctx context.Context, j *siegeJoin) (*siegeReport, error) {
	creds, err := NewCredentials(j.Cert, ed25519.PrivateKey(j.Key), j.CA)
	if err != nil {
		return nil, err
	}
	cfg := core.DefaultConfig()
	cfg.HeartbeatInterval, cfg.HeartbeatTimeout = j.Heartbeat, 20*j.Heartbeat
	s.group, err = Join(ctx, Config{
		Self: j.Members[j.Self].ID, Members: j.Members, Core: cfg, Credentials: creds, Socket: s.socket,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Machine: func(set core.Setup) (core.Machine, error) {
			m, err := core.New(set)
			return &siegeMachine{Machine: m, self: set.Self, world: core.NodeID(set.World)}, err
		},
	})
	if err != nil {
		return nil, err
	}
	return &siegeReport{Witness: int(s.group.net.witnessPort()), Group: s.group.cfg.commID(), Config: s.group.cfg.fingerprint()}, nil
}

// ask puts one question after the other, with a little rest in between.
func (s *siegeServer) ask(ctx context.Context, long time.Duration) (*siegeReport, error) {
	var r siegeReport
	rest := time.NewTicker(2 * time.Millisecond)
	defer rest.Stop()
	for end := time.Now().Add(long); time.Now().Before(end); <-rest.C {
		began := time.Now()
		if _, err := s.group.Call(ctx, core.Input{Call: core.CallSplit}); err != nil {
			return nil, err
		}
		r.Answers = append(r.Answers, time.Since(began))
	}
	return &r, nil
}

func (s *siegeServer) measure() *siegeReport {
	r := &siegeReport{Goroutines: runtime.NumGoroutine(), Stats: s.group.Stats(), Resident: resident(), CPU: processorTime()}
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	r.Heap = int64(sample[0].Value.Uint64())
	if err := s.group.Err(); err != nil {
		r.End = err.Error()
	}
	return r
}

// resident is this process's memory as its system counts it; 0 where that is not told.
func resident() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// siege is a group of three processes.
type siege struct {
	t       testing.TB
	members []*siegeProcess
	formed  time.Duration // from listening to connected, all of them
	cpu     time.Duration // what their processes had used before
}

type siegeProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
	log *lockedText
}

// newSiege forms a group of real processes; node 0 is the target.
func newSiege(t testing.TB, world int, heartbeat time.Duration) (*siege, *target) {
	t.Helper()
	s := &siege{t: t}
	ca, err := NewAuthority(time.Hour)
	check(t, err)
	var members []Member
	for i := range world {
		p := &siegeProcess{log: &lockedText{more: make(chan struct{})}}
		p.cmd = exec.Command(os.Args[0])
		p.cmd.Env = append(os.Environ(), siegeRole+"=1")
		if world > 4*runtime.NumCPU() {
			p.cmd.Env = append(p.cmd.Env, "GOMAXPROCS=1") // as nexarsim's launcher does it
		}
		p.cmd.Stderr = p.log
		p.in, err = p.cmd.StdinPipe()
		check(t, err)
		out, err := p.cmd.StdoutPipe()
		check(t, err)
		p.out = json.NewDecoder(bufio.NewReader(out))
		check(t, p.cmd.Start())
		s.members = append(s.members, p)
		t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() }) // long gone if all went well
		r := s.hear(i)
		s.cpu += r.CPU
		members = append(members, Member{fmt.Sprint("node-", i), fmt.Sprintf("127.0.0.1:%d", r.Port)})
	}
	began := time.Now()
	for i := range s.members {
		creds, err := ca.Credentials(members[i].ID, time.Hour)
		check(t, err)
		key := creds.Certificate.PrivateKey.(ed25519.PrivateKey)
		s.tell(i, &siegeOrder{Join: &siegeJoin{i, members, creds.Certificate.Certificate[0], ca.Certificate(), key, heartbeat}})
	}
	reports := make([]*siegeReport, world)
	for i := range s.members {
		reports[i] = s.hear(i)
	}
	s.formed = time.Since(began)
	addr, err := net.ResolveUDPAddr("udp", members[0].Address)
	check(t, err)
	return s, &target{
		quic: addr, witness: fmt.Sprintf("127.0.0.1:%d", reports[0].Witness), ca: ca, group: reports[0].Group, config: reports[0].Config,
		codec: mustCodec(t),
	}
}

func (s *siege) tell(node int, o *siegeOrder) {
	s.t.Helper()
	check(s.t, json.NewEncoder(s.members[node].in).Encode(o))
}

func (s *siege) hear(node int) *siegeReport {
	s.t.Helper()
	var r siegeReport
	err := s.members[node].out.Decode(&r)
	if err == nil && r.Err != "" {
		err = errors.New(r.Err)
	}
	if err != nil {
		s.t.Fatalf("node %d: %v\n%s", node, err, s.members[node].log)
	}
	return &r
}

func (s *siege) order(node int, o *siegeOrder) *siegeReport {
	s.t.Helper()
	s.tell(node, o)
	return s.hear(node)
}

// attackers are at node 0 while they run: each kind one attempt after the other.
type attackers struct {
	kinds []attack
	made  []atomic.Int64
	wrong []error
	mu    sync.Mutex
}

// attackRest is how long each kind of bad peer waits from one attempt to the next, on the average.
const attackRest = 250 * time.Millisecond

func (a *attackers) run(ctx context.Context) {
	var wait sync.WaitGroup
	for i := range a.kinds {
		wait.Go(func() {
			for {
				timer := time.NewTimer(rand.N(2 * attackRest))
				select {
				case <-timer.C:
				case <-ctx.Done():
					timer.Stop()
					return
				}
				err := a.kinds[i].do(ctx)
				a.made[i].Add(1)
				if err != nil && !(errors.Is(err, errStands) && ctx.Err() != nil) {
					a.mu.Lock()
					a.wrong = append(a.wrong, fmt.Errorf("%s: %w", a.kinds[i].name, err))
					a.mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
}

// spell is how long attack and peace take turns.
const spell = time.Second

// TestSiege lets every kind of bad peer at a group of three real processes, all kinds at once, again and again. Its
// application goes on asking the group, in turns with and without the attack, and hears as soon as before; memory and
// goroutines stay, nobody is excluded or ends, each refusal is logged once, and the group recovers from a death afterwards.
func TestSiege(t *testing.T) {
	s, g := newSiege(t, 3, 100*time.Millisecond)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // what the attackers compute is not what the group pays
	a := &attackers{kinds: g.kinds(t)}
	a.made = make([]atomic.Int64, len(a.kinds))
	s.order(0, &siegeOrder{Ask: spell}) // warm
	var peace, war []time.Duration
	var heaps, residents []int64
	var goroutines []int
	for under := time.Duration(0); under < *siegeTime; under += spell {
		peace = append(peace, s.order(0, &siegeOrder{Ask: spell}).Answers...)
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.run(ctx)
		}()
		war = append(war, s.order(0, &siegeOrder{Ask: spell}).Answers...)
		m := s.order(0, &siegeOrder{Measure: true})
		stop()
		<-done
		heaps, residents, goroutines = append(heaps, m.Heap), append(residents, m.Resident), append(goroutines, m.Goroutines)
		if m.Stats.Epoch != 0 || m.Stats.Links != 2 || m.End != "" {
			t.Fatalf("epoch %d, %d links, end %q: expected epoch 0, 2 links and no end\n%s", m.Stats.Epoch, m.Stats.Links, m.End, s.members[0].log)
		}
	}
	for _, err := range a.wrong {
		t.Error(err)
	}
	var attempts int64
	for i := range a.made {
		attempts += a.made[i].Load()
	}
	t.Logf("%d kinds, %d attempts in %v, %d refusals counted", len(a.kinds), attempts, *siegeTime, s.order(0, &siegeOrder{Measure: true}).Stats.Refused)
	s.judgeTimes(peace, war)
	s.judgeMemory(heaps, residents, goroutines)
	s.judgeLog(a.kinds)
	check(t, s.members[2].cmd.Process.Kill())
	for node := range 2 {
		if st := s.order(node, &siegeOrder{Await: 1}).Stats; st.World != 2 {
			t.Errorf("node %d after a death: %+v: expected a view of two", node, st)
		}
	}
	for node := range 2 {
		check(t, s.members[node].in.Close())
		if err := s.members[node].cmd.Wait(); err != nil {
			t.Errorf("node %d did not end in peace: %v\n%s", node, err, s.members[node].log)
		}
	}
}

// siegeSlack is what a busy machine may add to an answer in a short siege, where few are measured.
const siegeSlack, siegeLong = 2 * time.Millisecond, 10 * time.Second

func (s *siege) judgeTimes(peace, war []time.Duration) {
	slices.Sort(peace)
	slices.Sort(war)
	var slack time.Duration
	if *siegeTime < siegeLong {
		slack = siegeSlack
	}
	for _, p := range []int{50, 90, 99} {
		before, under := peace[len(peace)*p/100], war[len(war)*p/100]
		s.t.Logf("%d of 100 questions are answered within %v, and under attack within %v: %.2f times (%d, %d questions)",
			p, before, under, float64(under)/float64(before), len(peace), len(war))
		if p == 50 && under > 2*before+slack {
			s.t.Errorf("the group answers %.1f times slower under attack: expected twice at most", float64(under)/float64(before))
		}
	}
}

// judgeMemory compares the second half of the siege with the first.
func (s *siege) judgeMemory(heaps, residents []int64, goroutines []int) {
	s.t.Logf("heap %d..%d KiB, first half %d, second half %d", slices.Min(heaps)>>10, slices.Max(heaps)>>10, firstHalf(heaps)>>10, secondHalf(heaps)>>10)
	s.t.Logf("resident %d..%d KiB, first half %d, second half %d", slices.Min(residents)>>10, slices.Max(residents)>>10, firstHalf(residents)>>10, secondHalf(residents)>>10)
	s.t.Logf("goroutines %d..%d, first half %d, second half %d", slices.Min(goroutines), slices.Max(goroutines), firstHalf(goroutines), secondHalf(goroutines))
	for name, all := range map[string][]int64{"heap": heaps, "resident memory": residents} {
		if grown := secondHalf(all) - firstHalf(all); *siegeTime >= siegeLong && grown > 4<<20 {
			s.t.Errorf("%s grows by %d bytes from the first half of the siege to the second", name, grown)
		}
		if most := slices.Max(all); most > 192<<20 {
			s.t.Errorf("%s: %d bytes: expected less than 192 MiB", name, most)
		}
	}
	if grown := secondHalf(goroutines) - firstHalf(goroutines); *siegeTime >= siegeLong && grown > 50 || slices.Max(goroutines) > 1000 {
		s.t.Errorf("goroutines grow by %d", grown)
	}
}

func firstHalf[T int | int64](all []T) T  { return middle(all[:(len(all)+1)/2]) }
func secondHalf[T int | int64](all []T) T { return middle(all[len(all)/2:]) }

func middle[T int | int64](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// judgeLog wants no panic, no suspicion, and a line for each kind that leaves one, once.
func (s *siege) judgeLog(kinds []attack) {
	text := s.members[0].log.String()
	if n := strings.Count(text, "level=WARN"); n > len(kinds) {
		s.t.Errorf("%d warnings about %d kinds of bad peer:\n%s", n, len(kinds), text)
	}
	lines := map[string]int{}
	for line := range strings.Lines(text) {
		if _, what, ok := strings.Cut(line, "level=WARN"); ok {
			lines[what]++
		}
	}
	for what, n := range lines {
		if n > 1 {
			s.t.Errorf("logged %d times: %s", n, what)
		}
	}
	for _, p := range s.members {
		if log := p.log.String(); strings.Contains(log, "panic") || strings.Contains(log, "suspected=true") || strings.Contains(log, "cannot go on") {
			s.t.Errorf("a member was suspected, or broke:\n%s", log)
		}
	}
}

// meshWorld, meshSettle and meshTime are those of BenchmarkRealMesh.
const (
	meshWorld  = 32
	meshSettle = 2 * time.Second
	meshTime   = 5 * time.Second
)

// BenchmarkRealMesh is what a full mesh of real processes costs: from all listening to all connected, and then the
// processors' time of all together at a heartbeat a second, and each one's memory.
func BenchmarkRealMesh(b *testing.B) {
	var formed, forming, used []time.Duration
	var residents []int64
	for range b.N {
		s, _ := newSiege(b, meshWorld, time.Second)
		total := func() (all time.Duration) {
			for i := range s.members {
				r := s.order(i, &siegeOrder{Meter: true})
				all += r.CPU
				residents = append(residents, r.Resident)
			}
			return all
		}
		formed, forming = append(formed, s.formed), append(forming, total()-s.cpu)
		time.Sleep(meshSettle)
		before := total()
		began := time.Now()
		time.Sleep(meshTime)
		wall := time.Since(began)
		used = append(used, (total()-before)*time.Second/wall)
		for _, p := range s.members {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(formed).Seconds(), "connected-s")
	b.ReportMetric(1.05, "connected-goal-s")
	b.ReportMetric(median(forming).Seconds(), "connecting-cpu-s")
	b.ReportMetric(100*median(used).Seconds(), "cpu-%")
	b.ReportMetric(25, "cpu-goal-%")
	b.ReportMetric(float64(middle(residents))/1e6, "MB/node")
	b.ReportMetric(30, "MB/node-goal")
}
