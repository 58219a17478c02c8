package capsule

import (
	"fmt"
	"slices"
)

var (
	orderFields = []string{"first", "then"}
	eventFields = []string{"node", "sends", "receives", "suspects", "installs", "dies", "peer", "epoch", "during", "nth"}
)

// eventShapes has the fields of each moment.
var eventShapes = []struct {
	moment    Moment
	name      string
	need, may []string
}{
	{Sends, "sends", []string{"node", "sends", "peer", "epoch", "nth"}, []string{"during"}},
	{Receives, "receives", []string{"node", "receives", "peer", "epoch", "nth"}, []string{"during"}},
	{Suspects, "suspects", []string{"node", "suspects", "nth"}, nil},
	{Installs, "installs", []string{"node", "installs"}, nil},
	{Dies, "dies", []string{"node", "dies"}, nil},
}

func (r *reader) orders() {
	if r.c.Mode != Timed {
		r.fail("only capsules of mode timed have orders")
	}
	r.list("a list of orders", func(i int) {
		r.space()
		start, n := r.at, 0
		if i >= maxOrders {
			r.fail("more than %d orders", maxOrders)
		}
		o := Order{Line: r.lineOf(start)}
		r.object(`{"first":{..},"then":{..}}`, orderFields, func(name string) {
			n++
			if name == "first" {
				o.First = r.event()
			} else {
				o.Then = r.event()
			}
		})
		switch {
		case r.err != nil:
		case n != 2:
			r.failAt(start, "", "expected first and then")
		case o.First == o.Then:
			r.failAt(start, "", "an event before itself")
		}
		r.c.Orders = append(r.c.Orders, o)
	})
}

func (r *reader) event() (e Event) {
	r.space()
	start := r.at
	var names []string
	r.object(`an event such as {"node":1,"suspects":3,"nth":1}`, eventFields, func(name string) {
		names = append(names, name)
		switch name {
		case "node":
			e.Node = r.node()
		case "sends", "receives":
			e.Message = r.matching(protocolName, "a kind of message")
		case "suspects", "peer":
			e.Peer = r.node()
		case "installs", "epoch":
			e.Epoch = r.count(0)
		case "dies":
			r.yes()
		case "during":
			e.During = r.count(1)
		case "nth":
			e.Nth = r.count(1)
		}
	})
	if r.err != nil {
		return e
	}
	for _, s := range eventShapes {
		if !slices.Contains(names, s.name) {
			continue
		}
		e.Moment = s.moment
		for _, name := range s.need {
			if !slices.Contains(names, name) {
				r.failAt(start, "", "%s without %s", s.name, name)
			}
		}
		for _, name := range names {
			if !slices.Contains(s.need, name) && !slices.Contains(s.may, name) {
				r.failAt(start, "", "%s is not allowed beside %s", name, s.name)
			}
		}
		if slices.Contains(s.need, "peer") && e.Peer == e.Node {
			r.failAt(start, "", "node and peer are the same")
		}
		return e
	}
	r.failAt(start, "", "expected one of sends, receives, suspects, installs, dies")
	return e
}

// ordinal tells a how-many-th before a noun: nothing for the first.
func ordinal(n uint64) string {
	switch n {
	case 0, 1:
		return ""
	case 2:
		return "second "
	case 3:
		return "third "
	}
	return fmt.Sprintf("%d-th ", n)
}
