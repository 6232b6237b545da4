package recommender

import (
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

const (
	// keepReplicas is the saving below which the number of pods stays: pods
	// take time to start and lose what they have cached. Not where with what it
	// costs to change them, as many would cost keepAtMost times as much: one
	// change of the number of pods, as they are, is less than a resize of each.
	keepReplicas = 0.05
	keepAtMost   = 1.1
)

// lasting lists the spans for which a decision may be made, ascending: from
// the next decision on, doubling or more up to a day.
func (w windows) lasting() []time.Duration {
	spans := []time.Duration{w.act}
	for _, s := range [...]time.Duration{
		15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
	} {
		if s > w.act {
			spans = append(spans, s)
		}
	}
	return spans
}

// lasting is the need of a size that is to last for a span. By then demand is
// expected to have reached the median of its maximum within the span, and
// what a decision then needs is above that by as much as it is now:
//
//	Q(T) = Q_½(T) · Q_{1-risk}(act)/Q_½(act)
//
// and no more than the quantile 1-risk of the maximum itself. It takes no more
// risk about the time beyond, since what exceeds it costs a change and no
// violation.
func (n need) lasting(d *draft, span time.Duration) need {
	n.containers = slices.Clone(n.containers)
	for i := range n.containers {
		c := &n.containers[i]
		if !c.known || d.s.Workload.Batch() {
			continue
		}
		cores := d.lastingQuantile(d.s.Containers[i].CPU.Forecast, span)
		if n.rate > 0 && i == n.main {
			if n.patient {
				continue
			}
			cores -= c.perReplica * float64(d.s.Replicas.pods())
		}
		c.raise(cores)
	}
	if n.gpusPerPod > 0 {
		n.gpus = max(n.gpus, d.lastingQuantile(d.s.GPU.Forecast, span))
	}
	if n.rate <= 0 && n.perPod <= 0 || n.shared {
		return n
	}
	rate := d.lastingLevel(span, d.level(d.s.Demand.Forecast), func(span time.Duration, level float64) float64 {
		return d.ahead(d.s.Demand, span, level)
	})
	if n.patient {
		rate = d.within(d.s.Demand.Forecast, span, d.patientLevel())
	}
	rate += n.waiting
	n.rate, n.rateAhead = max(n.rate, rate), max(n.rateAhead, rate)
	if n.perPod <= 0 {
		n.containers[n.main].raise(d.s.Demand.Relation.PerUnit * rate * n.part)
	}
	return n
}

// What patient items need goes by what waits, minute by minute, and is more than
// the median half of the time. Where to resize all pods costs more than restless
// hours, what is to last is sized for the quantile patientSure of the maximum.
const (
	restless    = 0.25
	patientSure = 0.8
)

// patientLevel is the quantile of the maximum within a span that patient items are
// sized for.
func (d *draft) patientLevel() float64 {
	if d.restless() {
		return patientSure
	}
	return 0.5
}

// restless says that to resize all pods costs more than restless hours.
func (d *draft) restless() bool { return d.resizeHours() > restless }

// resizeHours is what it costs to resize all pods, in hours of what the workload
// costs.
func (d *draft) resizeHours() float64 {
	return d.s.Policy.ChangeHours * float64(max(1, d.s.Replicas.Desired))
}

// lastingQuantile is the level that a quantity's need is expected to reach
// within a span.
func (d *draft) lastingQuantile(f forecaster.Forecast, span time.Duration) float64 {
	return d.lastingLevel(span, d.level(f), func(span time.Duration, level float64) float64 { return d.within(f, span, level) })
}

func (d *draft) lastingLevel(span time.Duration, level float64, within func(time.Duration, float64) float64) float64 {
	act := windowsOf(d.s).act
	median, most := within(span, 0.5), within(span, level)
	now := within(act, 0.5)
	if now <= 0 {
		return median
	}
	return min(median*within(act, level)/now, most)
}

// plan is an option and the span for which it is to last.
type plan struct {
	option
	span time.Duration
	// rate is the cost an hour with that of the change spread over the span.
	rate float64
	// stay says that nothing changes.
	stay bool
}

// bestPlan is the cheapest plan of those that are the least short, in the sense
// of Silver and Meal: of several spans that a choice may last for, the one with
// the least cost an hour,
//
//	rate(T) = cost(T) + change/T
//
// where cost(T) is that of the cheapest option for the need within T, and
// change is what it costs to get there from what is there now. What is there now
// takes part with no change for the longest span that it lasts for, where what it
// lacks is not worth a change. Where demand falls for long, a change pays; where it
// will be back soon, it does not.
//
// See Silver and Meal, A heuristic for selecting lot size quantities for the
// case of a deterministic time-varying demand rate, Production and Inventory
// Management 14 (1973).
func (z *sizer) bestPlan(lo, hi int) plan {
	best := plan{option: option{short: math.Inf(1)}}
	stay := plan{option: z.present(), stay: true}
	for i, span := range windowsOf(z.d.s).lasting() {
		at := *z
		if i > 0 {
			at.n = z.n.lasting(z.d, span)
		}
		o := at.cheapest(lo, hi, span)
		p := plan{option: o, span: span, rate: o.cost + z.change(o)/span.Hours()}
		if p.short < best.short-1e-9 || i > 0 && p.short <= best.short+1e-9 && p.rate < best.rate {
			best = p
		}
		if z.n.perPod > 0 {
			stay.short = lack(at.n.rateAhead/float64(stay.replicas), at.n.perPod)
		}
		if short := at.shortOf(stay.option, z.d.growths()); i == 0 {
			stay.short, stay.span, stay.rate = short, span, stay.cost
		} else if short <= stay.short+1e-9 {
			stay.span = span
		}
	}
	within := stay.replicas >= lo && stay.replicas <= hi
	if within && stay.short <= best.short+1e-9 && stay.rate <= best.rate {
		return stay
	}
	return best
}

// present is what is there now, as an option.
func (z *sizer) present() option {
	o := z.option(max(1, z.d.s.Replicas.Desired))
	for i, c := range z.d.s.Containers {
		o.sizes[i] = c.Requests
	}
	o.cost = z.d.cost(o.replicas, o.sizes)
	return o
}

// asTheyAre is the option with pods of the size that they have; what it is short
// of is left open.
func (z *sizer) asTheyAre(o option) option {
	o.sizes = z.sizesNow
	o.cost = z.d.cost(o.replicas, o.sizes)
	return o
}

// cheapest is the cheapest option of those that are the least short, where a
// change has to pay within the span.
func (z *sizer) cheapest(lo, hi int, span time.Duration) option {
	now := max(1, z.d.s.Replicas.Desired)
	best, kept := option{short: math.Inf(1)}, option{short: math.Inf(1)}
	least := math.Inf(1)
	rate := func(o option) float64 { return o.cost + z.change(o)/span.Hours() }
	try := func(o option) {
		if r := rate(o); o.short < best.short-1e-9 || (o.short <= best.short+1e-9 && r < least) {
			best, least = o, r
		}
	}
	for replicas := lo; replicas <= hi; replicas++ {
		o := z.option(replicas)
		try(o)
		if replicas == now {
			kept = o
		} else if same := z.asTheyAre(o); z.n.perPod <= 0 && (best.short > 1e-9 || rate(same) < least) {
			same.sizes = slices.Clone(same.sizes)
			same.short = z.shortOf(same, shares{})
			try(z.allowed(same))
		}
	}
	if kept.short <= best.short && kept.cost <= best.cost*(1+keepReplicas) && rate(kept) <= keepAtMost*least {
		return kept
	}
	return best
}

// change is what it costs to get from what is there now to the option: the
// owner's price of a change, one for the number of pods and one for each pod that
// gets another size, and the time that pods take to start. Of pods that go, those
// that would shrink go first. All grow before any goes, which is for nothing where
// they go in a moment, so that it counts where it is dear.
func (z *sizer) change(o option) float64 {
	now := z.d.s.Replicas.Desired
	changes, pods := 0, min(o.replicas, now)
	if o.replicas != now {
		changes++
	}
	resized := false
	for i, c := range z.d.s.Containers {
		is, gets := c.Requests, o.sizes[i]
		resized = resized || gets != is
		if z.d.restless() && (gets.CPU > is.CPU || gets.Memory > is.Memory) {
			pods = now
		}
	}
	if resized {
		changes += max(1, pods)
	}
	return z.d.s.Policy.ChangeHours*z.costNow*float64(changes) + z.starts(o)
}

// starts is the cost of the pods that start or stop, for the time that it takes
// to start one.
func (z *sizer) starts(o option) float64 {
	hours := orDefault(z.d.s.Replicas.StartupSeconds, defaultStartup) / 3600
	return hours * o.cost * math.Abs(float64(o.replicas-z.d.s.Replicas.Desired)) / float64(max(1, o.replicas))
}
