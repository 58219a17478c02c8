// Package conform judges conformance: a recorded node's machine, fed its recorded inputs again, must do what the record
// says that it did. It is what ties a real history to the code that is tested: nothing but the machine has decided
// anything.
//
// It knows machines, which package checker must not. It judges no other property.
//
//	c, err := conform.New(header)
//	for each event {
//		c.Observe(&ev)
//	}
//	violations := c.Finish()
package conform
