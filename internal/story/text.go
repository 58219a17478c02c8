package story

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"nexarsim/checker/trace"
)

// messageText tells a message. Its epoch is told where it is not the sender's own.
func messageText(m *trace.Message, epoch uint64) string {
	var notes []string
	if m.Epoch != epoch {
		notes = append(notes, fmt.Sprintf("epoch %d", m.Epoch))
	}
	if m.Round > 0 {
		notes = append(notes, fmt.Sprintf("round %d", m.Round))
	}
	if len(m.Set) > 0 {
		word := "without "
		if m.Type == "vote" || m.Type == "prepare" {
			word = "suspects "
		}
		notes = append(notes, word+numbers(m.Set))
	}
	if len(notes) == 0 {
		return m.Type
	}
	return m.Type + " (" + strings.Join(notes, ", ") + ")"
}

// effectText tells what a node did, other than sending; nothing if it goes without saying.
func effectText(ev *trace.Event) string {
	switch ev.Kind {
	case trace.Suspect:
		return fmt.Sprintf("suspects %d", ev.Peer)
	case trace.Trust:
		return fmt.Sprintf("trusts %d again", ev.Peer)
	case trace.Install:
		v := ev.Install
		text := fmt.Sprintf("INSTALLS epoch %d: %s", v.Epoch, numbers(v.Members))
		if len(v.Dead) > 0 {
			text += " (without " + numbers(v.Dead) + ")"
		}
		return text
	case trace.Told:
		if ev.Told.Kind == "recovered" {
			return "" // each install is followed by it
		}
		return "tells " + ev.Told.Kind
	case trace.End:
		if ev.Error != "" {
			return fmt.Sprintf("ends: %s: %s", ev.Why, clip(ev.Error))
		}
		return "ends: " + ev.Why
	case trace.Call:
		return callText(ev.Call)
	case trace.Panic:
		return "PANICS: " + clip(ev.Error)
	case trace.Busy:
		return fmt.Sprintf("takes %d steps within one heartbeat interval", ev.N)
	}
	return ""
}

// callText tells the beginning or the end of a call of the application.
func callText(c *trace.Operation) string {
	text := fmt.Sprintf("%s %d", c.Op, c.N)
	switch {
	case c.Phase == "start":
		text = "calls " + text
	case c.Error != "":
		return text + " FAILS: " + clip(c.Error)
	default:
		text += " ends"
	}
	if c.Value != "" {
		text += " with " + clip(c.Value)
	}
	return text
}

// actText tells what the environment did.
func actText(ev *trace.Event) string {
	a := ev.Act
	switch ev.Kind {
	case trace.Crash:
		if ev.Silent {
			return "CRASHES silently"
		}
		return "CRASHES"
	case trace.Pause:
		return "FREEZES"
	case trace.Resume:
		return "WAKES"
	case trace.Partition:
		return "partition " + groups(a.Groups)
	case trace.Cut:
		return "cut " + links(a.Links)
	case trace.Heal:
		if len(a.Links) > 0 {
			return "heal " + links(a.Links)
		}
		return "heal " + groups(a.Groups)
	case trace.Slow, trace.SlowEnd:
		return fmt.Sprintf("%s %s by %v", ev.Kind, numbers(a.Nodes), time.Duration(a.By))
	case trace.Loss, trace.LossEnd, trace.Duplicate, trace.DuplicateEnd:
		return fmt.Sprintf("%s %g %s", ev.Kind, float64(a.Rate)/1e9, links(a.Links))
	case trace.Skew, trace.SkewEnd:
		return ev.Kind.String() + skews(a.Skew)
	case trace.Hold, trace.HoldEnd:
		return fmt.Sprintf("%s %s", ev.Kind, numbers(a.Nodes))
	case trace.App:
		return fmt.Sprintf("application: %s of %s", a.Op, numbers(a.Nodes))
	case trace.SuspectInjected, trace.SuspectEnd:
		return ev.Kind.String() + accusations(a.Suspect)
	}
	return ev.Kind.String()
}

// fewNumbers is how many numbers are written out; of more, neighbours are joined: 1-19 21-64.
const fewNumbers = 8

func numbers(list []int) string {
	if len(list) <= fewNumbers {
		return strings.Trim(fmt.Sprint(list), "[]")
	}
	var parts []string
	for i := 0; i < len(list); {
		k := i
		for k+1 < len(list) && list[k+1] == list[k]+1 {
			k++
		}
		part := strconv.Itoa(list[i])
		if k > i {
			part += "-" + strconv.Itoa(list[k])
		}
		parts, i = append(parts, part), k+1
	}
	return strings.Join(parts, " ")
}

func groups(all [][]int) string {
	parts := make([]string, len(all))
	for i, g := range all {
		parts[i] = numbers(g)
	}
	return strings.Join(parts, " | ")
}

func links(all []trace.Link) string {
	if len(all) == 0 {
		return "on all links"
	}
	parts := make([]string, len(all))
	for i, l := range all {
		parts[i] = fmt.Sprintf("%d->%d", l.From, l.To)
	}
	return strings.Join(parts, " ")
}

func skews(all []trace.ClockSkew) string {
	text := ""
	for _, k := range all {
		text += fmt.Sprintf(" of %d: rate %g, step %v", k.Node, float64(k.Rate)/1e9, time.Duration(k.Step))
	}
	return text
}

func accusations(all []trace.Accusation) string {
	text := ""
	for _, a := range all {
		text += fmt.Sprintf(" of %d by %d", a.Of, a.By)
	}
	return text
}

// clip keeps an error on one line.
func clip(text string) string {
	const longest = 200
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return text
}
