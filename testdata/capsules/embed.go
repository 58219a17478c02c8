// Package capsules holds the corpus of capsules inside the program, so that a binary replays them wherever it runs.
package capsules

import "embed"

// Files is the capsules, by their file names.
//
//go:embed *.json
var Files embed.FS
