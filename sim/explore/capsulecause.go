package explore

import (
	"fmt"
	"strings"
)

// cause tells what a schedule needs: what the environment does, in its order, and how many steps of the group lie between.
func cause(s *Schedule) string {
	var parts []string
	between := 0
	flush := func() {
		if between > 0 {
			parts = append(parts, stepsText(between))
			between = 0
		}
	}
	for i := range s.Steps {
		text := s.Steps[i].fault()
		if text == "" {
			between++
			continue
		}
		flush()
		parts = append(parts, text)
	}
	flush()
	const most = 1500
	text := "needs, in this order: " + strings.Join(parts, "; ")
	if len(parts) == 0 {
		return "needs: nothing; it shows at the start"
	}
	if len(text) > most {
		text = text[:strings.LastIndex(text[:most], "; ")] + "; and more"
	}
	return text
}

func stepsText(n int) string {
	if n == 1 {
		return "a step of the group"
	}
	return fmt.Sprintf("%d steps of the group", n)
}

func links(n int) string {
	if n == 1 {
		return "a link"
	}
	return fmt.Sprintf("%d links", n)
}

// fault tells a step of the environment; empty for one of the group.
func (s *Step) fault() string {
	switch s.Do {
	case DoCrash:
		switch s.Lost {
		case 0:
			if len(s.Tails) > 0 {
				return fmt.Sprintf("node %d dies, and with it the last messages of %s", s.Node, links(len(s.Tails)))
			}
			return fmt.Sprintf("node %d dies", s.Node)
		case 1:
			return fmt.Sprintf("node %d dies, and its last message with it", s.Node)
		}
		return fmt.Sprintf("node %d dies, and its last %d messages with it", s.Node, s.Lost)
	case DoSuspect:
		return fmt.Sprintf("node %d suspects %d", s.Node, s.Peer)
	case DoTrust:
		return fmt.Sprintf("node %d trusts %d again", s.Node, s.Peer)
	case DoPartition, DoHeal:
		return "a " + s.String()
	case DoLose:
		return fmt.Sprintf("node %d's %s to %d is lost", s.Node, s.Kind, s.Peer)
	case DoDuplicate:
		return fmt.Sprintf("node %d's %s arrives at %d twice", s.Node, s.Kind, s.Peer)
	}
	return ""
}
