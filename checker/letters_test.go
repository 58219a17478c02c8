package checker_test

import (
	"strings"
	"testing"

	"nexarsim/checker"
)

// hello is a message that node 0 sends to rank 1 and that node 1 asks for.
const hello = `10s start 0 send 1 value={"to":1,"tag":7,"data":"aa"}
	start 1 receive 1 value={"from":0,"tag":7}
`

// given is what node 1's receive ends with.
const given = `value={"from":0,"node":0,"to":1,"tag":7,"data":"aa"}`

// twice is two messages of one channel.
const twice = `10s start 0 send 1 value={"to":1,"tag":7,"data":"aa"}
	start 0 send 2 value={"to":1,"tag":7,"data":"bb"}
	start 1 receive 1 value={"from":0,"tag":7}
	start 1 receive 2 value={"from":-1,"tag":7}
`

func TestLetters(t *testing.T) {
	second := strings.Replace(given, "aa", "bb", 1)
	judgeAll(t, []example{
		{"it comes", "world 3\n" + hello + `done 1 receive 1 ` + given + "\ndone 0 send 1\n120s over", ""},
		{"it never comes, and nobody says why", "world 3\n" + hello + "120s over", "collective@2m0s[0 1]"},
		{"it fails beside it", "world 3\n" + hello + "25s done 1 receive 1 error=late\n120s over", "collective@25s[0 1]"},
		{"sooner than that is owed", "world 3\n" + hello + "24.9s done 1 receive 1 error=late\n120s over", ""},
		{"so soon after it was sent", "world 3\n10s start 1 receive 1 value={\"from\":0,\"tag\":7}\n" + `11s start 0 send 1 value={"to":1,"tag":7,"data":"aa"}` + "\n25s done 1 receive 1 error=late\n120s over", ""},
		{"the sender was suspected", "world 3\n" + hello + "12s suspect 2 0\n13s trust 2 0\n25s done 1 receive 1 error=late\n120s over", ""},
		{"when it called", "world 3\n9s suspect 2 0\n" + hello + "12s trust 2 0\n25s done 1 receive 1 error=late\n120s over", ""},
		{"the network was parted", "world 3\n" + hello + "12s partition 0|1,2\n13s heal 0|1,2\n25s done 1 receive 1 error=late\n120s over", ""},
		{"its send had failed", "world 3\n" + hello + "24s done 0 send 1 error=late\n25s done 1 receive 1 error=late\n120s over", ""},
		{"it was for another tag", "world 3\n" + strings.Replace(hello, `"from":0,"tag":7`, `"from":0,"tag":8`, 1) + "25s done 1 receive 1 error=late\n120s over", ""},
		{"it was for another rank", "world 3\n" + strings.Replace(hello, `"from":0`, `"from":2`, 1) + "25s done 1 receive 1 error=late\n120s over", ""},
		{"another receive got it", "world 3\n" + hello + `start 1 receive 2 value={"from":0,"tag":7}` + "\ndone 1 receive 1 " + given + "\n25s done 1 receive 2 error=late\n120s over", ""},

		{"other bytes", "world 3\n" + hello + `done 1 receive 1 ` + second + "\n120s over", "collective@10s[0 1]"},
		{"of another sender", "world 3\n" + hello + `done 1 receive 1 value={"from":2,"node":2,"to":1,"tag":7,"data":"aa"}` + "\n120s over", "collective@10s[1]"},
		{"with another tag", "world 3\n" + hello + `done 1 receive 1 value={"from":0,"node":0,"to":1,"tag":8,"data":"aa"}` + "\n120s over", "collective@10s[1]"},
		{"of a rank that is another node", "world 3\n" + hello + `done 1 receive 1 value={"from":0,"node":2,"to":1,"tag":7,"data":"aa"}` + "\n120s over", "collective@10s[1]"},
		{"of a node that is none", "world 3\n" + strings.Replace(hello, `{"from"`, `{"comm":"aa","from"`, 1) + `done 1 receive 1 value={"from":0,"node":9,"to":1,"tag":7,"data":"aa"}` + "\n120s over", "collective@10s[1]"},
		{"no message", "world 3\n" + hello + "done 1 receive 1 value=1\n120s over", "collective@10s[1]"},
		{"a receive that nobody made", "world 3\n" + hello + `done 1 receive 2 ` + given + "\n120s over", "collective@10s[1] collective@2m0s[0 1]"},
		{"before it was sent", `world 3
			10s start 1 receive 1 value={"from":0,"tag":7}
			done 1 receive 1 ` + given + `
			11s start 0 send 1 value={"to":1,"tag":7,"data":"aa"}
			120s over`, "collective@10s[0 1]"},
		{"to somebody else", "world 3\n" + strings.Replace(hello, `"to":1`, `"to":2`, 1) + `done 1 receive 1 ` + given + "\n120s over", "collective@10s[0 1]"},

		{"both in order", "world 3\n" + twice + "done 1 receive 1 " + given + "\ndone 1 receive 2 " + second + "\n120s over", ""},
		{"by any order of calls", "world 3\n" + twice + "done 1 receive 2 " + given + "\ndone 1 receive 1 " + second + "\n120s over", ""},
		{"overtaken", "world 3\n" + twice + "done 1 receive 1 " + second + "\n120s over", "collective@10s[0 1]"},
		{"overtaking what failed", "world 3\n" + twice + "done 0 send 1 error=late\ndone 1 receive 1 " + second + "\n120s over", ""},
		{"twice", "world 3\n" + twice + "done 1 receive 1 " + given + "\ndone 1 receive 2 " + given + "\n120s over", "collective@10s[0 1]"},
		{"twice the same bytes, sent twice", "world 3\n" + strings.Replace(twice, "bb", "aa", 1) + "done 1 receive 1 " + given + "\ndone 1 receive 2 " + given + "\n120s over", ""},
		{"once the same bytes, then what was behind them: the first had failed", "world 3\n" + strings.Replace(twice, "bb", "aa", 1) + `start 0 send 3 value={"to":1,"tag":7,"data":"cc"}
			start 1 receive 3 value={"from":0,"tag":7}
			done 0 send 1 error=late
			done 1 receive 1 ` + given + "\ndone 1 receive 2 " + strings.Replace(given, "aa", "cc", 1) + "\n120s over", ""},
		{"the same, and none had failed", "world 3\n" + strings.Replace(twice, "bb", "aa", 1) + `start 0 send 3 value={"to":1,"tag":7,"data":"cc"}
			start 1 receive 3 value={"from":0,"tag":7}
			done 1 receive 1 ` + given + "\ndone 1 receive 2 " + strings.Replace(given, "aa", "cc", 1) + "\n120s over", "collective@10s[0 1]"},

		{"an old view's", `world 3 protocol=fail-stop
			10s start 0 send 1 value={"to":1,"tag":7,"data":"aa"}
			crash 2
			15s suspect 0,1 2
			recover 0,1 1 0,1
			done 0 send 1 error=gone
			start 1 receive 1 value={"from":0,"tag":7}
			done 1 receive 1 ` + given + "\n120s over", "collective@15s[0 1]"},
		{"the new view's", `world 3 protocol=fail-stop
			10s start 0 send 1 value={"to":1,"tag":7,"data":"aa"}
			crash 2
			15s suspect 0,1 2
			recover 0,1 1 0,1
			done 0 send 1 error=gone
			start 0 send 2 value={"to":1,"tag":7,"data":"aa"}
			start 1 receive 1 value={"from":0,"tag":7}
			done 1 receive 1 ` + given + "\n120s over", ""},
		{"a receive outlives its view", `world 3 protocol=fail-stop
			10s start 1 receive 1 value={"from":0,"tag":7}
			crash 2
			15s suspect 0,1 2
			recover 0,1 1 0,1
			120s over`, "collective@2m0s[1]"},
		{"a send does", `world 3 protocol=fail-stop
			10s start 1 send 1 value={"to":0,"tag":7,"data":""}
			crash 2
			15s suspect 0,1 2
			recover 0,1 1 0,1
			120s over`, "collective@2m0s[1]"},
		{"it ends with it", `world 3 protocol=fail-stop
			10s start 1 receive 1 value={"from":0,"tag":7}
			crash 2
			15s suspect 0,1 2
			recover 0,1 1 0,1
			done 1 receive 1 error=gone
			120s over`, ""},

		{"on another communicator", "world 3\n" + strings.Replace(hello, `{"to"`, `{"comm":"00000000000000aa","to"`, 1) + `done 1 receive 1 ` + given + "\n120s over", "collective@10s[0 1]"},
		{"on one and the same", "world 3\n" + strings.NewReplacer(`{"to"`, `{"comm":"00000000000000aa","to"`, `{"from"`, `{"comm":"00000000000000aa","from"`).Replace(hello+`done 1 receive 1 `+given) + "\n120s over", ""},
		{"on the view's, by its name", "world 3\n" + strings.Replace(hello, `{"to"`, `{"comm":"0000000000000f00","to"`, 1) + `done 1 receive 1 ` + given + "\n120s over", ""},
	})
}

// TestLettersInTheState: judges that will judge alike encode alike, and others do not; a copy goes its own way.
func TestLettersInTheState(t *testing.T) {
	states := map[string]string{}
	for _, text := range []string{
		"world 3\n10s over", "world 3\n" + hello, "world 3\n" + twice, "world 3\n" + twice + "done 0 send 1 error=late",
		"world 3\n" + hello + "done 1 receive 1 " + given, "world 3\n" + strings.Replace(hello, "aa", "bb", 1),
	} {
		s := tell(t, text)
		j, err := checker.New(&s.h)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.evs {
			j.Observe(&s.evs[i])
		}
		state := string(j.AppendState(nil))
		if before, known := states[state]; known {
			t.Errorf("%q and %q have one state", text, before)
		}
		states[state] = text
		c := j.Clone()
		more := tell(t, "world 3\n10s start 0 send 9 value={\"to\":1,\"tag\":7,\"data\":\"ff\"}")
		for i := range more.evs {
			c.Observe(&more.evs[i])
		}
		if string(j.AppendState(nil)) != state || string(c.AppendState(nil)) == state {
			t.Errorf("%q: a clone and its original share what they know", text)
		}
	}
}
