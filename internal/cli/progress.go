package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress starts to show after quiet, and on something that is not a terminal
// it then writes a line every interval.
const (
	progressQuiet    = time.Second
	progressInterval = 5 * time.Second
)

// progress tells on Err how far long work has come: a bar on a terminal, a
// line now and then elsewhere, and nothing for work that is done in a second.
// Its methods may be called from several goroutines.
type progress struct {
	mu      sync.Mutex
	w       io.Writer
	label   string
	total   int
	done    int
	started time.Time
	printed time.Time
	bar     *progressbar.ProgressBar
}

// startProgress begins work of total parts; total may grow later.
func (s Streams) startProgress(label string, total int) *progress {
	p := &progress{w: s.Err, label: label, total: total, started: time.Now()}
	if isTerminal(s.Err) {
		p.bar = progressbar.NewOptions(max(total, 1), progressbar.OptionSetWriter(s.Err),
			progressbar.OptionSetDescription(label), progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return p
}

// update says that done of total parts are finished.
func (p *progress) update(done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total = done, total
	now := time.Now()
	if now.Sub(p.started) < progressQuiet {
		return
	}
	if p.bar != nil {
		p.bar.ChangeMax(max(total, 1))
		_ = p.bar.Set(done) // A bar that cannot be drawn is no reason to fail.
		return
	}
	if now.Sub(p.printed) >= progressInterval {
		p.printed = now
		_, _ = fmt.Fprintf(p.w, "%s: %d of %d\n", p.label, done, total)
	}
}

// add finishes n more parts.
func (p *progress) add(n int) {
	p.mu.Lock()
	done, total := p.done+n, p.total
	p.mu.Unlock()
	p.update(done, total)
}

// finish ends the work and says how long it took where it was long.
func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	took := time.Since(p.started)
	if took < progressQuiet {
		return
	}
	if p.bar != nil {
		_ = p.bar.Finish() // As above.
	}
	_, _ = fmt.Fprintf(p.w, "%s: done in %s\n", p.label, took.Round(100*time.Millisecond))
}

// isTerminal says whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
