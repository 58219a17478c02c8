package corpus

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"nexarsim/checker"
)

// Ladder writes what every schedule of small groups comes to, rung by rung.
func Ladder(w io.Writer, all []Explored) {
	fmt.Fprint(w, ladderHead)
	properties := shownAnywhere(all)
	fmt.Fprintf(w, "| protocol | nodes | crashes | states | `%s` |\n|---|---|---|---|%s\n", strings.Join(properties, "` | `"), strings.Repeat("---|", len(properties)))
	for i := range all {
		e := &all[i]
		fmt.Fprintf(w, "| `%s` | %d | %d | %s |", e.Protocol, e.World, e.Crashes, e.size())
		for _, p := range properties {
			if s := e.Shows(p); s != nil {
				fmt.Fprintf(w, " %d (%s) |", s.Steps, thousands(s.States))
			} else {
				fmt.Fprint(w, " |")
			}
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, ladderTail)
	rungs := ladder()
	for i := range all {
		if e := &all[i]; e.Protocol == rungs[len(rungs)-1] && e.World <= toldWorld {
			e.tell(w)
		}
	}
}

const ladderHead = `
## Every schedule, rung by rung

` + "`nexarsim explore`" + ` goes through all schedules of a group of 2 to 4 nodes of which at most 1 or 2 crash, each at any
moment; nobody is suspected falsely, and the application calls nothing ([explore.md](explore.md) has the rules). A cell gives
the steps of the shortest schedule that breaks the property and, in brackets, how many states show it; an empty one says that
no schedule does. ` + "`make ladder`" + ` makes the table anew.

`

const ladderTail = `
With one crash each rung but the published crate is clean. With two:

- ` + "`classic+replay`" + ` ends endless rebuilding and most phantoms, but in a second recovery orchestrators end because a rebuilt communicator cannot receive.
- ` + "`classic+routers`" + ` ends that. Root ranks are still taken for current ones, which excludes live nodes and makes phantoms.
- ` + "`classic+numbering`" + ` mends it. What is left of ` + "`validity`, `isolation` and `eviction`" + ` are votes and agreements of an earlier round that a later one takes for its own: that needs four nodes.
- ` + "`classic+epoch`" + ` drops those. What stays is the agreement itself: a leader that dies after it has installed, or whose death is known to the transport before it is to the recovery.
`

// tell writes the shortest schedules of a search.
func (e *Explored) tell(w io.Writer) {
	for i := range e.Shown {
		s := &e.Shown[i]
		fmt.Fprintf(w, "\nThe shortest schedule of %d nodes, %s, that breaks `%s` with `%s`: %s.\n\n```\n%s\n```\n", e.World, crashes(e.Crashes), s.Property, e.Protocol, s.Why, strings.Join(s.Told, "\n"))
	}
}

func (e *Explored) size() string {
	text := thousands(e.States)
	if !e.Complete {
		text += ", not complete"
	}
	return text
}

// shownAnywhere is the properties that some search shows, in the judge's order.
func shownAnywhere(all []Explored) []string {
	var names []string
	for _, p := range checker.Properties {
		if slices.ContainsFunc(all, func(e Explored) bool { return e.Shows(p) != nil }) {
			names = append(names, p)
		}
	}
	return names
}

// thousands writes a count with commas.
func thousands(n uint64) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
