package checker_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"nexarsim/checker"
)

func TestLinearizability(t *testing.T) {
	judgeAll(t, []example{
		{"reads follow writes", `world 3
			10s start 0 write 1 value=7
			11s done 0 write 1
			12s start 1 read 1
			13s done 1 read 1 value=7
			120s over`, ""},
		{"a read of what was overwritten", `world 3
			10s start 0 write 1 value=7
			11s done 0 write 1
			12s start 0 write 2 value=8
			13s done 0 write 2
			14s start 1 read 1
			15s done 1 read 1 value=7
			120s over`, "linearizability@15s[0 1]"},
		{"just not: the write runs on", `world 3
			10s start 0 write 1 value=7
			11s done 0 write 1
			12s start 0 write 2 value=8
			14s start 1 read 1
			15s done 1 read 1 value=7
			16s done 0 write 2
			120s over`, ""},
		{"the value goes back while a write runs", `world 3
			10s start 0 write 1 value=7
			11s start 1 read 1
			12s done 1 read 1 value=7
			13s start 2 read 1
			14s done 2 read 1 value=0
			15s done 0 write 1
			120s over`, "linearizability@14s[2]"},
		{"the value before any write", `world 3
			10s start 1 read 1
			11s done 1 read 1 value=0
			120s over`, ""},
		{"a value that nobody wrote", `world 3
			10s start 1 read 1
			11s done 1 read 1 value=5
			120s over`, "linearizability@11s[1]"},
		{"a value from the future", `world 3
			10s start 1 read 1
			11s done 1 read 1 value=5
			12s start 0 write 1 value=5
			13s done 0 write 1
			120s over`, "linearizability@11s[1]"},
		{"a failed write may have happened", `world 3
			10s start 0 write 1 value=7
			11s done 0 write 1 error=gone
			20s start 1 read 1
			21s done 1 read 1 value=7
			120s over`, ""},
		{"or not", `world 3
			10s start 0 write 1 value=7
			11s done 0 write 1 error=gone
			20s start 1 read 1
			21s done 1 read 1 value=0
			120s over`, ""},
		{"but not come and go", `world 3
			10s start 0 write 1 value=7
			11s done 0 write 1 error=gone
			20s start 1 read 1
			21s done 1 read 1 value=7
			22s start 2 read 1
			23s done 2 read 1 value=0
			120s over`, "linearizability@23s[2]"},
		{"a write that never ended may happen late", `world 3
			10s start 0 write 1 value=7
			12s start 1 read 1
			13s done 1 read 1 value=0
			50s start 1 read 2
			51s done 1 read 2 value=7
			120s over`, ""},
		{"a failed read says nothing", `world 3
			10s start 1 read 1
			11s done 1 read 1 value=9 error=gone
			120s over`, ""},
		{"two sides serve", `world 4 protocol=fail-stop
			10s start 0 write 1 value=7
			11s done 0 write 1
			12s start 2 write 1 value=8
			13s done 2 write 1
			14s start 0 read 1
			15s done 0 read 1 value=7
			16s start 2 read 1
			17s done 2 read 1 value=8
			120s over`, "linearizability@15s[0 2]"},
		{"one value written twice", `world 3
			10s start 0 write 1 value=7
			11s done 0 write 1 error=gone
			12s start 0 write 2 value=8
			13s done 0 write 2
			14s start 2 write 1 value=7
			15s done 2 write 1 error=gone
			20s start 1 read 1
			21s done 1 read 1 value=7
			120s over`, ""},
	})
}

// TestTooMuchOverlap: what cannot be cut is not searched for ever, and does not pass.
func TestTooMuchOverlap(t *testing.T) {
	var text strings.Builder
	text.WriteString("world 3\n 1s start 0 write 1 value=7\n")
	for i := range 2100 {
		fmt.Fprintf(&text, "%dms start 1 read %d\n%dms done 1 read %d value=0\n", 2000+2*i, i+1, 2001+2*i, i+1)
	}
	text.WriteString("100s done 0 write 1\n120s over")
	v := tell(t, text.String()).judge(t)
	if len(v.Violations) != 0 || len(v.Undecided) != 1 || v.Undecided[0].Property != checker.Linearizability {
		t.Errorf("violations %v, undecided %v: want linearizability undecided", v.Violations, v.Undecided)
	}
}

// TestPicture: a violation has a picture, and nothing else has.
func TestPicture(t *testing.T) {
	for text, want := range map[string]bool{"value=5": true, "value=0": false} {
		j := observed(t, tell(t, "world 3\n 10s start 1 read 1\n 11s done 1 read 1 "+text+"\n 120s over"))
		var page bytes.Buffer
		ok, err := j.Picture(&page)
		if err != nil || ok != want || strings.Contains(page.String(), "<html") != want {
			t.Errorf("%s: %v, %v, %d bytes", text, ok, err, page.Len())
		}
	}
}

// observed is a judge that has seen a story.
func observed(t *testing.T, s *story) *checker.Judge {
	t.Helper()
	j, err := checker.New(&s.h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.evs {
		j.Observe(&s.evs[i])
	}
	return j
}

// drawnCall is one of a drawn history.
type drawnCall struct {
	node      int
	write     bool
	value     int
	call, ret int // ret 0: never
}

// TestLikeAllOrders: on small histories the verdict is that of a search through all orders of the calls.
func TestLikeAllOrders(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	broken := 0
	for range 3000 {
		calls := drawnHistory(r)
		v := tell(t, storyOf(calls)).judge(t)
		want := explained(calls, 0, 0)
		if got := len(v.Violations) == 0; got != want || len(v.Undecided) != 0 {
			t.Fatalf("%s\nviolations %v, undecided %v: an order exists is %v", storyOf(calls), v.Violations, v.Undecided, want)
		}
		if !want {
			broken++
		}
	}
	if broken < 300 || broken > 2700 {
		t.Errorf("%d of 3000 histories are broken: they say little", broken)
	}
}

// drawnHistory gives each of three nodes a few calls, one after the other.
func drawnHistory(r *rand.Rand) (calls []drawnCall) {
	values := 0
	for node := range 3 {
		t := 1
		for range r.IntN(3) {
			c := drawnCall{node: node, write: r.IntN(2) == 0, call: t + r.IntN(6)}
			c.ret = c.call + 1 + r.IntN(6)
			t = c.ret + 1
			if c.write {
				values++
				c.value = values
			}
			if r.IntN(5) == 0 {
				c.ret = 0
			}
			calls = append(calls, c)
			if c.ret == 0 {
				break
			}
		}
	}
	for i := range calls {
		if !calls[i].write {
			calls[i].value = r.IntN(values + 1)
		}
	}
	return calls
}

func storyOf(calls []drawnCall) string {
	var text strings.Builder
	text.WriteString("world 3\n")
	number := map[[2]any]int{}
	numbers := make([]int, len(calls))
	for i, c := range calls {
		number[[2]any{c.node, c.write}]++
		numbers[i] = number[[2]any{c.node, c.write}]
	}
	for now := 1; now < 60; now++ {
		for i, c := range calls {
			op := map[bool]string{true: "write", false: "read"}[c.write]
			value := fmt.Sprintf(" value=%d", c.value)
			if c.ret == now {
				end := ""
				if !c.write {
					end = value
				}
				fmt.Fprintf(&text, "%ds done %d %s %d%s\n", now, c.node, op, numbers[i], end)
			}
			if c.call == now {
				if !c.write {
					value = ""
				}
				fmt.Fprintf(&text, "%ds start %d %s %d%s\n", now, c.node, op, numbers[i], value)
			}
		}
	}
	text.WriteString("120s over")
	return text.String()
}

// explained tries all orders: done is the calls that have happened.
func explained(calls []drawnCall, done uint, value int) bool {
	last := true
	for i, c := range calls {
		if done>>i&1 != 0 {
			continue
		}
		if c.ret != 0 {
			last = false
		}
		first := true // nothing that is left ended before it began
		for k, o := range calls {
			if done>>k&1 == 0 && o.ret != 0 && o.ret < c.call {
				first = false
			}
		}
		if !first || !c.write && c.ret != 0 && c.value != value {
			continue
		}
		next := value
		if c.write {
			next = c.value
		}
		if explained(calls, done|1<<i, next) {
			return true
		}
	}
	return last
}
