package actuator

import (
	"math"
	"slices"
	"time"
)

// spentStep is the resolution in which changes of the last hour are remembered.
const spentStep = 5 * time.Minute

// budget is what may still be changed, over the workload's last hour and what is
// left of the budgets over all workloads.
type budget struct {
	resizes, evictions int
	now                Spent
}

func newBudget(in Input, spent []SpentAt) budget {
	b := budget{resizes: math.MaxInt, evictions: math.MaxInt}
	var past Spent
	for _, s := range spent {
		if in.Now.Sub(s.At) < time.Hour+spentStep {
			past.Resizes += s.Resizes
			past.Evictions += s.Evictions
		}
	}
	bind := func(left, limit *int, used int) {
		if limit != nil {
			*left = max(0, min(*left, *limit-used))
		}
	}
	bind(&b.resizes, in.Settings.ResizesPerHour, past.Resizes)
	bind(&b.evictions, in.Settings.EvictionsPerHour, past.Evictions)
	bind(&b.resizes, in.Cluster.Resizes, 0)
	bind(&b.evictions, in.Cluster.Evictions, 0)
	return b
}

func (b *budget) resize() {
	b.resizes--
	b.now.Resizes++
}

func (b *budget) evict() {
	b.evictions--
	b.now.Evictions++
}

// spent are the changes of the last hour with those of now, at most 14 entries.
func (b *budget) spent(now time.Time, past []SpentAt) []SpentAt {
	out := slices.DeleteFunc(slices.Clone(past), func(s SpentAt) bool { return now.Sub(s.At) >= time.Hour+spentStep })
	if b.now == (Spent{}) {
		return out
	}
	at := now.Truncate(spentStep)
	if n := len(out); n > 0 && out[n-1].At.Equal(at) {
		out[n-1].Resizes += b.now.Resizes
		out[n-1].Evictions += b.now.Evictions
		return out
	}
	return append(out, SpentAt{At: at, Spent: b.now})
}
