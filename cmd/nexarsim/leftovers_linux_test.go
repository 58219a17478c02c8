package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// leftoverLimit is how long members may take to be gone after their launcher is, on a busy machine.
const leftoverLimit = 20 * time.Second

// longCluster is a run that goes on for hours, with one member that is stopped for a while and one that is for good.
const longCluster = `name: long
world: 4
duration: 5h
faults:
  - {at: 0s, pause: [2], for: 4h}
  - {at: 0s, crash: [3], silent: true}
  - {at: 1h, cut: [{from: 0, to: 1}]}
`

// TestNothingIsLeftBehind: however the launcher ends, its members end as well, those that are stopped included, and their
// sockets and its own are closed.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		name   string
		signal syscall.Signal
		group  bool // the signal goes to all processes of the group, as from a terminal
		early  bool // as soon as there is a member
		exit   int  // -1: killed
	}{
		{"killed", syscall.SIGKILL, false, false, -1},
		{"killed while it forms the group", syscall.SIGKILL, false, true, -1},
		{"interrupted", syscall.SIGINT, true, false, 130},
		{"interrupted while it forms the group", syscall.SIGINT, true, true, 130},
		{"told to end", syscall.SIGTERM, false, false, 130},
		{"told to end while it forms the group", syscall.SIGTERM, false, true, 130},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			l := launchLong(t)
			l.awaitMembers(s.early)
			sockets := l.sockets()
			if !s.early && len(sockets) < 4 {
				t.Fatalf("found %d sockets of the run: expected one for each member at least", len(sockets))
			}
			pid := l.cmd.Process.Pid
			if s.group {
				pid = -pid
			}
			if err := syscall.Kill(pid, s.signal); err != nil {
				t.Fatal(err)
			}
			l.awaitEnd(s.exit)
			l.awaitGone(sockets)
			if left, _ := filepath.Glob(filepath.Join(l.temp, "*")); s.exit >= 0 && len(left) > 0 {
				t.Errorf("files are left: %v", left)
			}
		})
	}
}

// longLauncher is a process that runs longCluster.
type longLauncher struct {
	t       *testing.T
	cmd     *exec.Cmd
	temp    string
	members []int
}

func launchLong(t *testing.T) *longLauncher {
	t.Helper()
	l := &longLauncher{t: t, temp: t.TempDir()}
	file := filepath.Join(t.TempDir(), "long.yaml")
	if err := os.WriteFile(file, []byte(longCluster), 0o600); err != nil {
		t.Fatal(err)
	}
	l.cmd = exec.Command("nexarsim", "cluster", file)
	l.cmd.Env = append(os.Environ(), "TMPDIR="+l.temp)
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.cmd.Process.Kill() })
	return l
}

// until waits for something, by looking again and again: another process's children tell nobody.
func (l *longLauncher) until(what string, done func() bool) {
	l.t.Helper()
	for end := time.Now().Add(leftoverLimit); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("after %v: %s", leftoverLimit, what)
		}
	}
}

// awaitMembers waits until there is a member; or until all are there, and two of them stopped.
func (l *longLauncher) awaitMembers(early bool) {
	l.t.Helper()
	l.until("the group has not formed", func() bool {
		l.members = childrenOf(l.cmd.Process.Pid)
		if early {
			return len(l.members) > 0
		}
		stopped := 0
		for _, pid := range l.members {
			if state, _ := processState(pid); state == "T" {
				stopped++
			}
		}
		return len(l.members) == 4 && stopped == 2
	})
}

// sockets are the UDP sockets of the launcher and its members, by what the system calls them.
func (l *longLauncher) sockets() map[string]bool {
	open := openSockets(l.t)
	mine := map[string]bool{}
	for _, pid := range append([]int{l.cmd.Process.Pid}, l.members...) {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, f := range files {
			name, err := os.Readlink(f)
			if err != nil {
				continue // closed meanwhile
			}
			if inode, ok := strings.CutPrefix(name, "socket:["); ok && open[strings.TrimSuffix(inode, "]")] {
				mine[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	return mine
}

func (l *longLauncher) awaitEnd(exit int) {
	l.t.Helper()
	timer := time.AfterFunc(leftoverLimit, func() { _ = l.cmd.Process.Kill() })
	err := l.cmd.Wait()
	timer.Stop()
	code := 0
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		code = failed.ExitCode()
	}
	if code != exit {
		l.t.Errorf("the launcher ended with %d (%v): expected %d", code, err, exit)
	}
}

// awaitGone waits until no process that was a member, or became one meanwhile, and no socket of theirs is left.
func (l *longLauncher) awaitGone(sockets map[string]bool) {
	l.t.Helper()
	l.until("members are left", func() bool {
		for _, pid := range l.members {
			if state, _ := processState(pid); state != "" && state != "Z" {
				return false
			}
		}
		return len(groupOf(l.cmd.Process.Pid)) == 0
	})
	l.until("sockets are left", func() bool {
		for inode := range openSockets(l.t) {
			if sockets[inode] {
				return false
			}
		}
		return true
	})
}

// processState is the letter that the system gives a process's state, and its parent; empty if there is no such process.
func processState(pid int) (state string, fields []string) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", nil
	}
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name, in which there may be spaces
	fields = strings.Fields(rest)
	return fields[0], fields
}

// allProcesses are those that are not dead and only waiting to be reaped, as far as keep wants them; it gets the fields of
// their state: the parent is the second one, the process group the third.
func allProcesses(keep func(fields []string) bool) (list []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		pid, err := strconv.Atoi(filepath.Base(d))
		if err != nil {
			continue
		}
		if state, fields := processState(pid); state != "" && state != "Z" && keep(fields) {
			list = append(list, pid)
		}
	}
	return list
}

func childrenOf(pid int) []int {
	return allProcesses(func(fields []string) bool { return fields[1] == strconv.Itoa(pid) })
}

func groupOf(pid int) []int {
	return allProcesses(func(fields []string) bool { return fields[2] == strconv.Itoa(pid) })
}

// openSockets are the UDP and TCP sockets of this machine that are not merely waiting to be forgotten.
func openSockets(t *testing.T) map[string]bool {
	t.Helper()
	const inodeField = 9
	all := map[string]bool{}
	for _, name := range []string{"/proc/net/udp", "/proc/net/udp6", "/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a system without IPv6
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > inodeField && f[inodeField] != "0" {
				all[f[inodeField]] = true
			}
		}
	}
	return all
}
