package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// errInterrupted is what a command ends with that was interrupted before it had anything to tell.
var errInterrupted = errors.New("interrupted")

// interruptible gives a context that ends when somebody presses ^C or asks the process to end.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// untilInterrupt does what cannot be stopped, but leaves it alone once the context of interruptible ends, so that files
// half written are removed. The process ends soon after.
func untilInterrupt(ctx context.Context, work func() error) error {
	done := make(chan error, 1)
	broke := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				broke <- panicError(p)
			}
		}()
		done <- work()
	}()
	select {
	case err := <-done:
		return err
	case err := <-broke:
		return err
	case <-ctx.Done():
		return errInterrupted
	}
}
