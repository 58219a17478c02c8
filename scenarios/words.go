package scenarios

import "slices"

// The words of the file format. Each list is in the order in which messages show it.
var (
	protocolWords = []string{
		"quorum", "fail-stop", "classic", "classic+replay", "classic+routers", "classic+numbering", "classic+epoch",
	}
	propertyWords = []string{
		"agreement", "comm-id", "ranks", "validity", "history", "isolation", "linearizability", "collective", "eviction",
		"quorum-loss", "recovery", "late", "livelock", "conformance",
	}
	messageWords   = []string{"heartbeat", "vote", "prepare", "agreement", "ack", "commit", "abort", "data", "refusal"}
	policyWords    = []string{"automatic", "manual", "abort"}
	transportWords = []string{"stream", "datagram", "random"}
	appWords       = []string{"split", "barrier", "allreduce", "shutdown", "recover"}
	workloadWords  = []string{"register", "allreduce", "barrier"}
)

// The words that stand for numbers, by number.
var (
	modelWords = []string{Asynchronous: "asynchronous", CrashStop: "crash-stop"}
	actWords   = []string{
		ActCrash: "crash", ActPartition: "partition", ActCut: "cut", ActPause: "pause", ActSuspect: "suspect", ActSlow: "slow",
		ActLoss: "loss", ActDuplicate: "duplicate", ActSkew: "skew", ActHold: "hold", ActApp: "app",
	}
	triggerWords = []string{Sends: "sends", Receives: "receives", Suspects: "suspects", Installs: "installs"}
)

// Protocols gives the names of all protocols, the default first.
func Protocols() []string { return slices.Clone(protocolWords) }

// Properties gives the names of all properties that a verdict may name.
func Properties() []string { return slices.Clone(propertyWords) }

// MessageKinds gives the kinds of messages that a trigger may wait for.
func MessageKinds() []string { return slices.Clone(messageWords) }

// String is the model's name in a scenario file.
func (m Model) String() string { return wordOf(modelWords, int(m)) }

// String is the act's field in a scenario file.
func (k ActKind) String() string { return wordOf(actWords, int(k)) }

// String is the trigger's field in a scenario file.
func (k TriggerKind) String() string { return wordOf(triggerWords, int(k)) }

// wordOf gives the i-th word, or "unknown" for a number that names nothing.
func wordOf(words []string, i int) string {
	if i < 0 || i >= len(words) || words[i] == "" {
		return "unknown"
	}
	return words[i]
}
