package classic

import "nexarsim/core"

// task is who may hold the communicator's lock: the orchestrator, or a call of the application by its number.
type task uint64

const (
	nobody      task = 0
	theRecovery task = 1
	firstCall   task = 2
)

// lock is the mutex around the communicator's slot. It "is granted in order of request".
type lock struct {
	holder task
	handed bool // the holder was given it and has not run yet
	queue  []task
}

// acquire tells whether the task has the lock at once; otherwise it will be woken.
func (l *lock) acquire(t task) bool {
	if l.holder == nobody {
		l.holder = t
		return true
	}
	l.queue = append(l.queue, t)
	return false
}

// leave takes a task out that no longer waits.
func (l *lock) leave(t task) {
	for i := range l.queue {
		if l.queue[i] == t {
			l.queue = append(l.queue[:i:i], l.queue[i+1:]...)
			return
		}
	}
}

// release passes the lock on. Its next holder runs in a step of its own.
func (n *Node) release(out *core.Effects) {
	l := &n.lock
	l.holder = nobody
	if len(l.queue) > 0 {
		l.holder, l.handed = l.queue[0], true
		l.queue = append([]task(nil), l.queue[1:]...)
		n.ask(wakeLock, out)
	}
}

// granted runs the task that was given the lock.
func (n *Node) granted(now core.Instant, out *core.Effects) {
	if !n.lock.handed {
		return // whoever it was handed to has left, and somebody else took it
	}
	n.lock.handed = false
	switch t := n.lock.holder; {
	case t == theRecovery:
		if n.orch.waiting {
			n.orch.waiting = false
			n.orchestrateLocked(now, out)
		}
	case t >= firstCall:
		n.callLocked(now, t, out)
	}
}
