package scenarios

import (
	"fmt"
	"slices"
)

var triggerFields = slices.Concat([]string{"node"}, triggerWords[1:], []string{"nth", "peer", "epoch"})

// largestCount bounds epochs and counts in triggers.
const largestCount = 1_000_000_000

// trigger reads the semantic moment of an act.
func (v value) trigger() *Trigger {
	t := &Trigger{Epoch: -1, Peer: -1, Nth: 1}
	f, ok := v.fields("a trigger such as {node: 0, sends: agreement}", triggerFields)
	if !ok {
		return t
	}
	if n, ok := f.need("node", "whose moment it is: node: 0"); ok {
		t.Node, _ = n.nodeNumber()
	}
	f.condition(t)
	t.Nth = int(f.whole("nth", 1, 1, largestCount))
	f.narrow(t)
	return t
}

// condition reads the one thing that the trigger waits for.
func (f fields) condition(t *Trigger) {
	var found []string
	for _, name := range f.names {
		if slices.Contains(triggerWords[1:], name) {
			found = append(found, name)
		}
	}
	switch {
	case len(found) == 0:
		if !f.unknown {
			f.of.fail("one of sends: KIND, receives: KIND, suspects: NODE, installs: EPOCH", "no condition")
		}
		return
	case len(found) > 1:
		f.byName[found[1]].fail("a trigger waits for one thing", "two conditions: %s and %s", found[0], found[1])
	}
	t.Kind = TriggerKind(slices.Index(triggerWords, found[0]))
	v := f.byName[found[0]]
	switch t.Kind {
	case Sends, Receives:
		t.Message, _ = v.word("message kind", messageWords)
	case Suspects:
		var ok bool
		if t.Of, ok = v.nodeNumber(); ok && f.has("node") && t.Of == t.Node {
			v.fail("", "a node does not suspect itself")
		}
	case Installs:
		t.Epoch, _ = v.whole(0, largestCount)
	}
}

// narrow reads which messages, or which views, count.
func (f fields) narrow(t *Trigger) {
	if v, ok := f.get("peer"); ok {
		n, valid := v.nodeNumber()
		switch {
		case t.Kind == Suspects || t.Kind == Installs:
			v.fail("", "not allowed beside %s: only messages have a peer", t.Kind)
		case valid && f.has("node") && n == t.Node:
			v.fail("", "a node sends nothing to itself")
		default:
			t.Peer = n
		}
	}
	if v, ok := f.get("epoch"); ok {
		e, _ := v.whole(0, largestCount)
		if t.Kind == Installs {
			v.fail(fmt.Sprintf("write installs: %d alone", e), "not allowed beside installs, which names the epoch")
			return
		}
		t.Epoch = e
	}
}
