//go:build !linux

package cluster

import "syscall"

// attributes are none: here a member dies with the launcher by the end of its input, and not while it is stopped.
func attributes() *syscall.SysProcAttr { return nil }
