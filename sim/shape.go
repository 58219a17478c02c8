package sim

import "strings"

// Shape is what a violation's sentence says when node numbers, epochs, times and sets are left out: two findings of one
// shape are taken for one, until their capsules tell them apart.
func Shape(why string) string {
	why = strings.ReplaceAll(why, "nodes ", "node ")
	var out []string
	depth := 0
	for _, word := range strings.FieldsFunc(why, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }) {
		depth += strings.Count(word, "[")
		if depth > 0 {
			if depth -= strings.Count(word, "]"); depth <= 0 {
				depth = 0
				out = append(out, "[]"+strings.TrimLeft(word[strings.LastIndexByte(word, ']')+1:], "'s"))
			}
			continue
		}
		out = append(out, plainWord(word))
	}
	text := strings.Join(out, " ")
	for _, joint := range []string{"# and #", "#, #", "# #"} {
		for strings.Contains(text, joint) {
			text = strings.ReplaceAll(text, joint, "#")
		}
	}
	return text
}

// plainWord stands # for a word with a digit in it and leaves its punctuation.
func plainWord(word string) string {
	if !strings.ContainsAny(word, "0123456789") {
		return word
	}
	inner := strings.Trim(word, `.,;:()"'`)
	at := strings.Index(word, inner)
	tail := word[at+len(inner):]
	if i := strings.IndexByte(inner, '\''); i > 0 { // node 3's
		tail = inner[i:] + tail
	}
	return word[:at] + "#" + tail
}
