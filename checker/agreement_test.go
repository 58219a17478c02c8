package checker_test

import "testing"

// The stories' usual beginning: node 4 of five crashes and everybody notices.
const crash4 = `world 5
	10s crash 4
	15s suspect 0..3 4
`

func TestAgreement(t *testing.T) {
	judgeAll(t, []example{
		{"all the same", crash4 + `15s recover 0..3 1 0..3
			120s over`, ""},
		{"other members", crash4 + `15s suspect 0 3
			16s recover 0 1 0..2
			17s recover 1 1 0..3
			stopped`, "agreement@17s[0 1] ?recovery"},
		{"another order", crash4 + `16s recover 0 1 0..3
			17s install 1 1 1,0,2,3
			stopped`, "agreement@17s[0 1] ranks@17s[1] ?recovery"},
		{"by a node that crashes", crash4 + `15s suspect 0 3
			16s recover 0 1 0..2
			16s crash 0
			17s suspect 1,2,3 0
			17s recover 1,2,3 1 0..3
			18s recover 1,2,3 2 1..3
			120s over`, "agreement@17s[0 1] agreement@17s[0 2] agreement@17s[0 3] eviction@18s[3]"},
		{"in other epochs", crash4 + `15s suspect 0..3 3
			16s recover 0..2 1 0,1,2,3
			17s recover 0..2 2 0,1,2
			18s recover 3 1 0..3
			18s told 3 evicted 2 old=3 new=-1 size=3 dead=3
			end 3 evicted
			120s over`, ""},
		{"epoch 0 again", crash4 + `16s install 0 0 0..3
			stopped`, "agreement@16s[0] history@16s[0] ?recovery"},
	})
}

func TestCommID(t *testing.T) {
	judgeAll(t, []example{
		{"one history", crash4 + `16s recover 0..3 1 0..3 id=aa
			120s over`, ""},
		{"one history, two ids", crash4 + `16s recover 0 1 0..3 id=aa
			17s recover 1,2 1 0..3 id=bb
			18s recover 3 1 0..3 id=aa
			120s over`, "comm-id@17s[0 1] comm-id@17s[0 2]"},
		{"two views, one id", crash4 + `15s suspect 0 3
			16s recover 0 1 0..2 id=aa
			17s recover 1 1 0..3 id=aa
			stopped`, "agreement@17s[0 1] comm-id@17s[0 1] ?recovery"},
		{"two epochs, one id", crash4 + `16s recover 0..3 1 0..3 id=aa
			20s crash 3
			suspect 0..2 3
			20s recover 0..2 2 0..2 id=aa
			120s over`, "comm-id@20s[0] comm-id@20s[0 1] comm-id@20s[0 2]"},
		{"the first view's", crash4 + `16s recover 0..3 1 0..3 id=f00
			120s over`, "comm-id@16s[0] comm-id@16s[1] comm-id@16s[2] comm-id@16s[3]"},
		{"two histories, two ids", `world 4 protocol=fail-stop
			1s partition 0,1|2,3
			8s suspect 0,1 2,3
			suspect 2,3 0,1
			9s recover 0,1 1 0,1 id=aa
			10s recover 2,3 1 2,3 id=bb
			stopped`, "agreement@10s[0 2] agreement@10s[0 3] ?recovery"},
	})
}

func TestRanks(t *testing.T) {
	judgeAll(t, []example{
		{"old order", crash4 + `16s recover 0..3 1 0..3
			120s over`, ""},
		{"swapped", crash4 + `16s recover 0..3 1 1,0,2,3
			120s over`, "ranks@16s[0] ranks@16s[1] ranks@16s[2] ranks@16s[3]"},
		{"twice", crash4 + `16s install 0 1 0,0,1,2,3 dead=4
			stopped`, "ranks@16s[0] ?recovery"},
		{"unknown", crash4 + `16s install 0 1 0,1,2,3,9 dead=4
			stopped`, "ranks@16s[0] ?recovery"},
		{"negative rank", crash4 + `16s install 0 1 0..3 rank=-1
			stopped`, "ranks@16s[0] ?recovery"},
		{"rank of another", crash4 + `16s install 0 1 0..3 rank=1
			stopped`, "ranks@16s[0] ?recovery"},
		{"world size", crash4 + `16s install 0 1 0..3 world=5
			stopped`, "ranks@16s[0] ?recovery"},
		{"no member", crash4 + `15s suspect 1 0
			16s install 0 1 1..3
			stopped`, "ranks@16s[0] ?recovery"},
		{"somebody comes back", crash4 + `16s recover 0..3 1 0..3
			20s install 0 2 0..4
			stopped`, "ranks@20s[0] validity@20s[0] ?recovery"},
	})
}
