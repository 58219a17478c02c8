package checker_test

import "testing"

func TestValidity(t *testing.T) {
	judgeAll(t, []example{
		{"suspected by one", `world 5
			10s crash 4
			15s suspect 0 4
			16s recover 0..3 1 0..3
			120s over`, ""},
		{"suspected by nobody", `world 5
			10s crash 4
			16s recover 0..3 1 0..3
			120s over`, "validity@16s[0 4] validity@16s[1 4] validity@16s[2 4] validity@16s[3 4]"},
		{"suspected by itself only", `world 3
			15s suspect 2 2
			16s recover 0 1 0,1
			stopped`, "validity@16s[0 2] ?recovery"},
		{"suspected too late", `world 3
			10s crash 2
			16s recover 0 1 0,1
			17s suspect 1 2
			17s recover 1 1 0,1
			120s over`, "validity@16s[0 2]"},
		{"withdrawn", `world 3
			15s suspect 0 2
			15s trust 0 2
			16s recover 0,1 1 0,1
			16s told 2 evicted 1 old=2 new=-1 size=2 dead=2
			end 2 evicted
			120s over`, ""},
		{"phantom that changes nothing", crash4 + `16s recover 0..3 1 0..3
			17s recover 0 2 0..3
			stopped`, "validity@17s[0] ?recovery"},
		{"nothing changed, but for a suspicion", crash4 + `16s recover 0..3 1 0..3
			17s suspect 1 0
			17s recover 0 2 0..3
			stopped`, "?recovery"},
		{"two suspicions before one install, two views", crash4 + `15s suspect 0..2 3
			16s recover 0..2 1 0..3
			17s recover 0..2 2 0..2
			17s recover 3 1 0..3
			17s told 3 evicted 2 old=3 new=-1 size=3 dead=3
			end 3 evicted
			120s over`, ""},
		{"phantom from an old suspicion", `world 5
			5s suspect 1 3
			6s trust 1 3
			10s crash 4
			15s suspect 0..3 4
			16s recover 0..3 1 0..3
			20s recover 0 2 0..2
			stopped`, "validity@20s[0] ?recovery"},
		{"the same suspicion, anew", `world 5
			5s suspect 1 3
			6s trust 1 3
			10s crash 4
			15s suspect 0..3 4
			16s recover 0..3 1 0..3
			18s suspect 1 3
			19s trust 1 3
			20s recover 0 2 0..2
			stopped`, "?recovery"},
		{"crash-stop: crashed", `world 3 model=crash-stop
			10s crash 2
			11s suspect 0,1 2
			12s recover 0,1 1 0,1
			120s over`, ""},
		{"crash-stop: suspected, alive", `world 3 model=crash-stop
			11s suspect 0,1 2
			12s recover 0,1 1 0,1
			120s stopped`, "validity@12s[0 2] validity@12s[1 2] ?recovery"},
		{"crash-stop: shut down", `world 3 model=crash-stop
			10s end 2 shutdown
			11s suspect 0,1 2
			12s recover 0,1 1 0,1
			120s over`, ""},
		{"crash-stop: told to shut down, connections closed", `world 3 model=crash-stop protocol=classic
			10s app shutdown 2
			11s suspect 0,1 2
			12s recover 0,1 1 0,1
			120s over`, ""},
		{"asynchronous: suspected, alive", `world 3
			11s suspect 0,1 2
			12s recover 0,1 1 0,1
			12s told 2 evicted 1 old=2 new=-1 size=2 dead=2
			end 2 evicted
			120s over`, ""},
	})
}

func TestIsolation(t *testing.T) {
	judgeAll(t, []example{
		{"own epoch", `world 3
			1s used 0<1 vote 0 at 0
			120s over`, ""},
		{"older epoch", `world 3
			1s used 0<1 vote 0 at 1
			120s over`, "isolation@1s[0 1]"},
		{"later epoch", `world 3
			1s used 0<1 commit 1 at 0
			120s over`, "isolation@1s[0 1]"},
		{"another group", `world 3
			1s used 0<1 vote 0 at 0 group=bad
			120s over`, "isolation@1s[0 1]"},
	})
}

func TestEviction(t *testing.T) {
	const excluded = `world 5
		10s suspect 0 4
		11s recover 0..3 1 0..3
	`
	judgeAll(t, []example{
		{"learns it", excluded + `12s told 4 evicted 1 old=4 new=-1 size=4 dead=4
			end 4 evicted
			120s over`, ""},
		{"is shut down", excluded + `12s end 4 shutdown
			120s over`, ""},
		{"ends with an error", excluded + `12s end 4 error
			120s over`, "eviction@12s[4]"},
		{"crashes instead", excluded + `12s crash 4
			120s over`, ""},
		{"acts in a later view", excluded + `12s install 4 2 1..4 dead=0
			120s stopped`, "validity@12s[0 4] history@12s[4] eviction@12s[4] ?recovery"},
		{"uses a message of a later view", excluded + `12s used 4<0 vote 2 at 2
			stopped`, "eviction@12s[4] ?recovery"},
		{"calls in a later view", excluded + `12s call 4 read 2
			stopped`, "eviction@12s[4] ?recovery"},
		{"goes on in its own view", excluded + `12s call 4 read 0
			used 4<0 vote 0 at 0
			stopped`, "?recovery"},
		{"panics", excluded + `12s panic 4
			120s over`, "eviction@12s[4]"},
		{"somebody else panics", excluded + `12s panic 1
			stopped`, "eviction@12s[1] ?recovery"},
		{"an error before anybody excluded it", `world 5
			10s suspect 0 4
			11s end 4 error
			12s recover 0..3 1 0..3
			120s over`, "recovery@11s[4]"},
	})
}
