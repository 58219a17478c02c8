package checker_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker"
	"nexarsim/checker/trace"
)

// nonsense draws events of a small world without regard to what can happen.
type nonsense struct {
	*rand.Rand
	world int
	now   int64
	acts  []trace.Event // begun, perhaps to be ended
}

func (r *nonsense) node() int { return r.IntN(r.world) }

func (r *nonsense) nodes() []int {
	var xs []int
	for n := range r.world {
		if r.IntN(2) == 0 {
			xs = append(xs, n)
		}
	}
	return xs
}

// near gives a small number that is often out of range.
func (r *nonsense) near() int { return r.IntN(r.world+3) - 1 }

func (r *nonsense) event() trace.Event {
	if r.IntN(3) == 0 {
		r.now += r.Int64N(20e9)
	}
	ev := trace.Event{T: r.now, Node: r.node(), Kind: trace.Kind(1 + r.IntN(trace.Kinds-1))}
	switch ev.Kind {
	case trace.Suspect, trace.Trust:
		ev.Peer = r.node()
	case trace.Send, trace.Deliver:
		ev.From, ev.To, ev.Epoch, ev.Used = r.node(), r.node(), uint64(r.IntN(3)), r.IntN(2) == 0
		ev.Msg = &trace.Message{Type: "vote", Epoch: uint64(r.IntN(3)), Group: 0xf00}
	case trace.Install:
		ev.Install = &trace.View{Epoch: uint64(r.IntN(4)), Rank: r.near(), World: r.near(), Members: r.nodes(), CommID: r.Uint64N(4), Dead: r.nodes()}
		if r.IntN(4) == 0 {
			ev.Install.Members = append(ev.Install.Members, r.near())
		}
	case trace.Told:
		kinds := []string{"recovered", "failure-detected", "evicted", "quorum-lost", "aborted"}
		ev.Told = &trace.Notice{Kind: kinds[r.IntN(5)], Epoch: uint64(r.IntN(4)), OldRank: r.near(), NewRank: r.near(), NewWorldSize: r.near(), DeadRanks: r.nodes()}
	case trace.Call:
		ops := []string{"read", "split", "barrier", "barrier", "allreduce", "allreduce", "send", "receive"}
		ev.Call = &trace.Operation{
			Op: ops[r.IntN(len(ops))], Phase: []string{"start", "end", "middle"}[min(2, r.IntN(9)/4)], N: uint64(r.IntN(3)), Epoch: uint64(r.IntN(4)),
			Value: []string{"", "1", `"2"`, "[]", `{"to":1,"tag":1,"data":"aa"}`, `{"from":-1,"tag":1}`, `{"from":0,"node":0,"to":1,"tag":1,"data":"aa"}`, `{"from":-2,"node":-9,"to":99}`}[r.IntN(8)], Error: []string{"", "", "failed"}[r.IntN(3)],
		}
	case trace.End:
		ev.Why = []string{"shutdown", "evicted", "aborted", "error"}[r.IntN(4)]
	case trace.Busy:
		ev.N = r.Uint64N(10_000)
	default:
		r.act(&ev)
	}
	return ev
}

func (r *nonsense) act(ev *trace.Event) {
	if !ev.Kind.IsAct() || ev.Kind <= trace.Resume {
		return
	}
	ev.Node = -1
	ends := map[trace.Kind]trace.Kind{
		trace.Partition: trace.Heal, trace.Cut: trace.Heal, trace.Slow: trace.SlowEnd, trace.Loss: trace.LossEnd,
		trace.Duplicate: trace.DuplicateEnd, trace.Skew: trace.SkewEnd, trace.Hold: trace.HoldEnd,
	}
	if len(r.acts) > 0 && r.IntN(2) == 0 {
		i := r.IntN(len(r.acts))
		if end, ok := ends[r.acts[i].Kind]; ok {
			ev.Kind, ev.Act = end, r.acts[i].Act
			r.acts = slices.Delete(r.acts, i, i+1)
			return
		}
	}
	ev.Act = &trace.Act{
		Rate: r.Int64N(1e9), By: r.Int64N(5e9), Op: []string{"recover", "shutdown", "split"}[r.IntN(3)], Nodes: r.nodes(),
		Suspect: []trace.Accusation{{By: r.node(), Of: r.node()}}, Skew: []trace.ClockSkew{{Node: r.node(), Rate: r.Int64N(4e9)}},
	}
	switch ev.Kind {
	case trace.Partition:
		ev.Act.Groups = [][]int{r.nodes(), r.nodes()}
	case trace.Cut:
		ev.Act.Links = []trace.Link{{From: r.node(), To: r.node()}}
	}
	r.acts = append(r.acts, *ev)
}

// Whatever happens, a judge bears it, a clone agrees with it, equal states go on alike, and lines that may be left out
// change nothing.
func TestNonsense(t *testing.T) {
	for seed := range uint64(300) {
		r := &nonsense{Rand: rand.New(rand.NewPCG(seed, 1)), world: 1 + int(seed)%6}
		h := trace.Header{
			Source: []string{"sim", "quic"}[r.IntN(2)], Protocol: []string{"quorum", "fail-stop", "classic", "mine"}[r.IntN(4)], World: r.world,
			Model: []string{"asynchronous", "crash-stop"}[r.IntN(2)], CommID: 0xf00,
			Config: []byte(`{"policy":"` + []string{"automatic", "manual", "abort"}[r.IntN(3)] + `"}`),
		}
		j, err := checker.New(&h)
		if err != nil {
			t.Fatal(err)
		}
		lean, _ := checker.New(&h)
		var clone *checker.Judge
		for range 150 {
			ev := r.event()
			j.Observe(&ev)
			if optional := ev.Kind == trace.Send || ev.Kind == trace.Drop || ev.Kind == trace.Input || ev.Kind == trace.Deliver && !ev.Used; !optional {
				lean.Observe(&ev)
			}
			if clone != nil {
				clone.Observe(&ev)
				if !bytes.Equal(clone.AppendState(nil), j.AppendState(nil)) {
					t.Fatalf("seed %d: a clone's state differs", seed)
				}
			}
			if r.IntN(20) == 0 {
				clone = j.Clone()
			}
		}
		end := checker.Ending{T: r.now + r.Int64N(100e9), Complete: r.IntN(4) > 0}
		want := j.Finish(end)
		if diff := cmp.Diff(want, j.Finish(end)); diff != "" {
			t.Fatalf("seed %d: asked again (-want +got):\n%s", seed, diff)
		}
		if clone != nil {
			if diff := cmp.Diff(want, clone.Finish(end)); diff != "" {
				t.Fatalf("seed %d: the clone (-want +got):\n%s", seed, diff)
			}
		}
		got := lean.Finish(end)
		got.Malformed, want.Malformed = nil, nil // which may well be about those lines
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: with less lines (-want +got):\n%s", seed, diff)
		}
	}
}
