package sim

import (
	"slices"

	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

// without is what is left of decisions when a node does not exist.
func without(list []capsule.Decision, node int) []capsule.Decision {
	var out []capsule.Decision
	for _, d := range list {
		switch d.Kind {
		case capsule.Act:
			f := faultWithout(d.Fault, node)
			if f == nil {
				continue
			}
			d.Fault = f
		case capsule.Detect:
			if d.By == node || d.Of == node {
				continue
			}
			d.By, d.Of = renumber(d.By, node), renumber(d.Of, node)
		case capsule.Phase:
			if d.Node == node {
				continue
			}
			d.Node = renumber(d.Node, node)
		default:
			if d.From == node || d.To == node {
				continue
			}
			d.From, d.To = renumber(d.From, node), renumber(d.To, node)
		}
		out = append(out, d)
	}
	return out
}

// renumber is a node's number when one before it is gone.
func renumber(id, gone int) int {
	if id > gone {
		return id - 1
	}
	return id
}

// faultWithout is what is left of an act; nil if nothing is.
func faultWithout(f *scenarios.Fault, node int) *scenarios.Fault {
	out := *f
	if t := f.When; t != nil {
		w := *t
		if w.Node == node || w.Kind == scenarios.Suspects && w.Of == node || w.Peer == node {
			return nil
		}
		w.Node = renumber(w.Node, node)
		if w.Kind == scenarios.Suspects {
			w.Of = renumber(w.Of, node)
		}
		if w.Peer >= 0 {
			w.Peer = renumber(w.Peer, node)
		}
		out.When = &w
	}
	a := &out.Act
	a.Nodes = nodesWithout(a.Nodes, node)
	a.Groups = nil
	for _, g := range f.Act.Groups {
		if g = nodesWithout(g, node); len(g) > 0 {
			a.Groups = append(a.Groups, g)
		}
	}
	a.Links, a.Suspect, a.Skew = nil, nil, nil
	for _, l := range f.Act.Links {
		if l.From != node && l.To != node {
			a.Links = append(a.Links, scenarios.Link{From: renumber(l.From, node), To: renumber(l.To, node)})
		}
	}
	for _, k := range f.Act.Suspect {
		if k.By != node && k.Of != node {
			a.Suspect = append(a.Suspect, scenarios.Accusation{By: renumber(k.By, node), Of: renumber(k.Of, node)})
		}
	}
	for _, k := range f.Act.Skew {
		if k.Node != node {
			k.Node = renumber(k.Node, node)
			a.Skew = append(a.Skew, k)
		}
	}
	if hollow(a, &f.Act) {
		return nil
	}
	return &out
}

// hollow tells whether an act is one no more: the format has no empty lists.
func hollow(a, was *scenarios.Act) bool {
	switch a.Kind {
	case scenarios.ActPartition:
		return len(a.Groups) < 2
	case scenarios.ActCut:
		return len(a.Links) == 0
	case scenarios.ActLoss, scenarios.ActDuplicate:
		return len(a.Links) == 0 && len(was.Links) > 0 // no links would be all links
	case scenarios.ActSuspect:
		return len(a.Suspect) == 0
	case scenarios.ActSkew:
		return len(a.Skew) == 0
	case scenarios.ActNone:
		return true
	}
	return len(a.Nodes) == 0
}

func nodesWithout(nodes []int, node int) []int {
	var out []int
	for _, id := range nodes {
		if id != node {
			out = append(out, renumber(id, node))
		}
	}
	return out
}

// fewer is an act with one thing less in it, in each way that leaves an act: not the whole of it.
func fewer(a *scenarios.Act) []scenarios.Act {
	var all []scenarios.Act
	put := func(change func(b *scenarios.Act)) {
		b := *a
		change(&b)
		all = append(all, b)
	}
	for i := range a.Nodes {
		if len(a.Nodes) > 1 {
			put(func(b *scenarios.Act) { b.Nodes = cut(a.Nodes, i) })
		}
	}
	for i := range a.Links {
		if len(a.Links) > 1 {
			put(func(b *scenarios.Act) { b.Links = cut(a.Links, i) })
		}
	}
	for i := range a.Suspect {
		if len(a.Suspect) > 1 {
			put(func(b *scenarios.Act) { b.Suspect = cut(a.Suspect, i) })
		}
	}
	for i := range a.Skew {
		if len(a.Skew) > 1 {
			put(func(b *scenarios.Act) { b.Skew = cut(a.Skew, i) })
		}
	}
	for i, g := range a.Groups {
		if len(a.Groups) > 2 {
			put(func(b *scenarios.Act) { b.Groups = cut(a.Groups, i) })
		}
		for k := range g {
			if len(g) > 1 {
				put(func(b *scenarios.Act) { b.Groups = slices.Clone(a.Groups); b.Groups[i] = cut(g, k) })
			}
		}
	}
	if a.Silent {
		put(func(b *scenarios.Act) { b.Silent = false })
	}
	return all
}

// cut is a list without one entry.
func cut[T any](list []T, i int) []T { return slices.Concat(list[:i], list[i+1:]) }
