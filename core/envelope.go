package core

// Envelope is a message from one rank of a communicator to another, with the tag by which its receiver asks for it. Its
// Encode is the Body of a CallSend (To, Tag, Data) and of a CallReceive (From, Tag), and the Result of a CallReceive that
// ended without an error (all fields).
type Envelope struct {
	From Rank   // the sender's; in a CallReceive NoRank stands for any
	To   Rank   // the receiver's
	Node NodeID // the sender's number, which a later view does not change
	Tag  int32  // from 0 to comm.TagMax
	Data string
}

// envelopeHead is the bytes before the data: four little-endian 32-bit numbers.
const envelopeHead = 16

// Encode is the envelope as text.
func (e Envelope) Encode() string {
	b := make([]byte, 0, envelopeHead+len(e.Data))
	for _, x := range [...]int32{int32(e.From), int32(e.To), int32(e.Node), e.Tag} {
		b = append(b, byte(x), byte(x>>8), byte(x>>16), byte(x>>24))
	}
	return string(append(b, e.Data...))
}

// EnvelopeOf is Encode's inverse; false if the text is none.
func EnvelopeOf(text string) (Envelope, bool) {
	if len(text) < envelopeHead {
		return Envelope{}, false
	}
	var head [envelopeHead / 4]int32
	for i := range head {
		b := text[4*i : 4*i+4]
		head[i] = int32(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
	}
	return Envelope{Rank(head[0]), Rank(head[1]), NodeID(head[2]), head[3], text[envelopeHead:]}, true
}
