package checker_test

import "testing"

func TestQuorumLoss(t *testing.T) {
	const lost = `world 4
		10s crash 2,3
		15s suspect 1 2,3
		15s suspect 0 2,3
	`
	judgeAll(t, []example{
		{"half with the lowest rank goes on", lost + `16s recover 0,1 1 0,1
			120s over`, ""},
		{"half without it installs", `world 4
			10s crash 0,1
			15s suspect 2,3 0,1
			16s recover 2,3 1 2,3
			120s over`, "quorum-loss@16s[2] quorum-loss@16s[3]"},
		{"a minority installs", `world 5
			10s suspect 0,1 2..4
			11s recover 0,1 1 0,1
			stopped`, "quorum-loss@11s[0] quorum-loss@11s[1] ?recovery"},
		{"fail-stop installs", `world 5 protocol=fail-stop
			10s crash 1..4
			15s suspect 0 1..4
			16s recover 0 1 0
			120s over`, ""},
		{"said in time", `world 4
			10s crash 0,1
			15s suspect 2,3 0,1
			45s told 2 quorum-lost 0 old=2 new=2 size=4 dead=0,1
			told 3 quorum-lost 0 old=3 new=3 size=4 dead=0,1
			120s over`, ""},
		{"said late", `world 4
			10s crash 0,1
			15s suspect 2,3 0,1
			45s told 2 quorum-lost 0 old=2 new=2 size=4 dead=0,1
			46s told 3 quorum-lost 0 old=3 new=3 size=4 dead=0,1
			120s over`, "quorum-loss@45s[3]"},
		{"never said", `world 4
			10s crash 0,1
			15s suspect 2,3 0,1
			120s over`, "quorum-loss@45s[2] quorum-loss@45s[3]"},
		{"the end is too near", `world 4
			10s crash 0,1
			15s suspect 2,3 0,1
			45s over`, "?quorum-loss"},
		{"trust comes back first", `world 4
			15s suspect 2,3 0,1
			44s trust 2,3 0
			120s over`, ""},
		{"trust comes back, and goes again", `world 4
			15s suspect 2 0,1
			30s trust 2 0
			31s suspect 2 0
			60s told 2 quorum-lost 0 old=2 new=2 size=4 dead=0,1
			61s trust 2 0
			62s suspect 2 0
			63s told 2 quorum-lost 0 old=2 new=2 size=4 dead=0,1
			64s trust 2 0,1
			120s over`, ""},
		{"said twice of one loss", `world 4
			15s suspect 2 0,1
			30s told 2 quorum-lost 0 old=2 new=2 size=4 dead=0,1
			31s told 2 quorum-lost 0 old=2 new=2 size=4 dead=0,1
			32s trust 2 0,1
			120s over`, "quorum-loss@31s[2]"},
		{"said twice, long after", `world 4
			15s suspect 2 0,1
			30s told 2 quorum-lost 0 old=2 new=2 size=4 dead=0,1
			90s told 2 quorum-lost 0 old=2 new=2 size=4 dead=0,1
			91s trust 2 0,1
			180s over`, "quorum-loss@1m30s[2]"},
		{"said without a loss", `world 4
			15s suspect 2 0
			30s told 2 quorum-lost 0 old=2 new=2 size=4 dead=0
			31s trust 2 0
			120s over`, "quorum-loss@30s[2]"},
		{"paused meanwhile", `world 4
			15s suspect 2 0,1
			20s pause 2
			50s resume 2
			80s told 2 quorum-lost 0 old=2 new=2 size=4 dead=0,1
			81s trust 2 0,1
			150s over`, ""},
		{"paused meanwhile, and then too slow", `world 4
			15s suspect 2 0,1
			20s pause 2
			50s resume 2
			81s told 2 quorum-lost 0 old=2 new=2 size=4 dead=0,1
			81s trust 2 0,1
			150s over`, "quorum-loss@1m20s[2]"},
		{"paused to the end", `world 4
			15s suspect 2 0,1
			20s pause 2
			150s over`, "?quorum-loss"},
		{"skewed", `world 4
			10s skew 2 1.5
			15s suspect 2 0,1
			60s skew-end 2 1.5
			90s told 2 quorum-lost 0 old=2 new=2 size=4 dead=0,1
			91s trust 2 0,1
			180s over`, ""},
		{"its clock was set", `world 4
			15s suspect 2 0,1
			20s skew 2 1 step=-1h
			20s skew-end 2 1 step=-1h
			90s over`, "?quorum-loss"},
		{"another view, still no quorum: said already", `world 5
			15s suspect 4 0..2
			20s told 4 quorum-lost 0 old=4 new=4 size=5 dead=0..2
			30s recover 4 1 0,1,2,4
			60s trust 4 0..2
			stopped`, "validity@30s[3 4] ?recovery"},
		{"another view, still no quorum: said again", `world 5
			15s suspect 4 0..2
			20s told 4 quorum-lost 0 old=4 new=4 size=5 dead=0..2
			30s recover 4 1 0,1,2,4
			35s told 4 quorum-lost 1 old=3 new=3 size=4 dead=0..2
			60s trust 4 0..2
			stopped`, "validity@30s[3 4] ?recovery"},
		{"policy abort owes none", `world 4 policy=abort
			10s crash 0,1
			15s suspect 2,3 0,1
			15s told 2 aborted 0 old=2 new=2 size=4 dead=0,1
			end 2 aborted
			15s told 3 aborted 0 old=3 new=3 size=4 dead=0,1
			end 3 aborted
			120s over`, ""},
		{"crashed meanwhile", `world 4
			15s suspect 2 0,1
			20s crash 2
			120s over`, "recovery@2m0s[0 1 3]"},
		{"fail-stop is not judged", `world 4 protocol=fail-stop
			15s suspect 2 0,1
			120s over`, ""},
	})
}
