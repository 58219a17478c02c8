package explore

import (
	"cmp"
	"fmt"
	"slices"
)

// Where a crash loses the last messages of each link by itself (Config.LinkTails), only the order on a link counts, and an
// outbox stands in the order of its receivers.

// How many mails of each link survive a crash is one word of an act, four bits a receiver.
const (
	keptBits = 4
	keptMost = 1<<keptBits - 1
)

// Tail is what a crash loses of a link: the last messages to a node.
type Tail struct {
	To   int
	Lost int
}

// linkOrder puts mails in the order of their receivers, and leaves those of a link in theirs.
func (w *world) linkOrder(box outbox) {
	slices.SortStableFunc(box, func(a, b uint32) int { return cmp.Compare(w.mails.at(a).of.to, w.mails.at(b).of.to) })
}

// perLink counts the mails of an outbox by receiver.
func (w *world) perLink(box outbox) (n [MaxWorld]int) {
	for _, number := range box {
		n[w.mails.at(number).of.to]++
	}
	return n
}

// linkCrashes lists the crashes of a node: each way to keep the first messages of each link.
func (w *world) linkCrashes(s *State, node int) {
	sent := w.perLink(w.boxes.at(s.boxes[node]).of)
	for to, n := range sent {
		if n > keptMost {
			panic(fmt.Sprintf("%d messages are in flight from %d to %d: a crash is told with at most %d", n, node, to, keptMost))
		}
	}
	var kept [MaxWorld]int
	for done := false; !done; {
		word := uint32(0)
		for to := range kept {
			word |= uint32(sent[to]-kept[to]) << (keptBits * to)
		}
		w.add(act{do: doCrash, node: uint8(node), what: word})
		done = true
		for to := range kept { // the next one, as a counter counts
			if kept[to]++; kept[to] <= sent[to] {
				done = false
				break
			}
			kept[to] = 0
		}
	}
}

// surviving is what a crash leaves of an outbox.
func (w *world) surviving(box outbox, word uint32) outbox {
	var seen [MaxWorld]uint32
	var left outbox
	for _, number := range box {
		to := w.mails.at(number).of.to
		if seen[to]++; seen[to] <= word>>(keptBits*to)&keptMost {
			left = append(left, number)
		}
	}
	return left
}

// tails names what a crash loses.
func (w *world) tails(box outbox, word uint32) (all []Tail) {
	for to, n := range w.perLink(box) {
		if kept := int(word >> (keptBits * to) & keptMost); kept < n {
			all = append(all, Tail{to, n - kept})
		}
	}
	return all
}
