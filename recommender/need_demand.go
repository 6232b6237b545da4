package recommender

import (
	"fmt"
	"time"
)

// demandNeed lets the forecast of what arrives decide instead of that of what
// was used: CPU that was throttled or queued for is in the first and not in
// the second. With a latency objective, the container that uses the most CPU
// becomes a queue.
func (d *draft) demandNeed(n *need, w windows) {
	dem := d.s.Demand
	if !dem.Forecast.Valid() {
		return
	}
	n.main, n.part = d.mainContainer()
	n.patient = d.patient(w)
	if n.patient {
		d.patientRate(n, w)
	} else {
		d.promptRate(n, w)
	}
	c := &n.containers[n.main]
	if !c.known {
		return
	}
	rel := dem.Relation
	noise := residualZ * rel.Residual
	c.perReplica = rel.PerReplica * n.part
	floor := c.cpu
	if n.patient {
		// The surprise, and what a limit cuts off, is in what waits. What was
		// used is of no account: it is as fast as items were worked off.
		noise, floor = 0, 0
	}
	high := max(n.rate, d.ahead(dem, w.act, 0.99))
	c.cpu = (rel.PerUnit*n.rate + noise) * n.part
	c.cpuAhead = (rel.PerUnit*n.rateAhead + noise) * n.part
	c.cpuHigh = (rel.PerUnit*high + noise) * n.part
	c.cpuMedian = rel.PerUnit * n.rateMedian * n.part
	c.cpuExpected = rel.PerUnit*dem.Forecast.At(w.act+d.age(dem.Forecast), 0.5)*n.part + c.perReplica*float64(d.s.Replicas.pods())
	if d.s.Policy.Objective.LatencySeconds > 0 {
		n.serving = n.main
		n.server = NewServer(max(rel.PerUnit*n.part, d.peggedUnit(n.main)), d.s.Policy.Objective.ServiceCV, c.perReplica)
		return
	}
	// Usage that is forecast to be higher than the relation says is real, too.
	c.raise(floor - c.perReplica*float64(d.s.Replicas.pods()))
}

// decidesCoverage is the coverage of the 0.95 quantile from which on a forecast of
// demand is relied on alone.
const decidesCoverage = 0.9

// Decides says whether the forecast of demand can carry a decision under an
// objective alone, so that a forecast of CPU may be some time old. It asks for a
// little more than a decision does before it relies on demand: where CPU is
// looked at, its forecast is never an old one.
func (dem *Demand) Decides(o Objective) bool {
	f := dem.Forecast
	return o.LatencySeconds+o.WaitSeconds > 0 && dem.Relation.Valid && f.Valid() && f.Span >= trustSpan &&
		(f.Coverage95 == 0 || f.Coverage95 >= decidesCoverage)
}

// peggedUnit is what a unit of demand takes at least where every pod uses all
// the CPU that its limit leaves it, whatever the relation says: it may have
// become dearer, or work has gathered that has to be done, too. What is used is
// cut off, so that the next decision may have to go on from here. 0 where that is
// not so.
func (d *draft) peggedUnit(i int) float64 {
	c, r, dem := d.s.Containers[i], d.s.Replicas, d.s.Demand
	limit := d.limitNow(c)
	if limit <= 0 || dem.Last <= 0 || r.Ready < r.Desired || c.CPU.Last < peggedShare*limit {
		return 0 // A pod that starts uses CPU that is no demand's.
	}
	unit := (c.CPU.Last - dem.Relation.PerReplica*float64(r.pods())) / dem.Last
	if unit > dem.Relation.PerUnit {
		d.add(Reason{
			Code: ReasonThrottled, Container: c.Name, Subject: "cpu", Unit: "core-seconds", Before: dem.Relation.PerUnit, After: unit,
			Message: fmt.Sprintf("uses %s of %s cores at %s %s, all that its limit leaves it: each takes %s core-seconds, not %s",
				num(c.CPU.Last), num(limit), num(dem.Last), dem.Unit, num(unit), num(dem.Relation.PerUnit)),
		})
	}
	return unit
}

// residualZ is the 0.95 quantile of the normal distribution: of what CPU is
// above its relation to demand.
const residualZ = 1.645

// promptRate is the need for work that is to be done as it arrives: the
// forecast's quantile of the largest demand, and not less than what arrives
// now, with what waits.
func (d *draft) promptRate(n *need, w windows) {
	dem, level := d.s.Demand, d.level(d.s.Demand.Forecast)
	n.waiting = d.backlogRate()
	n.rate = max(d.ahead(dem, w.act, level), d.newest(dem))
	n.rateMedian = d.ahead(dem, w.act, 0.5) + n.waiting
	d.addDemand(n.rate, level, w)
	floor := d.reactiveRate(n.rate)
	n.rateAhead = max(d.ahead(dem, w.ahead, level), d.newest(dem), floor) + n.waiting
	n.rate = max(n.rate, floor) + n.waiting
}

// reactiveRate is the least rate to be ready for where the forecast is not to
// be relied on; 0 where it is.
func (d *draft) reactiveRate(rate float64) float64 {
	dem := d.s.Demand
	why := distrust(dem.Forecast)
	if why == "" {
		return 0
	}
	floor := d.lately(dem) * (1 + reactiveMargin)
	d.add(Reason{
		Code: ReasonLowTrust, Subject: "demand", Unit: dem.Unit, Before: rate, After: max(rate, floor),
		Message: fmt.Sprintf("%s: at least the most of the last 15 minutes and %s more, %s", why, percent(reactiveMargin), num(floor)),
	})
	return floor
}

func (d *draft) addDemand(rate, level float64, w windows) {
	dem := d.s.Demand
	d.add(Reason{
		Code: ReasonForecast, Subject: "demand", Unit: dem.Unit, Before: dem.Last, After: rate,
		Message: fmt.Sprintf("%s is %s now; with probability %s it stays below %s within %s",
			dem.Signal, num(dem.Last), percent(level), num(rate), span(w.act)),
	})
}

// noticed is the time in seconds after which a decision answers what it had not
// foreseen: two scrapes of 15 s.
const noticed = 30

// patient says whether items may wait for longer than it takes to notice that
// they do and to resize their pods. Demand above the forecast's median is then
// postponed, not violated, and what waits is worked off by the next decision.
func (d *draft) patient(w windows) bool {
	v := d.s.Policy.Vertical
	return v.InPlace && !v.Fixed && d.patience(w) > 0
}

// patience is how long items may wait beyond the time, in seconds, that it
// takes to notice that they do and to answer.
func (d *draft) patience(w windows) float64 {
	return d.s.Policy.Objective.WaitSeconds - noticed - (w.act.Seconds() - d.s.Policy.HoldSeconds)
}

// patientRate is the need for items that may wait for W seconds: the median of
// what is forecast and, of the q that wait, as many a second as have the last
// of them served in time,
//
//	q / (W - reaction)
//
// since first come is first served. Once they wait for half of that, demand is
// taken to be no less than what arrives now.
func (d *draft) patientRate(n *need, w windows) {
	dem, patience := d.s.Demand, d.patience(w)
	n.rateMedian = d.within(dem.Forecast, w.act, 0.5)
	n.rate, n.rateAhead = n.rateMedian, d.within(dem.Forecast, max(w.ahead, time.Minute), 0.5)
	d.addDemand(n.rate, 0.5, w)
	drain := dem.Backlog / patience
	if drain > n.rate/2 {
		drain = max(drain, dem.Last)
	}
	if drain > n.rate {
		d.add(Reason{
			Code: ReasonBacklog, Subject: "demand", Unit: dem.Unit, Before: n.rate, After: drain,
			Message: fmt.Sprintf("%s wait, and %s %s arrive: %s %s keep waits below %s", num(dem.Backlog), num(dem.Last), dem.Unit,
				num(drain), dem.Unit, span(seconds(d.s.Policy.Objective.WaitSeconds))),
		})
		n.rate, n.rateAhead = drain, max(n.rateAhead, drain)
	}
}

// mainContainer is the container that uses the most CPU, and its part of all.
func (d *draft) mainContainer() (index int, part float64) {
	total, most := 0.0, -1.0
	for i, c := range d.s.Containers {
		total += c.CPU.Mean
		if c.CPU.Mean > most {
			index, most = i, c.CPU.Mean
		}
	}
	if total <= 0 {
		return index, 1
	}
	return index, most / total
}
