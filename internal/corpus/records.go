package corpus

// Record is what is known of a capsule beside what it holds.
type Record struct {
	File       string
	Bug        string   // in a few words
	Text       string   // what it means for somebody who runs the protocol
	Facts      []string // of docs/classic.md
	RepairedBy string   // the first rung without it; empty: none
	Found      Found
}

// Found is the sweep that found a bug: which runs of which scenario show it in which words.
type Found struct {
	Scenario string
	Protocol string
	Property string
	Words    string // of the violation's sentence
}

// Records is the corpus in the order of its pages.
func Records() []Record {
	return []Record{
		{
			File: "orchestrators-end-after-one-crash.json", Bug: "All orchestrators end after a single crash",
			Text: "The first recovery works. Then the new reader of the failure watch fires on the old list, a second round begins without any " +
				"new failure, and its first receive fails, because a rebuilt communicator cannot receive. Nobody watches from then on.",
			Facts: []string{"C5", "C19"}, RepairedBy: "classic+replay",
			Found: Found{"follower-dies", "classic", "recovery", "unknown peer"},
		},
		{
			File: "phantom-view.json", Bug: "A view change without a new failure",
			Text:  "A lone survivor's second round needs no message, so it succeeds: it installs a view that excludes nobody, for a failure that is long handled.",
			Facts: []string{"C5", "C3"}, RepairedBy: "classic+replay",
			Found: Found{"pair-rebuilds-after-a-death", "classic", "validity", "a phantom"},
		},
		{
			File: "endless-rebuilding.json", Bug: "Endless rebuilding",
			Text:  "Each success subscribes anew and fires again: the survivor of a pair rebuilds as fast as it can, for ever, with a new comm_id each time.",
			Facts: []string{"C5", "C7"}, RepairedBy: "classic+replay",
			Found: Found{"pair-rebuilds-after-a-death", "classic", "livelock", "views since the last fault"},
		},
		{
			File: "replayed-list-excludes-a-live-node.json", Bug: "The replayed list excludes a live node",
			Text:  "The old list is read in the new numbering. In it the dead node's rank belongs to somebody who lives, and whom nobody ever suspected.",
			Facts: []string{"C3", "C5"}, RepairedBy: "classic+replay",
			Found: Found{"middle-of-three-dies", "classic", "validity", "which no other node had suspected"},
		},
		{
			File: "no-second-recovery.json", Bug: "A second recovery never happens",
			Text:  "With the replay repaired, one recovery works. The next death finds a communicator that cannot receive, and every orchestrator ends.",
			Facts: []string{"C19", "C11"}, RepairedBy: "classic+routers",
			Found: Found{"second-death-after-recovery", "classic+replay", "recovery", "unknown peer"},
		},
		{
			File: "old-numbers-exclude-a-live-node.json", Bug: "Old numbers exclude a live node",
			Text:  "With routers, the second recovery runs, on root ranks taken for current ones: a live node is excluded for one that is dead.",
			Facts: []string{"C3"}, RepairedBy: "classic+numbering",
			Found: Found{"second-death-in-new-ranks", "classic+routers", "validity", "which no other node had suspected"},
		},
		{
			File: "vote-of-a-dropped-round.json", Bug: "A vote of an earlier generation counts",
			Text:  "A round that was dropped leaves its votes in the lanes. A later round, in another numbering, takes them for its own.",
			Facts: []string{"C10", "C15"}, RepairedBy: "classic+epoch",
			Found: Found{"third-death-meets-an-old-vote", "classic+numbering", "isolation", "used a vote"},
		},
		{
			File: "two-views-of-one-epoch.json", Bug: "Two live members, two views of one epoch",
			Text:  "The leader dies between two agreements. Who was told installs one view; the others begin again with a larger dead set and install another.",
			Facts: []string{"C13", "C15"}, RepairedBy: "classic+epoch",
			Found: Found{"leader-dies-between-two-agreements", "classic+numbering", "agreement", "installed different members"},
		},
		{
			File: "view-of-the-dead-leader.json", Bug: "The leader's own view differs from its followers'",
			Text:  "The leader installs its own agreement before anybody has acknowledged it, and dies. The survivors install another view of the same epoch.",
			Facts: []string{"C13"},
			Found: Found{"leader-installs-and-dies", "classic", "agreement", "installed different members"},
		},
		{
			File: "members-never-install.json", Bug: "Members of an installed view never install it",
			Text:  "The leader dies between two agreements. Whoever was not told waits, or starts a round that the others are not in.",
			Facts: []string{"C13", "C14"},
			Found: Found{"leader-dies-between-two-agreements", "classic+epoch", "recovery", ""},
		},
		{
			File: "failed-send-ends-the-leader.json", Bug: "A failed send ends the leader",
			Text:  "A follower votes and dies. The send of its agreement fails, the leader's orchestrator ends with that error, and whoever comes after in rank order is never told.",
			Facts: []string{"C11", "C13"},
			Found: Found{"voter-dies-after-its-vote", "classic", "recovery", "send agreement"},
		},
		{
			File: "taken-votes-are-gone.json", Bug: "Votes that were taken are gone",
			Text:  "A second death drops the round. The leader begins anew and waits for votes that it had already taken; their senders do not send them again.",
			Facts: []string{"C10"},
			Found: Found{"two-die-within-a-detection", "classic+epoch", "recovery", "timeout waiting for recovery agreement"},
		},
		{
			File: "lock-outlasts-the-round.json", Bug: "The application's lock outlasts the round",
			Text:  "A round waits for the communicator's lock. Held for longer than the recovery timeout, it lets the others time out and end.",
			Facts: []string{"C12", "C13"},
			Found: Found{"lock-held-beyond-the-timeout", "classic", "recovery", "timeout waiting for recovery agreement"},
		},
		{
			File: "split-brain.json", Bug: "Split brain",
			Text:  "There is no quorum. Each half of a partition declares the other half dead and goes on as the group.",
			Facts: []string{"C3", "C13"},
			Found: Found{"halves-that-both-go-on", "classic", "agreement", "installed different members"},
		},
		{
			File: "users-see-the-split.json", Bug: "Users see the split",
			Text:  "Both sides of a partition keep serving what they believe to be the group's one register. A client reads on one side what another has overwritten on the other.",
			Facts: []string{"C3", "C13"},
			Found: Found{"register-split-in-half", "classic", "linearizability", "no order of the calls"},
		},
		{
			File: "excluded-node-panics.json", Bug: "A live node that was excluded panics",
			Text:  "A vote that names the receiver, or an agreement that names its reader, is adopted as it stands, and the rebuild asserts that oneself is not in it.",
			Facts: []string{"C14", "C17"},
			Found: Found{"suspicion-carried-by-a-vote", "classic", "eviction", "panicked"},
		},
		{
			File: "comm-id-drift.json", Bug: "comm_ids drift after an interrupted split",
			Text:  "A death interrupts a split. Members that had finished count one generation more than the others, and the next view has one membership and two ids.",
			Facts: []string{"C18", "C22"},
			Found: Found{"split-interrupted-by-a-death", "classic", "comm-id", "went through the same views"},
		},
		{
			File: "old-chunk-in-a-sum.json", Bug: "An aborted gathering's chunk reaches the next sum",
			Text:  "Tags begin anew in a rebuilt communicator. A chunk that an aborted split left behind has the tag of the first all-reduce, and is added.",
			Facts: []string{"C20", "C23"}, RepairedBy: "classic+epoch",
			Found: Found{"sum-after-an-aborted-gather", "classic", "collective", "the sum of the members' contributions"},
		},
		{
			File: "heartbeat-fails-a-barrier.json", Bug: "A heartbeat fails a barrier",
			Text:  "No fault is needed. The first control message in a peer's lane is a heartbeat, the barrier expected a barrier message, and fails.",
			Facts: []string{"C21"},
			Found: Found{"barrier-under-heartbeats", "classic", "collective", "got heartbeat"},
		},
	}
}
