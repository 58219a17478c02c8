// Package trace is the file format of recorded runs: JSON Lines, one header and then one event a line, the same from the
// simulator and from a real cluster.
//
// Writer and Reader are each other's inverse. Writer gives the same bytes for the same events on every machine; Reader
// refuses whatever breaks the format, names file, line and field (FormatError), and stays within bounded memory whatever
// it is fed. Neither judges: what a node did, however absurd, is read as it stands, and package checker says what it
// broke. Nothing here knows the protocol, a clock or the simulator.
//
//	w := trace.NewWriter(f)
//	w.WriteHeader(&trace.Header{Source: "sim", Protocol: "quorum", World: 3, ...})
//	w.Write(&trace.Event{Seq: 1, T: 10_000_000_000, Node: 2, Kind: trace.Crash})
//	err := w.Flush()
//
//	r, err := trace.NewReader(f, "split.jsonl")
//	var ev trace.Event
//	for err = r.Next(&ev); err == nil; err = r.Next(&ev) {
//		fmt.Println(ev.T, ev.Kind, ev.Node)
//	}
package trace
