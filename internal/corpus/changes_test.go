package corpus

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"nexarsim/sim"
)

// edit replaces a text that stands once in a file of the module.
type edit struct{ file, old, new string }

// changes are what may happen to the code in the life of a capsule: none of them mends or makes a bug that the corpus is
// about.
var changes = []struct {
	name  string
	edits []edit
}{
	{"an extra decision is drawn with every message", []edit{{
		"sim/step.go", "	f := s.net.Send(s.now, id, to, key)\n",
		"	s.dice.Decide(choiceKey(domainRandom, uint64(id), s.messages), 0, 2)\n	f := s.net.Send(s.now, id, to, key)\n",
	}}},
	{"heartbeats begin at another phase", []edit{{
		"core/classic/node.go", "n.arm(timerTick, now+core.Instant(phase), out)",
		"n.arm(timerTick, now+core.Instant((phase+int64(n.cfg.HeartbeatInterval)/3)%int64(n.cfg.HeartbeatInterval)), out)",
	}}},
	{"a new message kind goes before each vote", []edit{{
		"core/classic/round.go", "	m := n.message(core.Vote)\n",
		"	intent := n.message(core.Kind(40))\n	if to := n.comm.members[o.leader]; !n.closed.Has(to) {\n		out.Send(to, &intent)\n	}\n	m := n.message(core.Vote)\n",
	}}},
	{"scenarios are renamed", []edit{{
		"scenarios/builtin.go", "	source, err := builtinFiles.ReadFile(\"builtin/\" + name + \".yaml\")\n",
		"	old, renamed := strings.CutPrefix(name, \"new-\")\n	if !renamed {\n		return nil\n	}\n	source, err := builtinFiles.ReadFile(\"builtin/\" + old + \".yaml\")\n",
	}}},
	// A vote or an agreement sent twice mends some of these bugs, and replay says so: an agreement that must arrive late has a twin
	// that does not. A heartbeat's twin mends nothing.
	{"a heartbeat is sent a second time", []edit{{
		"core/classic/monitor.go", "		beat := n.message(core.Heartbeat)\n",
		"		beat := n.message(core.Heartbeat)\n		if !n.closed.Has(m.next) {\n			out.Send(m.next, &beat)\n		}\n",
	}}},
	{"nodes are gone through in another order", []edit{
		{"sim/simulator.go", "		id := s.started\n", "		id := len(s.nodes) - 1 - s.started\n"},
		{"sim/links.go", "	for peer := range s.nodes {\n		if peer == id {\n			continue\n		}\n		s.loseHeld(", "	for i := range s.nodes {\n		peer := len(s.nodes) - 1 - i\n		if peer == id {\n			continue\n		}\n		s.loseHeld("},
	}},
}

// TestCapsulesSurviveChanges builds the replays with each change: most capsules still show their bug, the others say where
// they diverged, and none says that the bug is fixed.
func TestCapsulesSurviveChanges(t *testing.T) {
	var capsules, seeds, all, diverged int
	for _, c := range changes {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			for _, o := range outcomes(t, c.edits) {
				all++
				if o.Seed {
					seeds++
				}
				switch o.Replay {
				case sim.Reproduced:
					capsules++
				case sim.Diverged:
					diverged++
					if o.Missing == "" {
						t.Errorf("%s: diverged at nothing", o.File)
					}
					t.Logf("%s: diverged at %s", o.File, o.Missing)
				case sim.Fixed:
					t.Errorf("%s: fixed, by a change that mends nothing", o.File)
				}
				for p, r := range o.Repaired {
					if r == string(sim.Reproduced) {
						t.Errorf("%s: %s with %s, which repairs it", o.File, r, p)
					}
				}
			}
		})
	}
	t.Logf("of %d replays under %d changes: capsules reproduced %d, diverged %d; seeds alone reproduced %d", all, len(changes), capsules, diverged, seeds)
	if capsules*100 < all*80 {
		t.Errorf("%d of %d reproduced, expected 80 %% at least", capsules, all)
	}
}

// outcomes builds the replaying program with the edits and runs it.
func outcomes(t *testing.T, edits []edit) []Outcome {
	t.Helper()
	dir := t.TempDir()
	overlay := map[string]string{}
	for _, e := range edits {
		name, err := filepath.Abs(filepath.Join("../..", e.file))
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(source, []byte(e.old)); n != 1 {
			t.Fatalf("%s: the text to replace stands there %d times, want once: %q", e.file, n, e.old)
		}
		changed := filepath.Join(dir, strings.ReplaceAll(e.file, "/", "_"))
		if err := os.WriteFile(changed, bytes.Replace(source, []byte(e.old), []byte(e.new), 1), 0o644); err != nil {
			t.Fatal(err)
		}
		overlay[name] = changed
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", "-overlay", file, "./internal/corpus/outcomes", "testdata/capsules")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	var list []Outcome
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var o Outcome
		if err := d.Decode(&o); err != nil {
			t.Fatal(err)
		}
		list = append(list, o)
	}
	if len(list) != len(Records()) {
		t.Fatalf("%d outcomes of %d capsules", len(list), len(Records()))
	}
	return list
}
