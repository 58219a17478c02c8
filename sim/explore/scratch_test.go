package explore

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"

	"nexarsim/sim/explore/search"
)

func TestScratch(t *testing.T) {
	c := Config{Protocol: os.Getenv("P")}
	if c.Protocol == "" {
		c.Protocol = "quorum"
	}
	fmt.Sscanf(os.Getenv("B"), "%d %d %d %d %d %d %d", &c.World, &c.Crashes, &c.FalseSuspicions, &c.Partitions, &c.EarlyTimeouts, &c.Losses, &c.Duplicates)
	fmt.Sscanf(os.Getenv("PLAIN"), "%t %t %t", &c.Plain.KeepSpent, &c.Plain.KeepVotes, &c.Plain.KeepOrder)
	if f := os.Getenv("PROF"); f != "" {
		file, _ := os.Create(f)
		pprof.StartCPUProfile(file)
		defer pprof.StopCPUProfile()
	}
	make1, err := newWorlds(&c)
	if err != nil {
		t.Fatal(err)
	}
	var last *world
	begin := time.Now()
	depth := -1
	r, err := search.Run(context.Background(), func() search.System[State] { last = make1(); return last }, search.Options{Workers: 2, MaxStates: 20000000, Progress: func(p search.Progress) {
		if p.Depth != depth && os.Getenv("V") != "" {
			depth = p.Depth
			fmt.Printf("depth %d level %d states %d %v\n", p.Depth, p.Level, p.States, time.Since(begin))
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	el := time.Since(begin)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("%s %+v: %d states %d transitions depth %d stopped %d, %v, %.0f states/s, %d B/state, heap %d MB\n", c.Protocol, c.Budget, r.States, r.Transitions, r.Depth, r.Stopped, el, float64(r.States)/el.Seconds(), r.Bytes/r.States, m.Sys>>20)
	fmt.Printf("cells %d mails %d boxes %d verdicts %d outcomes %d judged %d\n", last.cells.count.Load(), last.mails.count.Load(), last.boxes.count.Load(), last.verdicts.count.Load(), len(last.outcomes), last.judged.used)
	for _, f := range r.Found {
		if f.States > 0 {
			fmt.Printf("  %s: %d, %d steps\n", f.Property.Name, f.States, f.Steps)
			if f.Property.Kind != search.Sometimes {
				states, err := search.Walk[State](last, f.Path)
				if err != nil {
					t.Fatal(err)
				}
				for i := range f.Path.Steps {
					a := last.enabled(&states[i])[f.Path.Steps[i]]
					txt := ""
					if a.do == doDeliver || a.do >= doLose || a.do == doTell {
						txt = fmt.Sprintf("%+v", last.mails.at(a.what).of.msg)
					}
					fmt.Printf("    do %d node %d peer %d at %d what %d %s\n", a.do, a.node, a.peer, a.at, a.what, txt)
				}
				fmt.Println("   ", last.verdicts.at(states[len(states)-1].verdict).of.why(f.Property.Name))
			}
		}
	}
}
