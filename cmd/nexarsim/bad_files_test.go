package main

import "strings"

// goodHeader is the first line of a trace of two nodes.
const goodHeader = `{"format":"nexarsim-trace","version":1,"source":"sim","protocol":"quorum","world":2,"model":"asynchronous","config":{},"scenario":{},"seed":"1","comm_id":"0000000000000000","nodes":[{"node":0,"id":"a"},{"node":1,"id":"b"}]}` + "\n"

// traceOf is a trace with some lines after its header.
func traceOf(lines string) string { return goodHeader + lines }

const goodSend = `{"seq":1,"t":5,"node":0,"ev":"send","to":1,"id":2,"msg":{"type":"vote","epoch":0}}` + "\n"

var badTraces = []badCase{
	{name: "trace-empty", args: "check FILE", file: "t.jsonl"},
	{name: "trace-not-json", args: "check FILE", file: "t.jsonl", text: "hello\n"},
	{name: "trace-zeros", args: "check FILE", file: "t.jsonl", make: repeat("", "\x00", 1000, "\n")},
	{name: "trace-format", args: "check FILE", file: "t.jsonl", text: `{"format":"nexarsim-capsule","version":1}` + "\n"},
	{name: "trace-version", args: "check FILE", file: "t.jsonl", text: `{"format":"nexarsim-trace","version":2}` + "\n"},
	{name: "trace-header-field-misspelt", args: "check FILE", file: "t.jsonl", text: `{"format":"nexarsim-trace","version":1,"protokol":"quorum"}` + "\n"},
	{name: "trace-header-field-twice", args: "check FILE", file: "t.jsonl", text: `{"format":"nexarsim-trace","version":1,"version":1}` + "\n"},
	{name: "trace-header-short", args: "check FILE", file: "t.jsonl", text: `{"format":"nexarsim-trace","version":1}` + "\n"},
	{name: "trace-world-beyond", args: "check FILE", file: "t.jsonl", text: `{"format":"nexarsim-trace","version":1,"source":"sim","protocol":"quorum","world":4097}` + "\n"},
	{name: "trace-nodes-missing", args: "check FILE", file: "t.jsonl", text: `{"format":"nexarsim-trace","version":1,"source":"sim","protocol":"quorum","world":2,"model":"asynchronous","config":{},"scenario":{},"seed":"1","comm_id":"0000000000000000","nodes":[{"node":0,"id":"a"}]}` + "\n"},
	{name: "trace-config", args: "check FILE", file: "t.jsonl", text: `{"format":"nexarsim-trace","version":1,"source":"sim","protocol":"quorum","world":1,"model":"asynchronous","config":{"heartbeat_timeout":"soon"},"scenario":{},"seed":"1","comm_id":"0000000000000000","nodes":[{"node":0,"id":"a"}]}` + "\n"},
	{name: "trace-long-line", args: "check FILE", file: "t.jsonl", text: goodHeader + `{"seq":1,"t":0,"node":0,"ev":"panic","error":"`, long: true},
	{name: "trace-long-header", args: "check FILE", file: "t.jsonl", text: `{"format":"`, long: true},
	{name: "trace-nesting", args: "check FILE", file: "t.jsonl", make: repeat(goodHeader+`{"seq":1,"t":0,"node":0,"ev":"install","members":`, "[", mega, "\n")},
	{name: "trace-nesting-value", args: "check FILE", file: "t.jsonl", make: repeat(goodHeader+`{"seq":1,"t":0,"node":0,"ev":"call","op":"read","phase":"end","n":1,"epoch":0,"value":`, "[", mega, "\n")},
	{name: "trace-event-unknown", args: "check FILE", file: "t.jsonl", text: traceOf(`{"seq":1,"t":0,"node":0,"ev":"crush"}` + "\n")},
	{name: "trace-field-misspelt", args: "check FILE", file: "t.jsonl", text: traceOf(`{"seq":1,"t":0,"node":0,"ev":"suspect","peeer":1}` + "\n")},
	{name: "trace-field-twice", args: "check FILE", file: "t.jsonl", text: traceOf(`{"seq":1,"t":0,"t":0,"node":0,"ev":"pause"}` + "\n")},
	{name: "trace-field-missing", args: "check FILE", file: "t.jsonl", text: traceOf(`{"seq":1,"t":0,"node":0,"ev":"suspect"}` + "\n")},
	{name: "trace-nan", args: "check FILE", file: "t.jsonl", text: traceOf(`{"seq":1,"t":NaN,"node":0,"ev":"pause"}` + "\n")},
	{name: "trace-exponent", args: "check FILE", file: "t.jsonl", text: traceOf(`{"seq":1,"t":1e309,"node":0,"ev":"pause"}` + "\n")},
	{name: "trace-time-negative", args: "check FILE", file: "t.jsonl", text: traceOf(`{"seq":1,"t":-1,"node":0,"ev":"pause"}` + "\n")},
	{name: "trace-time-back", args: "check FILE", file: "t.jsonl", text: traceOf(goodSend + `{"seq":2,"t":4,"node":0,"ev":"pause"}` + "\n")},
	{name: "trace-number-missing", args: "check FILE", file: "t.jsonl", text: traceOf(goodSend + `{"seq":3,"t":5,"node":0,"ev":"pause"}` + "\n")},
	{name: "trace-cause-later", args: "check FILE", file: "t.jsonl", text: traceOf(`{"seq":1,"cause":1,"t":0,"node":0,"ev":"pause"}` + "\n")},
	{name: "trace-node-beyond", args: "check FILE", file: "t.jsonl", text: traceOf(`{"seq":1,"t":0,"node":2,"ev":"pause"}` + "\n")},
	{name: "trace-never-sent", args: "check FILE", file: "t.jsonl", text: traceOf(`{"seq":1,"t":0,"node":0,"ev":"deliver","from":1,"id":7,"epoch":0,"used":true}` + "\n")},
	{name: "trace-sent-twice", args: "check FILE", file: "t.jsonl", text: traceOf(goodSend + `{"seq":2,"t":5,"node":0,"ev":"send","to":1,"id":2,"msg":{"type":"vote","epoch":0}}` + "\n")},
	{name: "trace-sent-by-another", args: "check FILE", file: "t.jsonl", text: traceOf(goodSend + `{"seq":2,"t":5,"node":0,"ev":"deliver","from":1,"id":2,"epoch":0,"used":true}` + "\n")},
	{name: "trace-after-verdict", args: "check FILE", file: "t.jsonl", text: traceOf(`{"ev":"verdict","violations":[],"digest":"","steps":0,"installs":0}` + "\n" + goodSend)},
	{name: "trace-empty-line", args: "check FILE", file: "t.jsonl", text: traceOf("\n")},
	{name: "trace-cut", args: "check FILE", file: "t.jsonl", text: traceOf(`{"seq":1,"t":0,"node":0,"ev":"pa`)},
	{name: "trace-impossible", args: "check FILE", file: "t.jsonl", text: traceOf(`{"seq":1,"t":0,"ev":"heal","groups":[[0],[1]]}` + "\n")},
	{name: "replay-capsule", args: "replay FILE", file: "c.json", text: `{"format": "nexarsim-capsule", "version": 1}` + "\n"},
	{name: "replay-quic", args: "replay FILE", file: "t.jsonl", text: `{"format":"nexarsim-trace","version":1,"source":"quic","protocol":"quorum","world":1,"model":"asynchronous","config":{},"scenario":{},"seed":"1","comm_id":"0000000000000000","nodes":[{"node":0,"id":"a"}]}` + "\n"},
	{name: "replay-no-scenario", args: "replay FILE", file: "t.jsonl", text: goodHeader},
	{name: "replay-seed", args: "replay FILE", file: "t.jsonl", text: `{"format":"nexarsim-trace","version":1,"source":"sim","protocol":"quorum","world":1,"model":"asynchronous","config":{},"scenario":{"name":"one","world":1},"seed":"0","comm_id":"0000000000000000","nodes":[{"node":0,"id":"a"}]}` + "\n"},
	{name: "replay-protocol", args: "replay FILE", file: "t.jsonl", text: `{"format":"nexarsim-trace","version":1,"source":"sim","protocol":"raft","world":1,"model":"asynchronous","config":{},"scenario":{"name":"one","world":1},"seed":"1","comm_id":"0000000000000000","nodes":[{"node":0,"id":"a"}]}` + "\n"},
	{name: "replay-long-line", args: "replay FILE", file: "t.jsonl", text: strings.Replace(goodHeader, `"scenario":{}`, `"scenario":{"name":"one","world":2}`, 1) + `{"seq":1,"t":0,"node":0,"ev":"panic","error":"`, long: true},
}

const (
	zeros      = "0000000000000000000000000000000000000000000000000000000000000000"
	goodShape  = `"digest":"` + zeros + `","scenarios":[{"name":"one","sha256":"","protocol":"quorum"}]`
	goodPart   = `"parts":[{"scenarios":["one"],"seeds":"1..9"}]`
	goodMerged = "{" + goodShape + "," + goodPart
)

var badDocuments = []badCase{
	{name: "merge-empty", args: "merge FILE", file: "d.json"},
	{name: "merge-not-json", args: "merge FILE", file: "d.json", text: "{\n  \"runs\": 1,\n  runs: 2\n}\n"},
	{name: "merge-two-documents", args: "merge FILE", file: "d.json", text: goodMerged + "}\n{}\n"},
	{name: "merge-cut", args: "merge FILE", file: "d.json", text: goodMerged},
	{name: "merge-other", args: "merge FILE", file: "d.json", text: `{"scenario":"one","seed":"1","digest":"0123456789abcdef"}`},
	{name: "merge-digest", args: "merge FILE", file: "d.json", text: `{"digest":"xyz"}`},
	{name: "merge-no-parts", args: "merge FILE", file: "d.json", text: `{` + goodShape + `}`},
	{name: "merge-runs-text", args: "merge FILE", file: "d.json", text: "{\n\"runs\": \"many\"}"},
	{name: "merge-runs-negative", args: "merge FILE", file: "d.json", text: `{"runs": -1}`},
	{name: "merge-field-twice", args: "merge FILE", file: "d.json", text: "{\n  \"runs\": 1,\n  \"runs\": 2\n}\n"},
	{name: "merge-nan", args: "merge FILE", file: "d.json", text: `{"runs": NaN}`},
	{name: "merge-exponent", args: "merge FILE", file: "d.json", text: `{"failure_rate_below": 1e309}`},
	{name: "merge-large", args: "merge FILE", file: "d.json", text: `{"digest":"`, long: true},
	{name: "merge-nesting", args: "merge FILE", file: "d.json", make: repeat(`{"runs":`, "[", mega, "")},
	{name: "merge-interrupted", args: "merge FILE", file: "d.json", text: goodMerged + `,"interrupted":true}`},
	{name: "merge-scenario-undescribed", args: "merge FILE", file: "d.json", text: `{` + goodShape + `,"parts":[{"scenarios":["two"],"seeds":"1..9"}]}`},
	{name: "merge-scenario-twice", args: "merge FILE", file: "d.json", text: `{` + goodShape + `,"parts":[{"scenarios":["one","one"],"seeds":"1..9"}]}`},
	{name: "merge-protocol", args: "merge FILE", file: "d.json", text: `{` + goodShape + `,"parts":[{"scenarios":["one"],"protocols":["qorum"],"seeds":"1..9"}]}`},
	{name: "merge-seeds-reversed", args: "merge FILE", file: "d.json", text: `{` + goodShape + `,"parts":[{"scenarios":["one"],"seeds":"9..1"}]}`},
	{name: "merge-shard-garbled", args: "merge FILE", file: "d.json", text: `{` + goodShape + `,"parts":[{"scenarios":["one"],"seeds":"1..9","shards":["one"]}]}`},
	{name: "merge-shard-twice", args: "merge FILE", file: "d.json", text: `{` + goodShape + `,"parts":[{"scenarios":["one"],"seeds":"1..9","shards":["1/3","1/3"]}]}`},
	{name: "merge-shards-of-two", args: "merge FILE", file: "d.json", text: `{` + goodShape + `,"parts":[{"scenarios":["one"],"seeds":"1..9","shards":["1/3","1/4"]}]}`},
	{name: "merge-finding-elsewhere", args: "merge FILE", file: "d.json", text: goodMerged + `,"violations":[{"scenario":"two","protocol":"quorum","seed":"1"}]}`},
	{name: "merge-finding-seed", args: "merge FILE", file: "d.json", text: goodMerged + `,"violations":[{"scenario":"one","protocol":"quorum","seed":"0"}]}`},
	{name: "merge-twice", args: "merge FILE FILE", file: "d.json", text: goodMerged + "}"},
	{name: "merge-twice-within", args: "merge FILE", file: "d.json", text: `{` + goodShape + `,"parts":[{"scenarios":["one"],"seeds":"1..9"},{"scenarios":["one"],"seeds":"9,12"}]}`},
	{name: "merge-bomb", args: "merge FILE", file: "d.json", make: repeat(`{`+goodShape+`,"parts":[{"scenarios":["one"],"seeds":"1..9","shards":["1/1000000"`, `,"1/1000000"`, 600_000, "]}]}")},
}
