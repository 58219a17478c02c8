package checker_test

import (
	"bytes"
	"testing"

	"nexarsim/checker"
)

// TestUntimed: the encoding for an explorer leaves out when things were and what has no say any more; what a verdict can
// still rest on shows.
func TestUntimed(t *testing.T) {
	state := func(text string) []byte {
		s := tell(t, "world 4\n"+text)
		j, err := checker.New(&s.h)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.evs {
			j.Observe(&s.evs[i])
		}
		return j.AppendUntimed(nil)
	}
	for name, pair := range map[string][2]string{
		"when it was":                        {"1s crash 3\n 2s suspect 0 3", "5s crash 3\n 9s suspect 0 3"},
		"what a crashed node suspected":      {"1s suspect 0 1\n suspect 2 1\n crash 0", "1s suspect 2 1\n crash 0"},
		"whom nobody can exclude any more":   {"1s crash 3\n suspect 0,1,2 3\n recover 0,1,2 1 0..2", "1s crash 3\n suspect 0,2 3\n recover 0,1,2 1 0..2"},
		"who installed first":                {"1s crash 3\n suspect 0,1,2 3\n recover 0 1 0..2\n recover 1 1 0..2", "1s crash 3\n suspect 0,1,2 3\n recover 1 1 0..2\n recover 0 1 0..2"},
		"what was withdrawn, if one is gone": {"1s suspect 2 1\n suspect 0 1\n trust 0 1\n crash 3", "1s suspect 2 1\n crash 3"},
	} {
		if !bytes.Equal(state(pair[0]), state(pair[1])) {
			t.Errorf("%s makes a difference", name)
		}
	}
	for name, pair := range map[string][2]string{
		"who crashed":                       {"1s crash 3", "1s crash 2"},
		"who suspects":                      {"1s suspect 0 1", "1s suspect 2 1"},
		"a suspicion that was withdrawn":    {"1s suspect 0 1\n trust 0 1", "1s pause 3\n resume 3"},
		"an install":                        {"1s crash 3\n suspect 0,1,2 3", "1s crash 3\n suspect 0,1,2 3\n recover 0 1 0..2"},
		"an install of a node that crashed": {"1s crash 3\n suspect 0,1,2 3\n crash 0", "1s crash 3\n suspect 0,1,2 3\n recover 0 1 0..2\n crash 0"},
		"that it was told":                  {"1s suspect 3 0,1", "1s suspect 3 0,1\n told 3 quorum-lost 0 old=3 new=3 size=4 dead=0,1"},
		"a partition":                       {"1s partition 0,1|2,3", "1s partition 0|1,2,3"},
	} {
		if bytes.Equal(state(pair[0]), state(pair[1])) {
			t.Errorf("%s makes no difference", name)
		}
	}
}
