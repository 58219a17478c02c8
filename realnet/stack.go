package realnet

import (
	"nexarsim/core"
	"nexarsim/core/comm"
)

// Stacked makes what a group drives if its Config names no other machine: the recovery protocol with a communicator on it.
func Stacked(s core.Setup) (core.Machine, error) {
	n, err := core.New(s)
	if err != nil {
		return nil, err
	}
	return comm.New(n, comm.Settings{Setup: s})
}

// Registered is Stacked with a register on top, for calls of core.CallWrite and core.CallRead.
func Registered(s core.Setup) (core.Machine, error) {
	m, err := Stacked(s)
	if err != nil {
		return nil, err
	}
	return comm.NewRegister(m, comm.RegisterSettings{Setup: s, Rule: s.Config.Rule})
}

// stackOf finds the communicator among the machines that lie on one another; nil if there is none.
func stackOf(m core.Machine) *comm.Stack {
	for m != nil {
		if k, ok := m.(*comm.Stack); ok {
			return k
		}
		above, ok := m.(interface{ Inner() core.Machine })
		if !ok {
			return nil
		}
		m = above.Inner()
	}
	return nil
}

// address makes a call on the view's communicator one that names none, as harnesses make it. It is false for a call on a
// communicator of a view that is gone: that one is nobody's call any more, and the machine is not asked.
func (d *driver) address(in *core.Input) bool {
	k := d.bulk.stack
	if in.Comm == 0 || k == nil {
		return true
	}
	if in.Comm == k.View().CommID {
		in.Comm = 0
		return true
	}
	return k.Has(in.Comm)
}

// done tells whoever made a call how it ended.
func (d *driver) done(done core.Done) {
	to, ok := d.calls[done.ID]
	if !ok {
		return
	}
	delete(d.calls, done.ID)
	a := answer{done: done}
	if done.Call == core.CallSplit && done.Result != "" && d.bulk.stack != nil {
		if id, err := comm.ParseCommID(done.Result); err == nil {
			a.members, _ = d.bulk.stack.Members(id) // the split has made it in this step
		}
	}
	if !d.endBulk(done, to) {
		to <- a
	}
}
