package search

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestSpin: where SPIN is installed, it counts the same states and transitions in the same run. It is given the small model
// in its own language (Holzmann, "The SPIN Model Checker", 2003), one step a d_step, so that its states are ours.
func TestSpin(t *testing.T) {
	for _, tool := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Logf("nothing to compare with: %v", err)
			return
		}
	}
	rows := []known{{world: 4, crashes: 2}, {world: 5, crashes: 2}, {world: 4, crashes: 2, suspicions: 1}}
	if *large {
		rows = append(rows, known{world: 5, crashes: 3}, known{world: 6, crashes: 2}, known{world: 7, crashes: 2})
	}
	for _, row := range rows {
		t.Run(fmt.Sprintf("%d,%d,%d", row.world, row.crashes, row.suspicions), func(t *testing.T) {
			got := row.search(t, Options{Workers: 2})
			states, transitions := countBySpin(t, promela(&smallModel{row.world, row.crashes, row.suspicions}))
			if got.states != states || got.transitions != transitions {
				t.Errorf("%d states and %d transitions; SPIN finds %d and %d", got.states, got.transitions, states, transitions)
			}
		})
	}
}

var (
	spinStates      = regexp.MustCompile(`(\d+) states, stored`)
	spinTransitions = regexp.MustCompile(`(\d+) transitions \(=`)
)

// countBySpin makes a verifier of a model and runs it, with full states and without SPIN's own reductions.
func countBySpin(t *testing.T, model string) (states, transitions uint64) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "small.pml"), []byte(model), 0o600); err != nil {
		t.Fatal(err)
	}
	var out string
	for _, args := range [][]string{
		{"spin", "-o1", "-o2", "-o3", "-a", "small.pml"},
		{"gcc", "-O1", "-w", "-DSAFETY", "-DNOREDUCE", "-DMEMLIM=2048", "-o", "pan", "pan.c"},
		{"./pan", "-E", "-m1000000"}, // an end in the middle of a round is no error here
	} {
		run := exec.Command(args[0], args[1:]...)
		run.Dir = dir
		text, err := run.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, text)
		}
		out = string(text)
	}
	number := func(of *regexp.Regexp) uint64 {
		found := of.FindStringSubmatch(out)
		if found == nil {
			t.Fatalf("no %v in\n%s", of, out)
		}
		n, err := strconv.ParseUint(found[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	// SPIN counts the way into the initial state as a transition.
	return number(spinStates), number(spinTransitions) - 1
}

// promela writes the small model for SPIN, each step of each pair of ranks for itself.
func promela(m *smallModel) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	n, k := m.world, m.crashes
	line("byte phase[%d]; byte view[%d]; byte votes[%d]; byte uni[%d];", n, n, n, n)
	line("byte held[%d]; byte sets[%d];", n*n, n*n*(k+m.suspicions))
	line("byte dead; byte accused;")
	line("hidden byte l; hidden byte x; hidden byte i;")
	line("inline push(from, to, set) { if :: phase[to] != %d -> sets[(from * %d + to) * %d + held[from * %d + to]] = set; held[from * %d + to]++ :: else -> skip fi }",
		phaseDead, n, k+m.suspicions, n, n)
	line("inline pop(from, to) { x = sets[(from * %d + to) * %d]; i = 1; do :: i < %d -> sets[(from * %d + to) * %d + i - 1] = sets[(from * %d + to) * %d + i]; i++ :: else -> break od; sets[(from * %d + to) * %d + %d] = 0; held[from * %d + to]-- }",
		n, k+m.suspicions, k+m.suspicions, n, k+m.suspicions, n, k+m.suspicions, n, k+m.suspicions, k+m.suspicions-1, n)
	line("inline collected(p, me) { x = %d & ~view[p] & ~me; if :: votes[p] != x -> skip :: else -> votes[p] = x; if :: x == 0 -> phase[p] = %d :: else -> phase[p] = %d fi fi }", m.all(), phaseDone, phaseSend)
	line("inline done(p) { phase[p] = %d; votes[p] = 0 }", phaseDone)
	line("active proctype round() {\n\tdo")
	for p := range n {
		m.promelaCrash(line, p)
		m.promelaSend(line, p)
		for q := range n {
			if q != p {
				m.promelaPair(line, p, q)
			}
		}
	}
	line("\tod\n}")
	return b.String()
}

func (m *smallModel) promelaCrash(line func(string, ...any), p int) {
	var clear strings.Builder
	slots := m.crashes + m.suspicions
	for q := range m.world {
		lane := q*m.world + p
		fmt.Fprintf(&clear, "held[%d] = 0; ", lane)
		for i := range slots {
			fmt.Fprintf(&clear, "sets[%d] = 0; ", lane*slots+i)
		}
	}
	line("\t:: d_step { phase[%d] != %d && dead < %d -> phase[%d] = %d; view[%d] = 0; votes[%d] = 0; uni[%d] = 0; dead++; %s }",
		p, phaseDead, m.crashes, p, phaseDead, p, p, p, clear.String())
}

func (m *smallModel) promelaSend(line func(string, ...any), p int) {
	line("\t:: d_step { phase[%d] == %d -> l = 0; do :: votes[%d] >> l & 1 -> break :: else -> l++ od; push(%d, l, uni[%d]); votes[%d] = votes[%d] & ~(1 << l); if :: votes[%d] == 0 -> phase[%d] = %d :: else -> skip fi }",
		p, phaseSend, p, p, p, p, p, p, p, phaseDone)
}

// promelaPair writes what one rank does about another: suspects it, takes its agreement, takes its vote.
func (m *smallModel) promelaPair(line func(string, ...any), p, q int) {
	begin := fmt.Sprintf("view[%d] = view[%d] | %d; votes[%d] = 0; uni[%d] = 0; l = 0; do :: view[%d] >> l & 1 -> l++ :: else -> break od; "+
		"if :: l == %d -> phase[%d] = %d; uni[%d] = view[%d]; collected(%d, %d) :: else -> phase[%d] = %d; push(%d, l, view[%d]) fi",
		p, p, 1<<q, p, p, p, p, p, phaseCollect, p, p, p, 1<<p, p, phaseWait, p, p)
	open := fmt.Sprintf("phase[%d] < %d && !(view[%d] & %d)", p, phaseDone, p, 1<<q)
	line("\t:: d_step { %s && phase[%d] == %d -> %s }", open, q, phaseDead, begin)
	if m.suspicions > 0 {
		line("\t:: d_step { %s && phase[%d] != %d && accused < %d -> accused++; %s }", open, q, phaseDead, m.suspicions, begin)
	}
	leads := fmt.Sprintf("(%d & ~view[%d]) == %d", 1<<(q+1)-1, p, 1<<q)
	line("\t:: d_step { phase[%d] == %d && held[%d] && %s -> pop(%d, %d); uni[%d] = x; done(%d) }", p, phaseWait, q*m.world+p, leads, q, p, p, p)
	if q > p {
		line("\t:: d_step { phase[%d] == %d && held[%d] && !((view[%d] | votes[%d]) & %d) -> pop(%d, %d); votes[%d] = votes[%d] | %d; uni[%d] = uni[%d] | x; collected(%d, %d) }",
			p, phaseCollect, q*m.world+p, p, p, 1<<q, q, p, p, p, 1<<q, p, p, p, 1<<p)
	}
}
