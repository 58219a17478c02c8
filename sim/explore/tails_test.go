package explore

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

// TestLinkTails: a crash that loses the last messages of some links comes back from a capsule's file as it was, loses just
// these, and is told.
func TestLinkTails(t *testing.T) {
	s := tornSchedule(t)
	crash := &s.Steps[len(s.Steps)-1]
	sc, err := scenarios.Parse(scenarioName, []byte("{name: explored, world: 4, protocol: quorum, network: {transport: datagram}}"))
	if err != nil {
		t.Fatal(err)
	}
	c := &capsule.Capsule{Mode: capsule.Schedule, Scenario: sc, Protocol: "quorum", Seed: 1, FoundBy: capsule.Origin{Command: "explore", Version: "(devel)"}}
	if err := put(c, s); err != nil {
		t.Fatal(err)
	}
	r, err := Replay(s)
	if err != nil {
		t.Fatal(err)
	}
	seal(c, r)
	c.Cause = cause(s)
	var text bytes.Buffer
	if err := capsule.Write(&text, c); err != nil {
		t.Fatal(err)
	}
	again, err := capsule.Parse("torn.json", text.Bytes())
	if err != nil {
		t.Fatalf("%v\n%s", err, text.String())
	}
	read, err := ScheduleOf(again, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Steps, read.Steps); diff != "" || !read.Config.LinkTails {
		t.Errorf("link tails %v (-written +read):\n%s", read.Config.LinkTails, diff)
	}
	if want := "crash 1, its last 1 to 0 lost, its last 1 to 3 lost"; crash.String() != want {
		t.Errorf("told as %q, expected %q", crash.String(), want)
	}
	p, err := newPlayer(&s.Config, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Steps {
		if i == len(s.Steps)-1 {
			if n := p.w.perLink(p.w.boxes.at(p.now().boxes[1]).of); n[0] != 1 || n[2] != 1 || n[3] != 1 {
				t.Fatalf("in flight from 1 before the crash: %v", n)
			}
		}
		if err := p.take(&s.Steps[i]); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.w.perLink(p.w.boxes.at(p.now().boxes[1]).of); n[0] != 0 || n[2] != 1 || n[3] != 0 {
		t.Errorf("in flight from 1 after the crash: %v; expected one message to 2", n)
	}
	if left := withoutNode(s.Steps, 0); left[len(left)-1].String() != "crash 0, its last 1 to 2 lost" {
		t.Errorf("without node 0: %s", left[len(left)-1].String())
	}
}

// tornSchedule is the first schedule of four nodes whose last step is a crash that loses what node 1 has sent to 0 and 3,
// and not what it has sent to 2.
func tornSchedule(t *testing.T) *Schedule {
	t.Helper()
	c := Config{Protocol: "quorum", World: 4, Budget: Budget{Crashes: 2, FalseSuspicions: 1}, LinkTails: true}
	make1, err := newWorlds(&c)
	if err != nil {
		t.Fatal(err)
	}
	type way struct {
		state State
		steps []Step
	}
	w := make1()
	queue := []way{{state: w.initial}}
	seen := map[State]bool{w.initial: true}
	want := Step{Do: DoCrash, Node: 1, Tails: []Tail{{0, 1}, {3, 1}}}
	for at := 0; at < len(queue) && at < 100_000; at++ {
		for _, a := range append([]act(nil), w.enabled(&queue[at].state)...) {
			next := way{queue[at].state, append(append([]Step(nil), queue[at].steps...), w.name(&queue[at].state, a))}
			if next.steps[len(next.steps)-1].equal(&want) && w.perLink(w.boxes.at(queue[at].state.boxes[1]).of)[2] == 1 {
				return &Schedule{Config: c, Steps: next.steps}
			}
			if w.apply(&next.state, a); !seen[next.state] {
				seen[next.state] = true
				queue = append(queue, next)
			}
		}
	}
	t.Fatal("node 1 never has a message under way to each of the others")
	return nil
}
