package checker_test

import (
	"strings"
	"testing"
	"time"

	"nexarsim/checker"
)

func TestRecovery(t *testing.T) {
	judgeAll(t, []example{
		{"everybody installs", crash4 + `16s recover 0..3 1 0..3
			120s over`, ""},
		{"nobody does", crash4 + `120s over`, "recovery@2m0s[0 1 2 3]"},
		{"nobody notices", `world 3
			10s crash 2
			120s over`, "recovery@2m0s[0 1]"},
		{"crashed too near the end", `world 3
			100s crash 2
			120s over`, "?recovery"},
		{"another one crashed too near the end", crash4 + `100s crash 3
			120s over`, "?recovery"},
		{"suspected too near the end", `world 5
			10s crash 4
			100s suspect 0..3 4
			120s over`, "?recovery"},
		{"an act ended too near the end", crash4 + `20s slow 5ms 1
			100s slow-end 5ms 1
			120s over`, "?recovery"},
		{"resumed too near the end", crash4 + `20s pause 3
			100s resume 3
			120s over`, "?recovery"},
		{"one never installs", crash4 + `16s recover 0..2 1 0..3
			120s over`, "recovery@2m0s[3]"},
		{"one does not install yet", crash4 + `30s recover 0..2 1 0..3
			50s over`, "?recovery"},
		{"one never installs, and is cut off", crash4 + `15s cut 0>3,1>3,2>3
			16s recover 0..2 1 0..3
			120s over`, ""},
		{"one never installs, and is cut off one way from two", crash4 + `15s cut 0>3,3>1
			16s recover 0..2 1 0..3
			120s over`, "recovery@2m0s[3]"},
		{"one never installs, on links that lose half", crash4 + `15s loss 0.5
			16s recover 0..2 1 0..3
			120s over`, ""},
		{"one never installs, on links that lose a tenth", crash4 + `15s loss 0.1
			16s recover 0..2 1 0..3
			120s over`, "recovery@2m0s[3]"},
		{"one never installs, on a link that loses too much in sum", crash4[:7] + " loss=0.06" + crash4[7:] + `15s loss 0.06 0>3,1>3,2>3
			16s recover 0..2 1 0..3
			120s over`, ""},
		{"one never installs, in a network that loses half", crash4[:7] + " loss=0.5" + crash4[7:] + `16s recover 0..2 1 0..3
			120s over`, "?recovery"},
		{"one never installs, on links slowed by seconds", crash4 + `15s slow 10s 3
			16s recover 0..2 1 0..3
			120s over`, ""},
		{"one never installs, with a clock that stands still", crash4 + `15s skew 3 0.01
			16s recover 0..2 1 0..3
			120s over`, ""},
		{"one never installs, with a clock a little wrong", crash4 + `15s skew 3 1.01
			16s recover 0..2 1 0..3
			120s over`, "recovery@2m0s[3]"},
		{"healed too near the end", crash4 + `15s partition 0..2|3
			16s recover 0..2 1 0..3
			100s heal 0..2|3
			120s over`, "?recovery"},
		{"healed long before", crash4 + `15s partition 0..2|3
			16s recover 0..2 1 0..3
			60s heal 0..2|3
			120s over`, "recovery@2m0s[3]"},
		{"known only to a crashed node", crash4 + `16s recover 0 1 0..3
			17s crash 0
			120s over`, "recovery@2m0s[1 2 3]"},
		{"known only to an evicted node", crash4 + `15s suspect 2 3
			16s told 3 evicted 1 old=3 new=-1 size=3 dead=3,4
			end 3 evicted
			120s over`, "recovery@2m0s[0] recovery@2m0s[1] recovery@2m0s[2]"},
		{"excluded and never told", `world 5
			15s suspect 0 4
			16s recover 0..3 1 0..3
			120s over`, "recovery@2m0s[4]"},
		{"excluded and not told yet", `world 5
			15s suspect 0 4
			100s recover 0..3 1 0..3
			120s over`, "?recovery ?late"},
		{"excluded and paused", `world 5
			15s pause 4
			20s suspect 0..3 4
			21s recover 0..3 1 0..3
			120s over`, ""},
		{"excluded and cut off", `world 5
			15s partition 0..3|4
			20s suspect 0..3 4
			20s suspect 4 0..3
			21s recover 0..3 1 0..3
			25s told 4 quorum-lost 0 old=4 new=4 size=5 dead=0..3
			120s over`, ""},
		{"a shutdown is answered too", `world 3
			10s app shutdown 2
			10s end 2 shutdown
			120s over`, "recovery@2m0s[0 1]"},
		{"a shutdown, answered", `world 3
			10s app shutdown 2
			10s end 2 shutdown
			11s suspect 0,1 2
			recover 0,1 1 0,1
			120s over`, ""},
		{"told to shut down and on its way", crash4 + `15s app shutdown 3
			16s recover 0..2 1 0..3
			120s over`, ""},
		{"no quorum left", `world 4
			10s crash 0,1
			15s suspect 2,3 0,1
			20s told 2 quorum-lost 0 old=2 new=2 size=4 dead=0,1
			20s told 3 quorum-lost 0 old=3 new=3 size=4 dead=0,1
			120s over`, ""},
		{"no quorum left, fail-stop", `world 4 protocol=fail-stop
			10s crash 0,1
			15s suspect 2,3 0,1
			120s over`, "recovery@2m0s[2 3]"},
		{"a majority on one side of a partition", `world 5
			8s partition 0..2|3,4
			10s crash 2
			120s over`, ""},
		{"a majority on one side of a partition, one of the others crashed", `world 5
			8s partition 0..2|3,4
			10s crash 4
			120s over`, "recovery@2m0s[0 1 2]"},
		{"links one way only", `world 5
			8s cut 0>1
			10s crash 4
			120s over`, "?recovery"},
		{"ends with an error", `world 3
			10s end 1 error
			120s over`, "recovery@10s[1]"},
		{"ends as aborted without the policy", `world 3
			10s told 1 aborted 0 old=1 new=1 size=3 dead=-
			end 1 aborted
			120s over`, "recovery@10s[1]"},
		{"ends with an error, stopped", `world 3
			10s end 1 error
			120s stopped`, "?recovery"},
		{"a phantom round ends an orchestrator", `world 3 protocol=classic
			10s crash 2
			15s suspect 0,1 2
			16s recover 0,1 1 0,1
			17s end 0,1 error
			120s over`, "recovery@17s[0] recovery@17s[1]"},
		{"policy manual: nobody asked", `world 3 policy=manual
			10s crash 2
			15s suspect 0,1 2
			120s over`, ""},
		{"policy manual: one asked, and it did", `world 3 policy=manual
			10s crash 2
			15s suspect 0,1 2
			20s app recover 0
			21s recover 0 1 0,1
			120s over`, ""},
		{"policy manual: one asked, and it did not", `world 3 policy=manual
			10s crash 2
			15s suspect 0,1 2
			20s app recover 0
			120s over`, "recovery@2m0s[0]"},
		{"policy manual: both asked, one did", `world 3 policy=manual
			10s crash 2
			15s suspect 0,1 2
			20s app recover 0,1
			21s recover 0 1 0,1
			120s over`, "recovery@2m0s[1]"},
		{"policy manual: asked too near the end", `world 3 policy=manual
			10s crash 2
			15s suspect 0,1 2
			21s app recover 0
			21s recover 0 1 0,1
			100s app recover 1
			120s over`, "?recovery"},
		{"policy manual: one asked again, the other not yet", `world 5 policy=manual
			10s crash 4
			15s suspect 0..3 4
			20s app recover 0..2
			21s recover 0..2 1 0..3
			30s crash 3
			35s suspect 0..2 3
			40s app recover 0,1
			120s over`, "recovery@2m0s[0 1]"},
		{"policy manual: too few follow for another", `world 5 policy=manual
			10s crash 4
			15s suspect 0..3 4
			20s app recover 0
			21s recover 0 1 0..3
			30s crash 3
			35s suspect 0..2 3
			40s app recover 0
			120s over`, ""},
		{"policy manual: excluded and never told", `world 3 policy=manual
			15s suspect 0 2
			20s app recover 0,1
			21s recover 0,1 1 0,1
			120s over`, "recovery@2m0s[2]"},
		{"policy manual: excluded later than it can follow", `world 5 policy=manual
			10s crash 4
			15s suspect 0..3 4
			20s app recover 0..2
			21s recover 0..2 1 0..3
			30s suspect 0 3
			31s app recover 0..2
			32s recover 0..2 2 0..2
			120s over`, ""},
		{"policy abort: nobody ends", `world 3 policy=abort
			10s crash 2
			15s suspect 0,1 2
			120s over`, "recovery@2m0s[0 1]"},
		{"policy abort: one is not told", `world 3 policy=abort
			15s suspect 0 2
			15s told 0 aborted 0 old=0 new=0 size=3 dead=2
			end 0 aborted
			16s told 2 aborted 0 old=2 new=2 size=3 dead=2
			end 2 aborted
			120s over`, "recovery@2m0s[1]"},
		{"policy abort: too near the end", `world 3 policy=abort
			100s crash 2
			120s over`, "?recovery"},
		{"classic: the application holds the lock", `world 3 protocol=classic
			10s crash 2
			11s hold 0
			15s suspect 0,1 2
			120s over`, "?recovery"},
		{"quorum: the application holds the lock", `world 3
			10s crash 2
			11s hold 0
			15s suspect 0,1 2
			120s over`, "recovery@2m0s[0 1]"},
		{"one panics, the others go on", crash4 + `15s panic 3
			16s recover 0..2 1 0..3
			120s over`, "eviction@15s[3]"},
		{"it is over before anything happened", `world 3
			120s over`, ""},
	})
}

func TestLate(t *testing.T) {
	// A crash at 10s, and what is installed by AT or at BEYOND: the bound later, and a millisecond more.
	bound := time.Duration(checker.LateBound(checker.Config{HeartbeatInterval: 1e9, HeartbeatTimeout: 5e9}, checker.Network{LatencyMax: 2e6}))
	at, beyond := 10*time.Second+bound, 10*time.Second+bound+time.Millisecond
	times := strings.NewReplacer("AT", at.String(), "BEYOND", beyond.String())
	examples := []example{
		{"at the bound", `world 5
			10s crash 4
			15s suspect 0..3 4
			AT recover 0..3 1 0..3
			200s over`, ""},
		{"beyond the bound", `world 5
			10s crash 4
			15s suspect 0..3 4
			BEYOND recover 0..3 1 0..3
			200s over`, "late@BEYOND[0] late@BEYOND[1] late@BEYOND[2] late@BEYOND[3]"},
		{"a late suspicion of a crashed node is no excuse", `world 5
			10s crash 4
			30s suspect 0..3 4
			BEYOND recover 0..3 1 0..3
			200s over`, "late@BEYOND[0] late@BEYOND[1] late@BEYOND[2] late@BEYOND[3]"},
		{"a suspicion of a live one arises by itself", `world 5
			30s suspect 0..3 4
			BEYOND recover 0..3 1 0..3
			told 4 evicted 1 old=4 new=-1 size=4 dead=4
			end 4 evicted
			200s over`, ""},
		{"an act ended", `world 5
			10s crash 4
			15s suspect 0..3 4
			20s slow 1ms 1
			21s slow-end 1ms 1
			BEYOND recover 0..3 1 0..3
			200s over`, ""},
		{"lost on streams until then, and still sent again", `world 5
			7s loss 0.5
			10s loss-end 0.5
			crash 4
			15s suspect 0..3 4
			BEYOND recover 0..3 1 0..3
			200s over`, ""},
		{"an act in force", `world 5
			10s slow 1ms 1
			10s crash 4
			15s suspect 0..3 4
			BEYOND recover 0..3 1 0..3
			200s over`, "?late"},
		{"a node paused", `world 5
			10s pause 3
			10s crash 4
			15s suspect 0..2 3,4
			60s recover 0..2 1 0..2
			200s over`, "?late"},
		{"a live member suspected", `world 5
			10s crash 4
			15s suspect 0 1
			15s suspect 0..3 4
			60s recover 0..3 1 0..3
			61s trust 0 1
			200s over`, "?late"},
		{"a network that loses", `world 5 loss=0.01
			10s crash 4
			15s suspect 0..3 4
			BEYOND recover 0..3 1 0..3
			200s over`, "?late"},
		{"policy manual", `world 5 policy=manual
			10s crash 4
			15s suspect 0..3 4
			app recover 0..3
			90s recover 0..3 1 0..3
			200s over`, ""},
		{"classic", `world 5 protocol=classic
			10s crash 4
			15s suspect 0..3 4
			90s recover 0..3 1 0..3
			200s over`, ""},
	}
	for i := range examples {
		examples[i].story, examples[i].want = times.Replace(examples[i].story), times.Replace(examples[i].want)
	}
	judgeAll(t, examples)
}

func TestLivelock(t *testing.T) {
	judgeAll(t, []example{
		{"as many installs as members", `world 3 protocol=classic
			10s suspect 0 2
			11s recover 0 1 0..2
			recover 0 2 0..2
			recover 0 3 0..2
			stopped`, "validity@11s[0] ?recovery"},
		{"one more", `world 3 protocol=classic
			10s suspect 0 2
			11s recover 0 1 0..2
			recover 0 2 0..2
			recover 0 3 0..2
			12s recover 0 4 0..2
			over`, "validity@11s[0] livelock@12s[0] ?recovery"},
		{"one more, after a suspicion", `world 3 protocol=classic
			10s suspect 0 2
			11s recover 0 1 0..2
			recover 0 2 0..2
			recover 0 3 0..2
			12s suspect 1 2
			13s recover 0 4 0..2
			stopped`, "validity@11s[0] ?recovery"},
		{"as many steps", `world 3
			10s busy 1 3000
			120s over`, ""},
		{"more steps", `world 3
			10s busy 1 3001
			over`, "livelock@10s[1] ?recovery"},
	})
}

func TestMalformed(t *testing.T) {
	judgeAll(t, []example{
		{"a dead node acts", `world 3
			10s crash 2
			11s suspect 2 0
			stopped`, "?recovery !event 2 (suspect): node 2 crashed at 10s and acts at 11s"},
		{"a dead node crashes again", `world 3
			10s crash 2
			11s crash 2
			stopped`, "?recovery"},
		{"a paused node acts", `world 3
			10s pause 2
			11s suspect 2 0
			stopped`, "?recovery !event 2 (suspect): node 2 is paused and acts"},
		{"a killed process's last words", `world 3 source=quic
			10s crash 2
			10.1s suspect 2 0
			stopped`, "?recovery"},
		{"a killed process speaks again", `world 3 source=quic
			10s crash 2
			11.1s suspect 2 0
			stopped`, "?recovery !event 2 (suspect): node 2 crashed at 10s and acts at 11.1s"},
		{"a stopped process acts", `world 3 source=quic
			10s pause 2
			11s suspect 2 0
			stopped`, "?recovery"},
		{"over a closed link", `world 3
			10s partition 0|1
			11s used 0<1 vote 0 at 0
			stopped`, "?recovery !event 3: a delivery from node 1 to node 0 over a closed link"},
		{"over an open link", `world 3
			10s partition 0|1
			11s used 0<2 vote 0 at 0
			12s cut 0>1
			used 0<2 vote 0 at 0
			13s heal 0|1
			used 0<1 vote 0 at 0
			stopped`, "?recovery"},
		{"heal of nothing", `world 3
			10s partition 0|1
			11s heal 0|2
			stopped`, "?recovery !event 2: a heal of what is not in force"},
		{"crash-stop: partition", `world 3 model=crash-stop
			10s partition 0|1
			stopped`, "?recovery !event 1: a partition in the crash-stop model"},
		{"crash-stop: pause", `world 3 model=crash-stop
			10s pause 1
			stopped`, "?recovery !event 1: a pause in the crash-stop model"},
		{"crash-stop: suspicion of a live node", `world 3 model=crash-stop
			10s injected 0:1
			stopped`, "?recovery !event 1: a suspicion of node 1 in the crash-stop model, where it lives"},
		{"crash-stop: suspicion of a crashed node", `world 3 model=crash-stop
			10s crash 1
			10s injected 0:1
			stopped`, "?recovery"},
		{"crash-stop: a node suspects by itself", `world 3 model=crash-stop
			10s suspect 0 1
			stopped`, "?recovery"},
	})
}
