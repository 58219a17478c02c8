package main

import "strings"

// goodCapsule is a capsule of three nodes without decisions.
const goodCapsule = `{
"format":"nexarsim-capsule","version":1,
"mode":"timed",
"scenario":{"name":"one","world":3},
"protocol":"quorum",
"seed":"1",
"decisions":[],
"verdict":{"violations":[]},
"digest":"0123456789abcdef",
"steps":1,
"found_by":{"command":"hand","version":"(devel)"}
}
`

// capsuleWith is a capsule with something in the place of something.
func capsuleWith(old, new string) string {
	if strings.Count(goodCapsule, old) != 1 {
		panic("goodCapsule does not have once: " + old)
	}
	return strings.Replace(goodCapsule, old, new, 1)
}

// deciding is a capsule with decisions.
func deciding(list string) string {
	return capsuleWith(`"decisions":[]`, "\"decisions\":[\n"+list+"\n]")
}

const aPacket = `{"link":[0,1],"kind":"vote","epoch":0,"nth":1,"delay":"1ms"}`

// crashing is a capsule of mode schedule whose one step is a crash.
func crashing(lost string) string {
	return strings.Replace(deciding(`{"do":"crash","node":1,`+lost+`}`), `"timed"`, `"schedule","budget":{"crashes":1,"link_tails":true}`, 1)
}

func badCapsule(name, text string) badCase {
	return badCase{name: "capsule-" + name, args: "replay FILE", file: "c.json", text: text}
}

func largeCapsule(name string, make func() []byte) badCase {
	return badCase{name: "capsule-" + name, args: "replay FILE", file: "c.json", make: make}
}

var badCapsules = []badCase{
	{name: "capsule-shrink-empty", args: "shrink FILE", file: "c.json"},
	{name: "capsule-shrink-trace", args: "shrink FILE", file: "c.json", text: goodHeader},
	{name: "capsule-shrink-passes", args: "shrink FILE", file: "c.json", text: goodCapsule},
	{name: "capsule-shrink-large", args: "shrink FILE", file: "c.json", text: `{"format":"`, long: true},
	{name: "capsule-large", args: "replay FILE", file: "c.json", text: `{"format":"nexarsim-capsule","version":1,"cause":"`, long: true},
	badCapsule("version", capsuleWith(`"version":1`, `"version":2`)),
	badCapsule("version-exponent", capsuleWith(`"version":1`, `"version":1e0`)),
	badCapsule("version-late", capsuleWith(`,"version":1`, "")),
	badCapsule("cut", goodCapsule[:len(goodCapsule)/2]),
	badCapsule("cut-in-decision", deciding(aPacket)[:len(deciding(aPacket))-200]),
	badCapsule("two", goodCapsule+goodCapsule),
	badCapsule("field-unknown", capsuleWith(`"mode"`, `"moed"`)),
	badCapsule("field-twice", capsuleWith(`"seed":"1"`, `"seed":"1","seed":"2"`)),
	badCapsule("field-missing", capsuleWith(`"seed":"1",`, "")),
	badCapsule("mode-unknown", capsuleWith(`"timed"`, `"timeless"`)),
	badCapsule("mode-wrong", deciding(`{"do":"crash","node":1}`)),
	badCapsule("mode-schedule-wrong", strings.Replace(deciding(aPacket), `"timed"`, `"schedule"`, 1)),
	badCapsule("mode-schedule-field", strings.Replace(deciding(`{"do":"crash","node":1,"peer":2}`), `"timed"`, `"schedule"`, 1)),
	badCapsule("crash-tail-and-tails", crashing(`"tail":1,"tails":[[2,1]]`)),
	badCapsule("crash-tails-descending", crashing(`"tails":[[2,1],[0,1]]`)),
	badCapsule("crash-tails-none", crashing(`"tails":[[2,0]]`)),
	badCapsule("crash-tails-of-three", crashing(`"tails":[[2,1,1]]`)),
	badCapsule("seed-number", capsuleWith(`"seed":"1"`, `"seed":1`)),
	badCapsule("seed-zero", capsuleWith(`"seed":"1"`, `"seed":"0"`)),
	badCapsule("seed-beyond", capsuleWith(`"seed":"1"`, `"seed":"18446744073709551616"`)),
	badCapsule("name-traversal", capsuleWith(`"name":"one"`, `"name":"../../etc/passwd"`)),
	badCapsule("protocol-traversal", capsuleWith(`"quorum"`, `"../quorum"`)),
	badCapsule("protocol-unknown", capsuleWith(`"quorum"`, `"qorum"`)),
	badCapsule("command-traversal", capsuleWith(`"hand"`, `"/bin/sh"`)),
	badCapsule("scenario-misspelt", capsuleWith(`"world":3`, `"wrold":3`)),
	badCapsule("scenario-twice", capsuleWith(`"world":3`, `"world":3,"world":4`)),
	badCapsule("scenario-range", capsuleWith(`"world":3`, `"world":"3..5"`)),
	badCapsule("scenario-random-transport", capsuleWith(`"world":3`, `"world":3,"network":{"transport":"random"}`)),
	badCapsule("scenario-faults", capsuleWith(`"world":3`, `"world":3,"faults":[{"at":"1s","crash":[0]}]`)),
	badCapsule("scenario-not-json", capsuleWith(`"world":3`, `world: 3`)),
	badCapsule("world-beyond", capsuleWith(`"world":3`, `"world":4097`)),
	badCapsule("property-unknown", capsuleWith(`"decisions"`, `"property":"agrement","decisions"`)),
	badCapsule("property-not-in-verdict", capsuleWith(`"decisions"`, `"property":"agreement","decisions"`)),
	badCapsule("digest", capsuleWith(`0123456789abcdef`, `0123456789ABCDEF`)),
	badCapsule("steps-negative", capsuleWith(`"steps":1`, `"steps":-1`)),
	badCapsule("steps-nan", capsuleWith(`"steps":1`, `"steps":NaN`)),
	badCapsule("steps-fraction", capsuleWith(`"steps":1`, `"steps":1.5`)),
	badCapsule("cause-controls", capsuleWith(`"decisions"`, `"cause":"\u001b[2J","decisions"`)),
	badCapsule("decision-empty", deciding(`{}`)),
	badCapsule("decision-list", deciding(`[]`)),
	badCapsule("decision-node-beyond", deciding(`{"link":[0,3],"kind":"vote","epoch":0,"nth":1,"delay":"1ms"}`)),
	badCapsule("decision-node-negative", deciding(`{"link":[0,-1],"kind":"vote","epoch":0,"nth":1,"delay":"1ms"}`)),
	badCapsule("decision-to-itself", deciding(`{"link":[1,1],"kind":"vote","epoch":0,"nth":1,"delay":"1ms"}`)),
	badCapsule("decision-link-of-three", deciding(`{"link":[0,1,2],"kind":"vote","epoch":0,"nth":1,"delay":"1ms"}`)),
	badCapsule("decision-nth-zero", deciding(`{"link":[0,1],"kind":"vote","epoch":0,"nth":0,"delay":"1ms"}`)),
	badCapsule("decision-nth-huge", deciding(`{"link":[0,1],"kind":"vote","epoch":0,"nth":99999999999999999999,"delay":"1ms"}`)),
	badCapsule("decision-kind-strange", deciding(`{"link":[0,1],"kind":"VOTE\n","epoch":0,"nth":1,"delay":"1ms"}`)),
	badCapsule("decision-delay-number", deciding(`{"link":[0,1],"kind":"vote","epoch":0,"nth":1,"delay":1000}`)),
	badCapsule("decision-delay-negative", deciding(`{"link":[0,1],"kind":"vote","epoch":0,"nth":1,"delay":"-1ms"}`)),
	badCapsule("decision-delay-huge", deciding(`{"link":[0,1],"kind":"vote","epoch":0,"nth":1,"delay":"99999999h"}`)),
	badCapsule("decision-lost-and-late", deciding(`{"link":[0,1],"kind":"vote","epoch":0,"nth":1,"delay":"1ms","lost":true}`)),
	badCapsule("decision-lost-false", deciding(`{"link":[0,1],"kind":"vote","epoch":0,"nth":1,"lost":false}`)),
	badCapsule("decision-default", deciding(`{"link":[0,1],"kind":"vote","epoch":0,"nth":1}`)),
	badCapsule("decision-two-kinds", deciding(`{"link":[0,1],"phase":1,"kind":"vote","epoch":0,"nth":1,"delay":"1ms"}`)),
	badCapsule("decision-twice", deciding(aPacket+",\n"+aPacket)),
	badCapsule("decision-during", deciding(`{"link":[0,1],"kind":"vote","epoch":2,"during":1,"nth":1,"delay":"1ms"}`)),
	badCapsule("decision-detect-itself", deciding(`{"detect":{"by":1,"of":1},"after":"3s"}`)),
	badCapsule("act-misspelt", deciding(aPacket+",\n"+`{"act":{"at":"1s","crush":[0]}}`)),
	badCapsule("act-node-beyond", deciding(`{"act":{"at":"1s","crash":[0]}},`+"\n"+`{"act":{"at":"1s","crash":[7]}}`)),
	badCapsule("act-random", deciding(`{"act":{"random":{"crashes":1}}}`)),
	badCapsule("act-escapes", deciding(`{"act":{"at":"1s","crash":[0]}]}`)),
	badCapsule("act-text", deciding(`{"act":"crash"}`)),
	badCapsule("order-itself", capsuleWith(`"verdict"`, `"orders":[{"first":{"node":1,"dies":true},"then":{"node":1,"dies":true}}],"verdict"`)),
	badCapsule("order-half", capsuleWith(`"verdict"`, `"orders":[{"first":{"node":1,"dies":true}}],"verdict"`)),
	badCapsule("order-event", capsuleWith(`"verdict"`, `"orders":[{"first":{"node":1,"dies":true},"then":{"node":1,"receives":"vote"}}],"verdict"`)),
	badCapsule("violation-incomplete", capsuleWith(`"violations":[]`, `"violations":[{"property":"agreement"}]`)),
	largeCapsule("many-decisions", repeat(strings.SplitAfter(strings.Replace(goodCapsule, "timed", "schedule", 1), `"decisions":[`)[0], `{"do":"crash","node":1},`, 600_000, "")),
	badCapsule("decisions-in-number", capsuleWith(`"decisions":[]`, `"decisions":1000000000`)),
	largeCapsule("many-acts", repeat(strings.SplitAfter(deciding(""), `"decisions":[`)[0], `{"act":{"at":"1s","crash":[0]}},`, 99_000, `{"act":{"at":"1s","crash":[0]}}`+strings.SplitAfter(goodCapsule, `"decisions":[`)[1])),
	largeCapsule("nesting", repeat(strings.SplitAfter(deciding(""), `"decisions":[`)[0], "[", mega, "")),
	largeCapsule("nesting-scenario", repeat(strings.SplitAfter(goodCapsule, `"scenario":`)[0]+`{"name":`, "[", mega, "")),
	largeCapsule("nesting-act", repeat(strings.SplitAfter(deciding(""), `"decisions":[`)[0]+`{"act":{"at":`, `{"a":`, mega, "")),
	largeCapsule("not-utf8", repeat(`{"format":"nexarsim-capsule","version":1,"cause":"`, "\xff", 10, `"}`)),
	largeCapsule("many-violations", repeat(strings.SplitAfter(goodCapsule, `"violations":[`)[0], `{"property":"agreement","t":1,"nodes":[0],"why":"x"},`, 200_000, "")),
}
