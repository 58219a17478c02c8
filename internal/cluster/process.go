package cluster

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process is a member's process as the launcher sees it.
type process struct {
	node   int
	cmd    *exec.Cmd
	in     io.WriteCloser
	stderr tail
	exited chan struct{} // closed when it is dead and reaped

	pauses int  // pause acts in force
	dead   bool // killed by an act; a silent death is a stop for good
	left   bool // shut down
	holds  int  // hold acts in force
}

// news is what happens at a process: a report, or its exit.
type news struct {
	node   int
	report *report
	exit   error
	exited bool
}

// tail keeps the end of what a process writes to its standard error.
type tail struct {
	mu   sync.Mutex
	text []byte
	also io.Writer
}

const tailMax = 4 << 10

// Write keeps the end, and passes all on to whoever wants it.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if n := len(t.text) - tailMax; n > 0 {
		t.text = t.text[:copy(t.text, t.text[n:])]
	}
	if t.also != nil {
		_, _ = t.also.Write(p) // the log is a courtesy
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}

// startAll starts a process for each member. They die with the thread that starts them, where the system offers that, so
// this one is kept until done is closed.
func startAll(spec *Spec, all chan<- news, done <-chan struct{}) ([]*process, error) {
	type started struct {
		list []*process
		err  error
	}
	result := make(chan started)
	go func() {
		runtime.LockOSThread()
		var s started
		for node := range spec.Plan.World {
			p, err := start(spec, node, all)
			if err != nil {
				s.err = fmt.Errorf("start node %d: %w", node, err)
				break
			}
			s.list = append(s.list, p)
		}
		result <- s
		<-done
		runtime.UnlockOSThread()
	}()
	s := <-result
	return s.list, s.err
}

func start(spec *Spec, node int, all chan<- news) (*process, error) {
	p := &process{node: node, exited: make(chan struct{})}
	p.stderr.also = spec.Logs
	p.cmd = exec.Command(spec.Command[0], spec.Command[1:]...)
	p.cmd.Env = append(p.cmd.Environ(), "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING=true")
	p.cmd.Env = append(p.cmd.Env, share(spec.Plan.World)...)
	p.cmd.Env = append(p.cmd.Env, spec.Env...)
	p.cmd.Stderr = &p.stderr
	p.cmd.SysProcAttr = attributes()
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.in = in
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.listen(out, all)
	return p, nil
}

// crowd is how many members a processor has before each is given one processor at most. Go's scheduler wakes a second thread
// for each message, in case there is more to do; in a crowd that takes a third of the processors' time from the others.
const crowd = 4

// share is added to a member's environment.
func share(world int) []string {
	if _, set := os.LookupEnv("GOMAXPROCS"); set || world <= crowd*runtime.NumCPU() {
		return nil
	}
	return []string{"GOMAXPROCS=1"}
}

// listen passes on what the process reports, and its exit.
func (p *process) listen(out io.Reader, all chan<- news) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		r := new(report)
		if err := json.Unmarshal(lines.Bytes(), r); err != nil {
			r = &report{Fail: fmt.Sprintf("a report that is none: %v", err)}
		}
		all <- news{node: p.node, report: r}
	}
	err := p.cmd.Wait()
	all <- news{node: p.node, exit: err, exited: true}
	close(p.exited) // last: whoever waits for it may stop listening
}

// tell gives an order. It never waits: an order is far smaller than a pipe, and one to a dead process is lost.
func (p *process) tell(o *order) {
	line, err := json.Marshal(o)
	if err == nil {
		_, _ = p.in.Write(append(line, '\n'))
	}
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) } // it may be dead already

func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.exited
}

// stopTime is how long a member may take to end when it is told to.
const stopTime = 10 * time.Second

// stop ends a member at the end of a run.
func (p *process) stop() {
	if p.pauses > 0 || p.dead {
		p.kill()
		return
	}
	p.tell(&order{Stop: true})
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		p.kill()
	}
}
