// Package corpus keeps the capsules of testdata/capsules honest: each is replayed on the protocol that it was found on and
// on every rung that repairs it, and what replay says becomes docs/findings.md and the corpus' own README. It finds
// nothing itself and shrinks nothing.
//
//	all, err := corpus.Load("../../testdata/capsules")
//	for i := range all { err = all[i].Replay() }
//	corpus.Findings(os.Stdout, all)
package corpus
