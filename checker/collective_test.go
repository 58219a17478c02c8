package checker_test

import (
	"slices"
	"testing"

	"nexarsim/checker"
	"nexarsim/checker/trace"
)

// fine is a barrier that all three members call and pass.
const fine = `10s start 0..2 barrier 1
	10.01s done 0..2 barrier 1
`

func TestBarrier(t *testing.T) {
	judgeAll(t, []example{
		{"all pass", "world 3\n" + fine + "120s over", ""},
		{"one is let through", `world 3
			10s start 0,1 barrier 1
			10.01s done 0 barrier 1
			10.02s start 2 barrier 1
			10.03s done 1,2 barrier 1
			120s over`, "collective@10.01s[0 2]"},
		{"just not", `world 3
			10s start 0,1 barrier 1
			10.01s start 2 barrier 1
			10.01s done 0..2 barrier 1
			120s over`, ""},
		{"let through where somebody never calls", `world 3
			10s start 0,1 barrier 1
			10.01s done 0 barrier 1
			120s over`, "collective@10.01s[0 2]"},
		{"a member died after it had started", `world 3 protocol=fail-stop
			10s start 0..2 barrier 1
			crash 2
			10.01s done 0,1 barrier 1
			15s suspect 0,1 2
			recover 0,1 1 0,1
			120s over`, ""},
		{"a member died before", `world 3 protocol=fail-stop
			10s start 0,1 barrier 1
			crash 2
			10.01s done 0 barrier 1
			15s suspect 0,1 2
			done 1 barrier 1 error=gone
			recover 0,1 1 0,1
			120s over`, "collective@10.01s[0 2]"},
		{"a call outlives its view", `world 3 protocol=fail-stop
			10s start 0,1 barrier 1
			crash 2
			15s suspect 0,1 2
			recover 0,1 1 0,1
			done 0 barrier 1 error=gone
			120s over`, "collective@2m0s[1]"},
		{"not if it sleeps", `world 3 protocol=fail-stop
			10s start 0,1 barrier 1
			crash 2
			15s suspect 0,1 2
			recover 0,1 1 0,1
			done 0 barrier 1 error=gone
			pause 1
			120s over`, ""},
		{"nor in nexar", `world 3 protocol=classic
			10s start 0,1 barrier 1
			crash 2
			15s suspect 0,1 2
			recover 0,1 1 0,1
			done 0 barrier 1 error=gone
			120s over`, ""},
		{"in the view without it", `world 3 protocol=fail-stop
			10s crash 2
			15s suspect 0,1 2
			recover 0,1 1 0,1
			start 0,1 barrier 1
			done 0,1 barrier 1
			120s over`, ""},
		{"the other one calls in the next view", `world 3
			10s start 0 barrier 1
			15s suspect 0,1 2
			recover 1 1 0,1
			start 1 barrier 1
			15.1s done 0 barrier 1
			stopped`, "collective@15.1s[0 1] ?recovery"},
		{"an old call fails, the new ones match by their place in the view", `world 3 protocol=fail-stop
			10s start 0 barrier 1
			crash 2
			15s suspect 0,1 2
			done 0 barrier 1 error=gone
			recover 0,1 1 0,1
			start 0 barrier 2
			start 1 barrier 1
			15.1s done 0 barrier 2
			done 1 barrier 1
			start 0 barrier 3
			15.2s done 0 barrier 3
			120s over`, "collective@15.2s[0 1]"},
		{"answered without a call", "world 3\n" + fine + "11s done 1 barrier 1\n 120s over", "collective@11s[1]"},
		{"another call is answered", `world 3
			10s start 0..2 barrier 1
			done 0..2 allreduce 1
			stopped`, "collective@10s[0] collective@10s[1] collective@10s[2] ?collective ?recovery"},
		{"alone in the world", "world 1\n 10s start 0 barrier 1\n done 0 barrier 1\n 11s start 0 allreduce 1\n done 0 allreduce 1 sum=0\n 120s over", ""},
		{"alone, and failing", "world 1\n 10s start 0 barrier 1\n done 0 barrier 1 error=no\n 120s over", "collective@10s[0]"},
		{"reads and writes are no matter of this one", "world 3\n 10s done 0 read 1\n done 1 write 7 error=x\n 120s over", ""},
	})
}

func TestAllReduce(t *testing.T) {
	judgeAll(t, []example{
		{"the sum", `world 3
			10s start 0..2 allreduce 1
			10.01s done 0..2 allreduce 1 sum=0..2
			11s start 0..2 allreduce 2
			11.01s done 0..2 allreduce 2 sum=0..2
			120s over`, ""},
		{"a part is missing", `world 3
			10s start 0..2 allreduce 1
			10.01s done 0,1 allreduce 1 sum=0..2
			done 2 allreduce 1 sum=0,1
			120s over`, "collective@10.01s[2]"},
		{"a part is there twice", `world 3
			10s start 0..2 allreduce 1
			10.01s done 0..2 allreduce 1 sum=0..2,2
			120s over`, "collective@10.01s[0] collective@10.01s[1] collective@10.01s[2]"},
		{"no value", "world 2\n 10s start 0,1 allreduce 1\n done 0 allreduce 1 sum=0,1\n done 1 allreduce 1\n 120s over", "collective@10s[1]"},
		{"no number", "world 2\n 10s start 0,1 allreduce 1\n done 0 allreduce 1 sum=0,1\n done 1 allreduce 1 value=[]\n 120s over", "collective@10s[1]"},
		{"numbers without quotes, below nothing", `world 2
			10s start 0 allreduce 1 value=-7
			start 1 allreduce 1 value=3
			10.01s done 0 allreduce 1 value=-4
			done 1 allreduce 1 value="-4"
			120s over`, ""},
		{"ended before somebody had started", `world 3
			10s start 0,1 allreduce 1
			10.01s done 0 allreduce 1 sum=0..2
			start 2 allreduce 1
			done 1,2 allreduce 1 sum=0..2
			120s over`, "collective@10.01s[0 2]"},
		{"a sum that nobody can know", `world 2
			10s start 0 allreduce 1 value=[1]
			start 1 allreduce 1 value=[2]
			10.01s done 0,1 allreduce 1 value=[3]
			120s over`, "?collective"},
		{"nor agree on", `world 2
			10s start 0 allreduce 1 value=[1]
			start 1 allreduce 1 value=[2]
			10.01s done 0 allreduce 1 value=[3]
			done 1 allreduce 1 value=[4]
			120s over`, "collective@10.01s[0 1] ?collective"},
		{"the view changes under it, the value is the old view's", `world 3
			10s start 0..2 allreduce 1
			crash 2
			15s suspect 0,1 2
			recover 0,1 1 0,1
			15.1s done 0 allreduce 1 sum=0..2
			done 1 allreduce 1 error=gone
			120s over`, ""},
		{"the view changes under it, the value is the new view's", `world 3
			10s start 0..2 allreduce 1
			crash 2
			15s suspect 0,1 2
			recover 0,1 1 0,1
			15.1s done 0,1 allreduce 1 sum=0,1
			120s over`, "collective@15.1s[0] collective@15.1s[1]"},
		{"the new view's own", `world 3
			10s start 0..2 allreduce 1
			crash 2
			15s suspect 0,1 2
			done 0,1 allreduce 1 error=gone
			recover 0,1 1 0,1
			start 0,1 allreduce 2
			15.1s done 0,1 allreduce 2 sum=0,1
			120s over`, ""},
	})
}

// failing is a barrier of three that fails at all of them, with something before it, on the way, and after it.
func failing(before, during, after string) string {
	return "world 5 loss=0.01\n" + before + "\n 10s start 0..4 barrier 1\n 10.1s " + or(during, "done 0..4 barrier 1 error=timeout\n 10.2s "+or(after, "stopped"))
}

func during(what string) string {
	return failing("", what+"\n 10.2s done 0 barrier 1 error=timeout\n done 1..4 barrier 1\n stopped", "")
}

func before(what string) string {
	return failing(what, "done 0 barrier 1 error=timeout\n done 1..4 barrier 1\n stopped", "")
}

func TestCollectiveFails(t *testing.T) {
	const bad = "collective@10.1s[0]"
	examples := []example{
		{"for no reason", before(""), bad},
		{"its reason comes after it", "world 5\n 10s start 0..4 barrier 1\n 10.1s done 0 barrier 1 error=timeout\n done 1..4 barrier 1\n crash 4\n stopped", bad},
		{"another one failed, too", failing("", "", "stopped"), "collective@10.1s[0] collective@10.1s[1] collective@10.1s[2] collective@10.1s[3] collective@10.1s[4]"},
		{"at once, before the others start", `world 3
			10s start 0 barrier 1
			done 0 barrier 1 error=unknown
			start 1 barrier 1
			10.1s start 2 barrier 1
			done 1,2 barrier 1
			stopped`, "collective@10s[0]"},
		{"at once, and another never starts", `world 3
			10s start 0 barrier 1
			done 0 barrier 1 error=unknown
			start 1 barrier 1
			60s done 1 barrier 1 error=timeout
			stopped`, ""},
		{"at once, and the reason comes before the others start", `world 3
			10s start 0 barrier 1
			done 0 barrier 1 error=unknown
			11s suspect 2 1
			start 1,2 barrier 1
			12s done 1,2 barrier 1
			stopped`, "collective@10s[0]"},
		{"fifteen seconds apart", "world 2\n 10s start 0 barrier 1\n 25s start 1 barrier 1\n 26s done 0,1 barrier 1 error=timeout\n stopped", "collective@26s[0] collective@26s[1]"},
		{"further apart", "world 2\n 10s start 0 barrier 1\n 25.1s start 1 barrier 1\n 26s done 0,1 barrier 1 error=timeout\n stopped", ""},
		{"in the same order", "world 2\n 10s start 0,1 barrier 1\n done 0,1 barrier 1\n 11s start 0,1 allreduce 1\n 12s done 0,1 allreduce 1 error=timeout\n stopped", "collective@12s[0] collective@12s[1]"},
		{"in another order", `world 2
			10s start 0 barrier 1
			start 1 allreduce 1
			10.1s done 0 barrier 1 error=timeout
			done 1 allreduce 1 error=timeout
			start 0 allreduce 1
			start 1 barrier 1
			10.2s done 0 allreduce 1 error=timeout
			done 1 barrier 1 error=timeout
			stopped`, ""},
		{"after a split of all", "world 2\n 10s start 0,1 split 1\n done 0,1 split 1 error=x\n start 0,1 barrier 1\n 12s done 0,1 barrier 1 error=timeout\n stopped", "collective@12s[0] collective@12s[1]"},
		{"after a split of one", "world 2\n 10s start 0 split 1\n done 0 split 1\n start 0,1 barrier 1\n 12s done 0,1 barrier 1 error=timeout\n stopped", ""},
		{"one call inside another", `world 2
			10s start 0,1 barrier 1
			start 0,1 barrier 2
			11s done 0,1 barrier 2 error=busy
			done 0,1 barrier 1
			stopped`, ""},
		{"a member crashes on the way", "world 3 protocol=fail-stop\n 10s start 0..2 barrier 1\n 10.1s crash 2\n done 0,1 barrier 1 error=gone\n stopped", ""},
		{"a member ends on the way", "world 3\n 10s start 0..2 barrier 1\n 10.1s end 2 shutdown\n done 0,1 barrier 1 error=gone\n stopped", ""},
		{"a member sleeps on the way", during("pause 3\n resume 3"), ""},
		{"a member panics on the way", "world 3 protocol=fail-stop\n 10s start 0..2 barrier 1\n 10.1s panic 2\n done 0,1 barrier 1 error=gone\n stopped", ""},
		{"too many members for such a network", "world 5 latency=1s\n 10s start 0..4 barrier 1\n 11s done 0..4 barrier 1 error=timeout\n stopped", ""},
		{"few enough", "world 3 latency=1s\n 10s start 0,1,2 barrier 1\n 11s done 1 barrier 1 error=timeout\n done 0,2 barrier 1\n stopped", "collective@11s[1]"},
	}
	for _, e := range []struct{ name, what, want string }{
		{"suspected", "suspect 3 1", ""},
		{"suspected by itself", "suspect 3 3", "?"},
		{"shut down", "app shutdown 3", ""},
		{"told to recover", "app recover 3", "?"},
		{"held", "hold 3", ""},
		{"on a wrong clock", "skew 3 1.01", ""},
		{"partitioned", "partition 0..3|4", ""},
		{"a partition of one group", "partition 0..4", "?"},
		{"cut", "cut 3>4", ""},
		{"slowed", "slow 1ms 3", ""},
		{"losing a tenth", "loss 0.09", "?"},
		{"losing more", "loss 0.1", ""},
		{"losing a tenth on two links", "loss 0.05 0>1\n loss 0.05 1>0", "?"},
		{"losing more on one", "loss 0.05 0>1\n loss 0.05 0>1,1>0", ""},
		{"losing more on one and on all", "loss 0.05 0>1\n loss 0.05", ""},
	} {
		for when, story := range map[string]func(string) string{"before": before, "during": during} {
			want := e.want
			if want == "?" {
				want = map[string]string{"before": bad, "during": "collective@10.2s[0]"}[when]
			}
			examples = append(examples, example{e.name + " " + when, story(e.what), want})
		}
	}
	judgeBut(t, examples, checker.Eviction)
}

// What an act leaves behind is a reason for a while, and no longer; what concerns no member is none.
func TestCollectiveReasonsPass(t *testing.T) {
	const bad = "collective@10.1s[0]"
	var examples []example
	for _, e := range []struct{ name, soon, long string }{
		{"a pause", "3s pause 1\n 6s resume 1", "1s pause 1\n 4s resume 1"},
		{"a suspicion", "3s suspect 0 1\n 6s trust 0 1", "3s suspect 0 1\n 4s trust 0 1"},
		{"a cut", "3s cut 0>1\n 6s rejoin 0>1", "3s cut 0>1\n 4s rejoin 0>1"},
		{"a hold", "3s hold 1\n 6s hold-end 1", "3s hold 1\n 4s hold-end 1"},
		{"a slow node", "1s slow 1s 1\n 3s slow-end 1s 1", "1s slow 1ms 1\n 3s slow-end 1ms 1"},
	} {
		examples = append(examples, example{e.name + ", just now", before(e.soon), ""}, example{e.name + ", long ago", before(e.long), bad})
	}
	const without4 = `world 5 protocol=fail-stop
		1s suspect 0..3 4
		recover 0..3 1 0..3
		`
	const fails = `
		10s start 0..3 barrier 1
		10.1s done 0 barrier 1 error=timeout
		done 1..3 barrier 1
		stopped`
	for _, what := range []string{"suspect 0 4", "suspect 0..3 4\n crash 4", "crash 4", "cut 0>4,4>0", "partition 0..3|4", "slow 1s 4", "loss 0.3 0>4", "hold 4", "suspect 4 0..3\n end 4 evicted", "pause 4"} {
		examples = append(examples, example{"no member: " + what, without4 + what + fails, bad})
	}
	examples = append(
		examples, example{"suspected by one who is no member", without4 + "suspect 4 0" + fails, ""},
		example{"the last one installs the view meanwhile", `world 3
			1s suspect 0,1 2
			recover 0 1 0,1
			start 0 barrier 1
			1.1s recover 1 1 0,1
			start 1 barrier 1
			1.2s done 0,1 barrier 1 error=timeout
			stopped`, ""},
	)
	judgeBut(t, examples, checker.History)
}

func TestCollectiveNeverEnds(t *testing.T) {
	const hangs = "world 3\n 10s start 0..2 barrier 1\n 11s done 0,1 barrier 1\n"
	judgeAll(t, []example{
		{"one of three", hangs + "120s over", "collective@2m0s[2]"},
		{"it ends late", hangs + "119s done 2 barrier 1\n 120s over", ""},
		{"it fails late", hangs + "119s done 2 barrier 1 error=timeout\n 120s over", "collective@1m59s[2]"},
		{"at the time, for a reason", hangs + "69s pause 0\n 69.1s resume 0\n 119s done 2 barrier 1 error=timeout\n 120s over", ""},
		{"just at the time", hangs + "70s pause 0\n 70.1s resume 0\n 119s done 2 barrier 1 error=timeout\n 120s over", ""},
		{"a reason after the time is none", hangs + "71s pause 0\n 71.1s resume 0\n 119s done 2 barrier 1 error=timeout\n 200s over", "collective@1m59s[2]"},
		{"not even at the end", hangs + "71s pause 0\n 71.1s resume 0\n 200s over", "collective@3m20s[2]"},
		{"the run ends soon", hangs + "70s over", "?collective"},
		{"the run ends just late enough", hangs + "70.1s over", "collective@1m10.1s[2]"},
		{"the run did not come to its end", hangs + "120s stopped", "?collective ?recovery"},
		{"a reason", hangs + "11s pause 2\n 13s resume 2\n 120s over", ""},
		{"somebody never calls", "world 3\n 10s start 0,1 barrier 1\n 120s over", ""},
		{"an all-reduce", "world 2\n 10s start 0,1 allreduce 1\n 120s over", "collective@2m0s[0] collective@2m0s[1]"},
		{"a split", "world 2\n 10s start 0,1 split 1\n 120s over", ""},
		{"the next one hangs behind it", hangs + "12s start 0,1 barrier 2\n 13s start 2 barrier 2\n 120s over", "collective@2m0s[2]"},
	})
}

// judgeBut is judgeAll without what a verdict says of some other properties.
func judgeBut(t *testing.T, examples []example, others ...string) {
	t.Helper()
	for _, e := range examples {
		t.Run(e.name, func(t *testing.T) {
			v := tell(t, e.story).judge(t)
			for _, x := range v.Violations {
				if x.Property != checker.Collective && !slices.Contains(others, x.Property) {
					t.Errorf("%s: %s", x.Property, x.Why)
				}
			}
			v.Violations = slices.DeleteFunc(slices.Clone(v.Violations), func(x trace.Violation) bool { return x.Property != checker.Collective })
			v.Undecided = slices.DeleteFunc(v.Undecided, func(u checker.Undecided) bool { return u.Property != checker.Collective })
			got := summary(v)
			if got != e.want {
				t.Errorf("verdict  %s\nexpected %s", got, e.want)
				for _, x := range v.Violations {
					t.Logf("%s: %s", x.Property, x.Why)
				}
			}
		})
	}
}

// Whoever goes back to a view that it had left is judged for that, and its calls there are not taken for those before.
func TestCollectiveBackInAView(t *testing.T) {
	judgeBut(t, []example{
		{"called again", `world 2
			1s start 0 barrier 1
			suspect 0 1
			done 0 barrier 1 error=gone
			2s recover 0 1 0
			start 0 barrier 2
			done 0 barrier 2
			recover 0 0 0,1
			start 0 barrier 3
			3s done 0 barrier 3
			start 1 barrier 1
			done 1 barrier 1
			stopped`, ""},
	}, checker.History, checker.Ranks, checker.Validity, checker.Agreement)
}
