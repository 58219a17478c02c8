package core

// AppendState appends a canonical encoding of the node: nodes that will behave alike encode alike. Instants are relative
// to the last step; with an external detector, where the driver fires timers at will, only which ones are armed counts.
func (n *Node) AppendState(buf []byte) []byte {
	buf = append(buf, byte(n.self), byte(n.self>>8), byte(n.status))
	buf = appendUint(buf, uint64(n.view.Epoch))
	buf = appendUint(buf, uint64(len(n.decided)))
	for _, d := range n.decided {
		buf = d.AppendState(buf)
	}
	if n.status == ended {
		return buf
	}
	if n.status == learner {
		return n.appendTimers(buf) // it answers with what is decided, and reads nothing else
	}
	buf = n.appendDetector(buf)
	buf = n.appendTimers(buf)
	buf = append(buf, flag(n.lossTold)|flag(n.consent)<<1)
	buf = appendUint(buf, n.consentID)
	buf = n.told.AppendState(buf)
	buf = appendBallot(buf, n.promised)
	buf = appendBallot(buf, n.accepted)
	buf = n.chosen.AppendState(buf)
	if !n.cfg.ExternalDetector {
		buf = append(buf, n.repeats, n.refusals) // they only lengthen waits, which nobody measures there
	}
	buf = n.lead.appendState(buf)
	if n.leads() {
		return buf // a coordinator votes for nobody before it has promised anew
	}
	return n.voted.AppendState(buf)
}

func (n *Node) appendDetector(buf []byte) []byte {
	buf = n.suspected.AppendState(buf)
	buf = n.witnessed.AppendState(buf)
	buf = n.held.AppendState(buf)
	if n.cfg.ExternalDetector {
		return buf
	}
	buf = appendUint(buf, n.beat)
	for _, s := range n.signs {
		buf = appendUint(buf, s.seq)
		buf = appendUint(buf, uint64(n.last-s.heard))
	}
	return buf
}

func (n *Node) appendTimers(buf []byte) []byte {
	buf = append(buf, byte(n.armed), byte(n.armed>>8))
	if n.cfg.ExternalDetector {
		return buf
	}
	for id := range timerCount {
		if n.armed>>id&1 != 0 {
			buf = appendUint(buf, uint64(n.due[id]-n.last))
		}
	}
	return buf
}

func (l *lead) appendState(buf []byte) []byte {
	buf = append(buf, byte(l.phase)|flag(l.waited)<<4)
	if l.phase == idle {
		return buf
	}
	buf = appendBallot(buf, l.ballot)
	buf = appendBallot(buf, l.refused)
	if l.phase == proposed {
		buf = l.value.AppendState(buf)
		return l.acks.AppendState(buf)
	}
	buf = l.voters.AppendState(buf)
	for voter := l.voters.First(); voter != NoNode; voter = l.voters.Next(voter) {
		for i := range l.votes {
			if v := &l.votes[i]; v.from == voter {
				buf = append(buf, byte(voter), byte(voter>>8))
				buf = appendBallot(buf, v.accepted)
				buf = v.set.AppendState(buf)
			}
		}
	}
	return buf
}

func appendBallot(buf []byte, b Ballot) []byte { return appendUint(buf, b.pack()) }

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}
