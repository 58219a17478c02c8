package checker_test

import "testing"

func TestHistory(t *testing.T) {
	judgeAll(t, []example{
		{"install and event", crash4 + `16s recover 0..3 1 0..3
			120s over`, ""},
		{"an epoch left out", crash4 + `16s recover 0..3 2 0..3
			120s over`, "history@16s[0] history@16s[1] history@16s[2] history@16s[3]"},
		{"an epoch twice", crash4 + `16s recover 0..3 1 0..3
			17s recover 0 1 0..3
			stopped`, "validity@17s[0] history@17s[0] ?recovery"},
		{"catches up two epochs", crash4 + `15s suspect 0..2 3
			16s recover 0..2 1 0,1,2,3
			20s crash 3
			21s recover 0,1 2 0..2
			40s recover 2 2 0..2
			120s over`, ""},
		{"two installs before an event", crash4 + `15s suspect 0..2 3
			16s install 0 1 0..3
			install 0 2 0..2
			told 0 recovered 2 old=0 new=0 size=3 dead=3
			stopped`, "history@16s[0] ?recovery"},
		{"event before its install", crash4 + `16s told 0 recovered 1 old=0 new=0 size=4 dead=4
			install 0 1 0..3
			stopped`, "history@16s[0] ?recovery"},
		{"no event", crash4 + `16s recover 1..3 1 0..3
			16s install 0 1 0..3
			120s over`, "history@2m0s[0]"},
		{"no event, because it crashed", crash4 + `16s recover 1..3 1 0..3
			16s install 0 1 0..3
			16s crash 0
			20s suspect 1..3 0
			20s recover 1..3 2 1..3
			120s over`, ""},
		{"no event, because it ended", crash4 + `16s recover 1..3 1 0..3
			16s install 0 1 0..3
			17s end 0 shutdown
			stopped`, "history@17s[0] ?recovery"},
		{"who left", crash4 + `16s recover 0..2 1 0..3
			16s recover 3 1 0..3 dead=3
			120s over`, "history@16s[3]"},
		{"event's epoch", crash4 + `16s install 0 1 0..3
			told 0 recovered 2 old=0 new=0 size=4 dead=4
			stopped`, "history@16s[0] ?recovery"},
		{"event's old rank", crash4 + `16s install 0 1 0..3
			told 0 recovered 1 old=1 new=0 size=4 dead=4
			stopped`, "history@16s[0] ?recovery"},
		{"event's new rank", crash4 + `16s install 0 1 0..3
			told 0 recovered 1 old=0 new=1 size=4 dead=4
			stopped`, "history@16s[0] ?recovery"},
		{"event's size", crash4 + `16s install 0 1 0..3
			told 0 recovered 1 old=0 new=0 size=5 dead=4
			stopped`, "history@16s[0] ?recovery"},
		{"event's dead", crash4 + `16s install 0 1 0..3
			told 0 recovered 1 old=0 new=0 size=4 dead=3
			stopped`, "history@16s[0] ?recovery"},
		{"dead in the old numbering", `world 5
			10s crash 0
			15s suspect 1..4 0
			16s recover 1..4 1 1..4
			20s crash 4
			25s suspect 1..3 4
			26s install 1 2 1..3
			told 1 recovered 2 old=0 new=0 size=3 dead=3
			recover 2,3 2 1..3
			120s over`, ""},
		{"dead in the first numbering", `world 5
			10s crash 0
			15s suspect 1..4 0
			16s recover 1..4 1 1..4
			20s crash 4
			25s suspect 1..3 4
			26s install 1 2 1..3
			told 1 recovered 2 old=0 new=0 size=3 dead=4
			recover 2,3 2 1..3
			120s over`, "history@26s[1]"},
		{"install after the end", crash4 + `16s end 0 shutdown
			17s install 0 1 0..3
			stopped`, "history@17s[0] ?recovery"},
		{"told after the end", crash4 + `16s end 0 shutdown
			17s told 0 quorum-lost 0 old=0 new=0 size=5 dead=4
			stopped`, "history@17s[0] quorum-loss@17s[0] ?recovery"},
		{"ends twice", crash4 + `16s end 0 shutdown
			17s end 0 shutdown
			stopped`, "history@17s[0] ?recovery"},
		{"policy abort", `world 3 policy=abort
			10s crash 2
			15s suspect 0,1 2
			15s told 0 aborted 0 old=0 new=0 size=3 dead=2
			end 0 aborted
			16s told 1 aborted 0 old=1 new=1 size=3 dead=2
			end 1 aborted
			120s over`, ""},
		{"policy abort, installed", `world 3 policy=abort
			10s crash 2
			15s suspect 0,1 2
			16s install 0 1 0,1
			stopped`, "history@16s[0] ?recovery"},
		{"policy abort, installed after it told", `world 3 policy=abort
			10s crash 2
			15s suspect 0,1 2
			15s told 0 aborted 0 old=0 new=0 size=3 dead=2
			16s install 0 1 0,1
			stopped`, "history@16s[0] ?recovery"},
		{"policy abort, not told", `world 3 policy=abort
			10s crash 2
			15s suspect 0,1 2
			end 0 aborted
			stopped`, "history@15s[0] ?recovery"},
		{"policy abort, classic tells nothing", `world 3 policy=abort protocol=classic
			10s crash 2
			15s suspect 0,1 2
			end 0 aborted
			end 1 error
			120s over`, ""},
		{"aborted for nobody suspected", `world 3 policy=abort
			15s told 0 aborted 0 old=0 new=0 size=3 dead=2
			end 0 aborted
			stopped`, "history@15s[0] ?recovery"},
		{"told of an abort, and goes on", `world 3 policy=abort
			10s crash 2
			15s suspect 0,1 2
			15s told 0 aborted 0 old=0 new=0 size=3 dead=2
			15s told 1 aborted 0 old=1 new=1 size=3 dead=2
			end 1 aborted
			120s over`, "history@2m0s[0] recovery@2m0s[0]"},
		{"policy manual", `world 3 policy=manual
			10s crash 2
			15s suspect 0,1 2
			told 0 failure-detected 0 old=0 new=0 size=3 dead=2
			told 1 failure-detected 0 old=1 new=1 size=3 dead=2
			20s app recover 0,1
			20s recover 0,1 1 0,1
			120s over`, ""},
		{"policy manual, not asked", `world 3 policy=manual
			10s crash 2
			15s suspect 0,1 2
			20s app recover 0
			20s recover 0,1 1 0,1
			120s over`, "history@20s[1]"},
		{"the same failure told twice", `world 3 policy=manual
			10s crash 2
			15s suspect 0,1 2
			told 0 failure-detected 0 old=0 new=0 size=3 dead=2
			16s told 0 failure-detected 0 old=0 new=0 size=3 dead=2
			stopped`, "history@16s[0] ?recovery"},
		{"a failure told anew after it was withdrawn", `world 3 policy=manual
			15s suspect 0 2
			told 0 failure-detected 0 old=0 new=0 size=3 dead=2
			16s trust 0 2
			17s suspect 0 2
			told 0 failure-detected 0 old=0 new=0 size=3 dead=2
			18s trust 0 2
			120s over`, ""},
		{"a failure that only another node suspects", `world 3 policy=manual
			15s suspect 0 2
			16s told 1 failure-detected 0 old=1 new=1 size=3 dead=2
			stopped`, "?recovery"},
		{"a failure that nobody suspects", `world 3 policy=manual
			16s told 1 failure-detected 0 old=1 new=1 size=3 dead=2
			stopped`, "history@16s[1] ?recovery"},
		{"a failure out of range", `world 3 policy=manual
			15s suspect 0 2
			16s told 1 failure-detected 0 old=1 new=1 size=3 dead=3
			stopped`, "history@16s[1] ?recovery"},
		{"classic tells all so far, in the first numbering", `world 3 policy=manual protocol=classic
			10s crash 1,2
			15s suspect 0 1,2
			16s told 0 failure-detected 0 old=0 new=0 size=3 dead=1,2
			17s told 0 failure-detected 0 old=0 new=0 size=3 dead=1,2,3
			120s over`, ""},
		{"quorum-lost names whom it suspects", `world 4
			10s crash 0,1
			15s suspect 2,3 0,1
			20s told 2 quorum-lost 0 old=2 new=2 size=4 dead=0,1
			20s told 3 quorum-lost 0 old=3 new=3 size=4 dead=0,1
			120s over`, ""},
		{"quorum-lost names others", `world 4
			10s crash 0,1
			15s suspect 2,3 0,1
			20s told 2 quorum-lost 0 old=2 new=2 size=4 dead=0,3
			20s told 3 quorum-lost 0 old=3 new=3 size=4 dead=0
			120s over`, "history@20s[2] history@20s[3]"},
		{"evicted, with other members than were installed", `world 5
			10s suspect 0 3
			suspect 0 4
			11s recover 0..2 1 0..2
			12s told 4 evicted 1 old=4 new=-1 size=4 dead=4
			end 4 evicted
			told 3 evicted 1 old=3 new=-1 size=3 dead=3,4
			end 3 evicted
			120s over`, "history@12s[4]"},
		{"evicted, and then others were installed", `world 5
			10s suspect 0 3
			suspect 0 4
			10s told 4 evicted 1 old=4 new=-1 size=4 dead=4
			end 4 evicted
			told 3 evicted 1 old=3 new=-1 size=3 dead=3,4
			end 3 evicted
			11s recover 0..2 1 0..2
			120s over`, "history@11s[4]"},
		{"evicted, as one of two sides says", `world 4 protocol=fail-stop
			8s suspect 0,1 2,3
			suspect 2 0,1
			9s recover 0,1 1 0,1
			10s recover 2 1 2,3
			11s told 3 evicted 1 old=3 new=-1 size=2 dead=2,3
			end 3 evicted
			12s told 1 evicted 2 old=1 new=-1 size=1 dead=1
			end 1 evicted
			stopped`, "agreement@10s[0 2] ?recovery"},
		{"evicted event's fields", `world 5
			10s suspect 0..3 4
			11s recover 0..3 1 0..3
			12s told 4 evicted 2 old=4 new=-1 size=4 dead=4
			end 4 evicted
			120s over`, "history@12s[4]"},
		{"evicted without itself among the dead", `world 5
			10s suspect 0..3 4
			11s recover 0..3 1 0..3
			12s told 4 evicted 1 old=4 new=-1 size=4 dead=3
			end 4 evicted
			120s over`, "history@12s[4]"},
		{"evicted with a rank", `world 5
			10s suspect 0..3 4
			11s recover 0..3 1 0..3
			12s told 4 evicted 1 old=4 new=4 size=4 dead=4
			end 4 evicted
			120s over`, "history@12s[4]"},
		{"evicted with a size", `world 5
			10s suspect 0..3 4
			11s recover 0..3 1 0..3
			12s told 4 evicted 1 old=4 new=-1 size=5 dead=4
			end 4 evicted
			120s over`, "history@12s[4]"},
		{"evicted without an end", `world 5
			10s suspect 0..3 4
			11s recover 0..3 1 0..3
			12s told 4 evicted 1 old=4 new=-1 size=4 dead=4
			120s over`, "history@2m0s[4]"},
		{"evicted, and another end", `world 5
			10s suspect 0..3 4
			11s recover 0..3 1 0..3
			12s told 4 evicted 1 old=4 new=-1 size=4 dead=4
			end 4 shutdown
			120s over`, "history@12s[4]"},
		{"ends as evicted without an event", `world 5
			10s suspect 0..3 4
			11s recover 0..3 1 0..3
			12s end 4 evicted
			120s over`, "history@12s[4]"},
	})
}
