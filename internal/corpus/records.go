package corpus

// Record is what is known of a capsule beside what it holds.
type Record struct {
	File       string
	Bug        string   // in a few words
	Text       string   // what it means for somebody who runs the protocol
	Facts      []string // of docs/classic.md
	RepairedBy string   // the first rung without it; empty: none. For other protocols: the version without it
	FoundBy    string
}

// Records is the corpus in the order of its pages.
func Records() []Record {
	return []Record{}
}
