package collector

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// run is what one collection keeps count of. Its methods may be called from
// several goroutines.
type run struct {
	requests atomic.Int64

	mu       sync.Mutex
	facts    map[recommender.Fact]bool
	invalid  map[string]int
	future   map[string]int
	maxSkew  time.Duration
	done     int
	total    int
	progress func(done, total int)
}

func newRun(progress func(done, total int)) *run {
	if progress == nil {
		progress = func(int, int) {}
	}
	return &run{facts: map[recommender.Fact]bool{}, invalid: map[string]int{}, future: map[string]int{}, progress: progress}
}

// planned adds queries to the total.
func (r *run) planned(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total += n
	r.progress(r.done, r.total)
}

// finished says that one query is over.
func (r *run) finished() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	r.total = max(r.total, r.done)
	r.progress(r.done, r.total)
}

// fact notes something about the data as a whole; the same fact counts once.
func (r *run) fact(code recommender.FactCode, signal, format string, args ...any) {
	r.note(recommender.Fact{Code: code, Signal: signal, Message: fmt.Sprintf(format, args...)})
}

func (r *run) note(f recommender.Fact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.facts[f] = true
}

// skew notes by how much the server's clock is ahead of ours.
func (r *run) skew(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.Abs() > r.maxSkew.Abs() {
		r.maxSkew = d
	}
}

// warnings keeps what the server said about an answer, and says whether that
// was a part only.
func (r *run) warnings(what string, warnings []string) (partial bool) {
	for _, w := range warnings {
		code := recommender.FactWarning
		if partialWarning(w) {
			code, partial = recommender.FactPartial, true
		}
		r.fact(code, "", "%s: %s", what, oneLine(w, 300))
	}
	return partial
}

// partialWarning tells warnings about data that is missing (Thanos stores,
// remote reads) from those about the query.
func partialWarning(w string) bool {
	if strings.HasPrefix(w, "PromQL ") {
		return false
	}
	return regexp.MustCompile(`(?i)partial|rpc error|unavailable|unreachable|remote.?read|no store|time(d )?out|connection`).MatchString(w)
}

// dropped counts samples of a signal that were not numbers one can use, and
// samples from the future.
func (r *run) dropped(signal string, invalid, future int) {
	if invalid == 0 && future == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.invalid[signal] += invalid
	r.future[signal] += future
}

// report returns all facts, sorted.
func (r *run) report(step time.Duration) []recommender.Fact {
	r.mu.Lock()
	skew := r.maxSkew.Round(time.Second)
	invalid, future := r.invalid, r.future
	r.mu.Unlock()
	for signal, n := range invalid {
		if n > 0 {
			r.fact(recommender.FactInvalid, signal, "%d samples were NaN, infinite or negative and are left out", n)
		}
	}
	for signal, n := range future {
		if n > 0 {
			r.fact(recommender.FactClockSkew, signal, "%d samples lie after the end of the history and are left out", n)
		}
	}
	if skew.Abs() > max(step, 2*time.Second) {
		direction := "ahead of"
		if skew < 0 {
			direction = "behind"
		}
		r.fact(recommender.FactClockSkew, "", "the clock of the Prometheus is %s %s the clock here", skew.Abs(), direction)
	}
	facts := make([]recommender.Fact, 0, len(r.facts))
	for f := range r.facts {
		facts = append(facts, f)
	}
	slices.SortFunc(facts, func(a, b recommender.Fact) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Signal, b.Signal), cmp.Compare(a.Message, b.Message))
	})
	return facts
}
