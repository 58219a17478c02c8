package core

// answerMax bounds how many decisions one message is answered with. Whoever lacks more asks again with its next one.
const answerMax = 8

// answer tells the sender of an older epoch's message the decisions it lacks, up to the one that excludes it. Commits are
// not answered, or two nodes would answer each other; nor is the first ack of a decision that was just told to everybody.
func (n *Node) answer(to NodeID, m *Message, out *Effects) {
	if m.Kind == Commit || m.Kind == Ack && m.Num == 0 {
		return
	}
	for e := int(m.Epoch); e < min(len(n.decided), int(m.Epoch)+answerMax); e++ {
		c := n.commitOf(Epoch(e), n.decided[e])
		out.Send(to, &c)
		if n.decided[e].Has(to) {
			return
		}
	}
}
