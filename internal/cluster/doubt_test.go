package cluster

import (
	"testing"

	"nexarsim/checker/trace"
)

// TestDoubt: a suspicion of one that lives is noted, and none of one that has died or was told to leave.
func TestDoubt(t *testing.T) {
	suspicion := `{"seq":1,"t":50,"node":0,"ev":"suspect","peer":1}` + "\n"
	for name, s := range map[string]struct {
		acts []trace.Event
		want string
	}{
		"it lives":  {nil, "node 0 suspected node 1, which lived, at 0s"},
		"it died":   {[]trace.Event{{T: 49, Node: 1, Kind: trace.Crash}}, ""},
		"it left":   {[]trace.Event{{T: 49, Node: -1, Kind: trace.App, Act: &trace.Act{Op: "shutdown", Nodes: []int{1}}}}, ""},
		"it called": {[]trace.Event{{T: 49, Node: -1, Kind: trace.App, Act: &trace.Act{Op: "recover", Nodes: []int{1}}}}, "node 0 suspected node 1, which lived, at 0s"},
	} {
		if _, res, err := mergeParts(t, 100, s.acts, suspicion, ""); err != nil || res.Doubt != s.want {
			t.Errorf("%s: %q (%v): expected %q", name, res.Doubt, err, s.want)
		}
	}
}
