package main

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// How often progress is told: on a terminal, and into a log.
const (
	barEvery = 200 * time.Millisecond
	logEvery = 30 * time.Second
)

// progress tells on standard error how far a sweep has come: as a bar if somebody looks, otherwise as a line of a log
// every half minute.
type progress struct {
	done  atomic.Uint64
	total uint64
	bar   *progressbar.ProgressBar
	log   *slog.Logger
	quit  chan struct{}
	wait  sync.WaitGroup
	start time.Time
}

// startProgress begins to tell; a bar only where it is wanted.
func (a *app) startProgress(total uint64, bar bool) *progress {
	p := &progress{total: total, quit: make(chan struct{}), start: time.Now()}
	every := logEvery
	if bar && isTerminal(a.stderr) {
		every = barEvery
		p.bar = progressbar.NewOptions64(int64(min(total, 1<<62)), progressbar.OptionSetWriter(a.stderr), progressbar.OptionShowIts(),
			progressbar.OptionSetItsString("runs"), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
	} else {
		p.log = slog.New(slog.NewTextHandler(a.stderr, nil))
	}
	p.wait.Go(func() { p.tell(every) })
	return p
}

// Done counts a run. Any goroutine may call it.
func (p *progress) Done() { p.done.Add(1) }

// Stop ends it and clears the bar away.
func (p *progress) Stop() {
	close(p.quit)
	p.wait.Wait()
	if p.bar != nil {
		_ = p.bar.Finish() // only a picture
	}
}

func (p *progress) tell(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-ticker.C:
			p.step()
		}
	}
}

func (p *progress) step() {
	done := p.done.Load()
	if p.bar != nil {
		_ = p.bar.Set64(int64(min(done, 1<<62))) // only a picture
		return
	}
	rate := float64(done) / time.Since(p.start).Seconds()
	p.log.Info("sweep", "runs", done, "of", p.total, "runs_per_second", fmt.Sprintf("%.0f", rate))
}
