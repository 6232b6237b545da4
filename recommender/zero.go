package recommender

import (
	"fmt"
	"time"
)

const (
	// idleShare of the largest demand of the last days is none.
	idleShare = 1e-3
	// defaultIdle is how long there has to have been no demand.
	defaultIdle = 600
)

// idle stops the last pod, or keeps it stopped, where nothing is asked of the
// workload and that pays. With p(T) the forecast probability that anything is
// asked for within T, c the cost of the pods an hour and L the start-up time, it
// pays where for some T that the forecast reaches
//
//	c·∫₀ᵀ (1-p(t)) dt  >  c·L + p(T)·penalty
//
// The penalty of requests that wait for a pod is the owner's, or c·L/risk, which
// is what the accepted risk says that a shortage is worth. And whatever it
// saves, p over the time to react may not exceed the risk.
func (d *draft) idle(z *sizer) {
	zero, now := d.s.Policy.Horizontal.Zero, d.s.Replicas.Desired
	if zero == nil || d.fixedReplicas() != "" {
		return
	}
	why, stops := d.mayStop(z, zero)
	before := float64(d.chosen.replicas)
	switch {
	case stops:
		d.chosen.replicas, d.chosen.cost = 0, 0
		d.add(Reason{Code: ReasonZero, Subject: "replicas", Unit: "pods", Before: before, After: 0, Message: why})
	case now == 0:
		d.rescale(z, min(max(d.chosen.replicas, zero.WakeReplicas), d.s.Policy.Horizontal.Max))
		d.add(Reason{Code: ReasonWoken, Subject: "replicas", Unit: "pods", Before: 0, After: float64(d.chosen.replicas), Message: why})
	case d.s.Demand != nil && d.s.Demand.Samples > 0 && d.s.Demand.Last == 0:
		d.add(Reason{Code: ReasonKeptWarm, Subject: "replicas", Unit: "pods", Before: before, After: before, Message: why})
	}
}

// mayStop says whether no pod is needed, and why or why not. Unknown is not
// zero: it takes demand that is known, fresh and zero, and a forecast that can
// be relied on.
func (d *draft) mayStop(z *sizer, zero *ZeroPolicy) (why string, stops bool) {
	dem := d.s.Demand
	for _, b := range d.bounds {
		if !b.upper && b.pods > 0 && (b.why.code == ReasonScheduledFloor || b.why.code == ReasonWindow) {
			return b.why.name + " asks for pods", false
		}
	}
	switch {
	case dem == nil || dem.Samples == 0:
		return "demand is not known, which is not none", false
	case seconds(dem.AgeSeconds) > staleAfter:
		return fmt.Sprintf("the newest sample of the demand is %s old", span(seconds(dem.AgeSeconds))), false
	case dem.Last > 0 || dem.Backlog > 0:
		return fmt.Sprintf("%s is %s, and %s wait", dem.Signal, num(dem.Last), num(dem.Backlog)), false
	case dem.Recent > 0:
		return "there was demand within the last 15 minutes", false
	}
	if idle := orDefault(zero.IdleSeconds, defaultIdle); idle > recentSpan.Seconds() && dem.IdleSeconds < idle {
		return fmt.Sprintf("without demand for %s, of %s", span(seconds(dem.IdleSeconds)), span(seconds(idle))), false
	}
	if why := distrust(dem.Forecast); why != "" {
		return why, false
	}
	ahead, risk := windowsOf(d.s).ahead, d.s.Policy.Risk
	if p := dem.arrives(ahead); p > risk {
		return fmt.Sprintf("demand comes back within %s with probability %s", span(ahead), percent(p)), false
	}
	return d.stopPays(z, zero)
}

// stopPays compares what stopping saves with what starting again costs.
func (d *draft) stopPays(z *sizer, zero *ZeroPolicy) (why string, pays bool) {
	dem, perHour := d.s.Demand, z.d.chosen.cost
	start := orDefault(d.s.Replicas.StartupSeconds, defaultStartup) / 3600
	penalty := orDefault(zero.ColdStartPrice, perHour*start/d.s.Policy.Risk)
	idle, last, before := 0.0, 0.0, time.Duration(0)
	best, saved, cost, within := 0.0, 0.0, penalty, time.Duration(0)
	for _, h := range dem.Forecast.Horizons {
		p := dem.arrives(h)
		idle += (1 - (last+p)/2) * (h - before).Hours()
		last, before = p, h
		if saves, costs := perHour*idle, perHour*start+p*penalty; saves-costs > best || within == 0 {
			best, saved, cost, within = max(0, saves-costs), saves, costs, h
		}
	}
	currency := d.currency()
	if best <= 0 {
		return fmt.Sprintf("stopping would save %s %s within %s and a cold start cost %s", num(saved), currency, span(within), num(cost)), false
	}
	return fmt.Sprintf("nothing is asked of it: stopping saves %s %s within %s, a cold start times its probability costs %s",
		num(saved), currency, span(within), num(cost)), true
}

// arrives is the forecast probability that there is any demand within a span:
// that its maximum exceeds a thousandth of the largest of the last days.
func (dem *Demand) arrives(span time.Duration) float64 {
	none := idleShare * dem.Peak
	lo, hi := 0.0, 0.9999
	if dem.Forecast.MaxWithin(span, hi) <= none {
		return 0
	}
	if dem.Forecast.MaxWithin(span, lo) > none {
		return 1
	}
	for range 20 {
		if mid := (lo + hi) / 2; dem.Forecast.MaxWithin(span, mid) <= none {
			lo = mid
		} else {
			hi = mid
		}
	}
	return 1 - lo
}
