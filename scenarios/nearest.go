package scenarios

import "strings"

// longestWord bounds the words that are compared: a longer one is nobody's misspelling, and distance is quadratic.
const longestWord = 64

// Nearest gives the word of known that word was probably meant to be: one that it begins, or one that is a few
// letters away.
func Nearest(word string, known []string) (string, bool) {
	if len(word) > longestWord {
		return "", false
	}
	word = strings.ToLower(word)
	for _, k := range known {
		if len(word) >= 3 && strings.HasPrefix(strings.ToLower(k), word) {
			return k, true
		}
	}
	best, least := "", 2+len(word)/3 // one letter away, and one more for every three
	for _, k := range known {
		if d := distance(word, strings.ToLower(k)); d < min(least, len(word)) {
			best, least = k, d
		}
	}
	return best, best != ""
}

// distance is the number of insertions, deletions, replacements and swaps of neighbours that make b out of a
// (optimal string alignment).
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

// differ is 1 for two different letters.
func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
