package snapshot

import (
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/internal/config"
)

// Ledger remembers what was changed in a cluster within the last hour. The zero
// value has nothing in it. It is not safe for concurrent use: who plans for
// several workloads at a time takes from it and adds to it under one lock.
type Ledger struct{ past []actuator.SpentAt }

// Add enters what was spent at an instant. What is entered from the states of
// workloads after a restart may be in any order.
func (l *Ledger) Add(at time.Time, s actuator.Spent) {
	if s == (actuator.Spent{}) {
		return
	}
	i, _ := slices.BinarySearchFunc(l.past, at, func(e actuator.SpentAt, at time.Time) int { return e.At.Compare(at) })
	l.past = slices.Insert(l.past, i, actuator.SpentAt{At: at, Spent: s})
}

// Left is what budgets leave at an instant: of resizes by what was spent in the
// minute before, of evictions by the hour before.
func (l *Ledger) Left(b config.Budgets, now time.Time) actuator.Allowance {
	l.past = slices.DeleteFunc(l.past, func(e actuator.SpentAt) bool { return now.Sub(e.At) >= time.Hour })
	resizes, evictions := b.ResizesPerMinute, b.EvictionsPerHour
	for _, e := range l.past {
		evictions -= e.Evictions
		if now.Sub(e.At) < time.Minute {
			resizes -= e.Resizes
		}
	}
	resizes, evictions = max(0, resizes), max(0, evictions)
	return actuator.Allowance{Resizes: &resizes, Evictions: &evictions}
}
