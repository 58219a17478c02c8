package cluster

import "syscall"

// attributes make a member die with the launcher even where it cannot notice that itself, because it is stopped.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
