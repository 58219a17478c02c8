package explore

import "testing"

// TestFingerprint: states have one fingerprint where they have one encoding, and only there, whatever order their parts were
// met in.
func TestFingerprint(t *testing.T) {
	for _, c := range []Config{
		{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 2, FalseSuspicions: 1}},
		{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 1, EarlyTimeouts: 1, Losses: 1, Duplicates: 1}},
		{Protocol: "fail-stop", World: 3, Budget: Budget{Partitions: 1}},
		{Protocol: "classic", World: 3, Budget: Budget{Crashes: 1}},
	} {
		nearest, deepest := fingerprints(t, &c, false), fingerprints(t, &c, true)
		if len(nearest) != len(deepest) {
			t.Errorf("%s: %d encodings, and %d", c.Protocol, len(nearest), len(deepest))
		}
		other := map[[2]uint64]string{}
		for encoding, fp := range nearest { // unordered: each encoding is judged by itself
			if deepest[encoding] != fp {
				t.Errorf("%s: %x has two fingerprints", c.Protocol, encoding)
			}
			if twin, ok := other[fp]; ok {
				t.Errorf("%s: %x and %x have one fingerprint", c.Protocol, encoding, twin)
			}
			other[fp] = encoding
		}
	}
}

// fingerprints goes through all states, nearest or deepest first, and gives their fingerprints by their encodings.
func fingerprints(t *testing.T, c *Config, deepest bool) map[string][2]uint64 {
	t.Helper()
	make1, err := newWorlds(c)
	if err != nil {
		t.Fatal(err)
	}
	w := make1()
	all := map[string][2]uint64{}
	queue := []State{w.initial}
	for at := 0; at < len(queue); at++ {
		s := queue[at]
		if deepest {
			s, queue = queue[len(queue)-1], queue[:len(queue)-1]
			at = -1
		}
		lo, hi, _ := w.Fingerprint(&s)
		encoding := string(w.AppendState(nil, &s))
		before, known := all[encoding]
		if known && before != [2]uint64{lo, hi} {
			t.Errorf("%x has two fingerprints", encoding)
		}
		if all[encoding] = [2]uint64{lo, hi}; known || w.Marks(&s).Stop {
			continue
		}
		for _, next := range w.Successors(&s, nil) {
			queue = append(queue, next.State)
		}
	}
	return all
}
