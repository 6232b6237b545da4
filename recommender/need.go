package recommender

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

const (
	// trustSpan is the least history that a forecast may lower anything from.
	trustSpan = 24 * time.Hour
	// trustCoverage is the least share of recent values that the 0.95
	// quantile has to have covered.
	trustCoverage = 0.85
	// reactiveMargin is added to what was used lately where the forecast is
	// not trusted.
	reactiveMargin = 0.2
	// throttledRatio is the share of throttled periods above which CPU usage
	// is taken to be cut off.
	throttledRatio = 0.05
	// throttledSpan is what that share is counted over.
	throttledSpan = time.Hour
	// peggedShare of the limit is a usage that stands at it, and peggedGrowth
	// the growth that answers it: the rate at which the Horizontal Pod
	// Autoscaler may double replicas.
	peggedShare  = 0.97
	peggedGrowth = 2
)

// need is what a workload has to be able to carry, and how much of it a pod
// carries at a size.
type need struct {
	containers []containerNeed
	// serving is the container that serves requests under the latency
	// objective, -1 where capacity comes from utilisation.
	serving int
	server  Server
	// rate is the demand quantile in units a second and rateMedian its median;
	// rateAhead is the quantile over the time it takes to start a pod.
	rate, rateMedian, rateAhead float64
	// perPod is the rate that a pod of a batch server carries, whatever its
	// size; 0 for other workloads.
	perPod float64
}

// containerNeed is in cores over all pods, and in bytes of a pod.
type containerNeed struct {
	cpu, cpuMedian, cpuHigh, cpuAhead float64
	imbalance                         float64
	// perReplica and perUnit follow the relation, where there is one: the
	// need is perReplica·n + cpu; zero without.
	perReplica float64
	memory     float64
	memoryLow  float64
	memoryHigh float64
	share      float64
	known      bool
}

// windows are the spans a decision has to cover.
type windows struct {
	// act is until the next decision has taken effect, ahead until pods it
	// orders serve.
	act, ahead time.Duration
}

func windowsOf(s Snapshot) windows {
	startup := seconds(orDefault(s.Replicas.StartupSeconds, defaultStartup))
	react := startup
	if s.Policy.Vertical.InPlace && !s.Policy.Vertical.Fixed {
		react = seconds(orDefault(s.Replicas.ResizeSeconds, defaultResize))
	}
	hold := seconds(s.Policy.HoldSeconds)
	return windows{act: hold + react, ahead: hold + startup}
}

// Horizons lists the spans ahead that a decision on the snapshot will look at,
// ascending and never empty. Forecasts in a snapshot should have them.
func Horizons(s Snapshot) []time.Duration {
	s.Policy = s.Policy.withDefaults(s.Replicas)
	w := windowsOf(s)
	horizons := []time.Duration{min(w.act, w.ahead), max(w.act, w.ahead)}
	return slices.Compact(horizons)
}

func seconds(s float64) time.Duration {
	return time.Duration(math.Min(s, 1e8) * float64(time.Second))
}

// needOf works out what every container needs over the windows, telling each
// step to the draft.
func needOf(d *draft) need {
	w := windowsOf(d.s)
	n := need{serving: -1}
	if d.batchServed() {
		n.containers = make([]containerNeed, len(d.s.Containers))
		d.modelNeed(&n, w)
		return n
	}
	for i := range d.s.Containers {
		n.containers = append(n.containers, d.containerNeed(i, w))
	}
	if d.s.Workload.Batch() {
		return n
	}
	if d.s.Demand != nil && d.s.Demand.Samples > 0 && d.s.Demand.Relation.Valid {
		d.demandNeed(&n, w)
	}
	return n
}

func (d *draft) containerNeed(i int, w windows) containerNeed {
	c := d.s.Containers[i]
	n := containerNeed{share: c.MemoryShare, imbalance: max(1, c.CPU.Imbalance)}
	if c.CPU.Samples == 0 || c.Memory.Samples == 0 {
		d.add(Reason{
			Code: ReasonNoData, Container: c.Name,
			Message: fmt.Sprintf("no usage history of container %s: its size stays as it is", c.Name),
		})
		return n
	}
	n.known = true
	if d.s.Workload.Batch() {
		d.batchNeed(c, &n)
	} else {
		d.cpuNeed(c, w, &n)
	}
	d.memoryNeed(c, w, &n)
	return n
}

// batchNeed sizes a run by what the pods of past runs used, not by what the
// next hour brings: between runs there is nothing to forecast.
func (d *draft) batchNeed(c Container, n *containerNeed) {
	perPod := orDefault(c.CPU.PodP95, c.CPU.Peak)
	pods := float64(d.s.Replicas.pods())
	n.cpu, n.cpuAhead = perPod*pods, perPod*pods
	n.cpuMedian = c.CPU.Mean
	n.cpuHigh = max(n.cpu, c.CPU.Peak)
	n.imbalance = 1
	d.add(Reason{
		Code: ReasonPerRun, Container: c.Name, Subject: "cpu", Unit: "cores", Before: c.CPU.Mean, After: perPod,
		Message: fmt.Sprintf("runs to completion: the largest pod used up to %s cores in 95 %% of its time", num(perPod)),
	})
}

// cpuNeed is the forecast quantile of the largest demand within the window,
// and not less than what is being used.
func (d *draft) cpuNeed(c Container, w windows, n *containerNeed) {
	level := 1 - d.s.Policy.Risk
	f := c.CPU.Forecast
	n.cpu, n.cpuAhead = f.MaxWithin(w.act, level), f.MaxWithin(w.ahead, level)
	n.cpuMedian, n.cpuHigh = f.MaxWithin(w.act, 0.5), f.MaxWithin(w.act, 0.99)
	d.add(Reason{
		Code: ReasonForecast, Container: c.Name, Subject: "cpu", Unit: "cores", Before: c.CPU.Last, After: n.cpu,
		Message: fmt.Sprintf("uses %s cores now; with probability %s it stays below %s within %s",
			num(c.CPU.Last), percent(level), num(n.cpu), span(w.act)),
	})
	if why := distrust(f); why != "" {
		floor := c.CPU.Recent * (1 + reactiveMargin)
		d.add(Reason{
			Code: ReasonLowTrust, Container: c.Name, Subject: "cpu", Unit: "cores", Before: n.cpu, After: max(n.cpu, floor),
			Message: fmt.Sprintf("%s: at least the most of the last 15 minutes and %s more, %s cores",
				why, percent(reactiveMargin), num(floor)),
		})
		n.raise(floor)
	}
	if c.CPU.Last > n.cpu {
		d.add(Reason{
			Code: ReasonReactiveFloor, Container: c.Name, Subject: "cpu", Unit: "cores", Before: n.cpu, After: c.CPU.Last,
			Message: fmt.Sprintf("it already uses %s cores, more than was forecast", num(c.CPU.Last)),
		})
		n.raise(c.CPU.Last)
	}
	d.throttledNeed(c, n)
}

// throttledNeed answers usage that a limit cuts off: what was wanted is not
// known, only that it is more. Usage that stands at the limit right now asks
// for twice of it. Throttling that was counted before the last change of size
// has been answered by it.
func (d *draft) throttledNeed(c Container, n *containerNeed) {
	limit := c.Limits.CPU.Cores() * float64(d.s.Replicas.pods())
	if limit <= 0 {
		return
	}
	answered := d.s.Now.Sub(d.s.State.LastChange) < throttledSpan
	var cut float64
	var why string
	switch {
	case c.CPU.Last >= peggedShare*limit:
		cut, why = limit*peggedGrowth, fmt.Sprintf("uses %s of %s cores, all that its limit leaves it", num(c.CPU.Last), num(limit))
	case c.ThrottledRatio > throttledRatio && !answered:
		cut, why = limit*(1+c.ThrottledRatio), "throttled in "+percent(c.ThrottledRatio)+" of periods"
	default:
		return
	}
	d.add(Reason{
		Code: ReasonThrottled, Container: c.Name, Subject: "cpu", Unit: "cores", Before: n.cpu, After: max(n.cpu, cut),
		Message: why + ": usage is cut off by the limit, so demand is taken to be above it",
	})
	n.raise(cut)
}

// raise lifts every CPU figure but the median to at least cores.
func (n *containerNeed) raise(cores float64) {
	n.cpu, n.cpuHigh, n.cpuAhead = max(n.cpu, cores), max(n.cpuHigh, cores), max(n.cpuAhead, cores)
}

// distrust says why a forecast is not to be relied on; empty where it is.
func distrust(f forecaster.Forecast) string {
	switch {
	case !f.Valid():
		return "there is no forecast"
	case f.Span < trustSpan:
		return fmt.Sprintf("only %s of history", span(f.Span))
	case f.Coverage95 > 0 && f.Coverage95 < trustCoverage:
		return fmt.Sprintf("the 95 %% quantile held in %s of recent cases only", percent(f.Coverage95))
	default:
		return ""
	}
}

// demandNeed lets the forecast of what arrives decide instead of that of what
// was used: CPU that was throttled or queued for is in the first and not in
// the second. With a latency objective, the container that uses the most CPU
// becomes a queue.
func (d *draft) demandNeed(n *need, w windows) {
	dem, level := d.s.Demand, 1-d.s.Policy.Risk
	if distrust(dem.Forecast) != "" {
		return
	}
	if d.patient(w) {
		level = 0.5
	}
	n.rate = max(dem.Forecast.MaxWithin(w.act, level), dem.Last)
	n.rateAhead = max(dem.Forecast.MaxWithin(w.ahead, level), dem.Last)
	n.rateMedian = dem.Forecast.MaxWithin(w.act, 0.5)
	waiting := d.backlogRate()
	n.rate, n.rateAhead, n.rateMedian = n.rate+waiting, n.rateAhead+waiting, n.rateMedian+waiting
	d.add(Reason{
		Code: ReasonForecast, Subject: "demand", Unit: dem.Unit, Before: dem.Last, After: n.rate,
		Message: fmt.Sprintf("%s is %s now; with probability %s it stays below %s within %s",
			dem.Signal, num(dem.Last), percent(level), num(n.rate), span(w.act)),
	})
	main, part := d.mainContainer()
	c := &n.containers[main]
	if !c.known {
		return
	}
	rel := dem.Relation
	noise := 1.645 * rel.Residual
	c.perReplica = rel.PerReplica * part
	high := max(n.rate, dem.Forecast.MaxWithin(w.act, 0.99))
	floor := c.cpu
	if d.patient(w) {
		// The surprise, and what a limit cuts off, is in what waits.
		noise, floor = 0, max(c.cpuMedian, d.s.Containers[main].CPU.Last)
	}
	c.cpu = (rel.PerUnit*n.rate + noise) * part
	c.cpuAhead = (rel.PerUnit*n.rateAhead + noise) * part
	c.cpuHigh = (rel.PerUnit*high + noise) * part
	c.cpuMedian = rel.PerUnit * n.rateMedian * part
	if d.s.Policy.Objective.LatencySeconds > 0 {
		n.serving = main
		n.server = NewServer(rel.PerUnit*part, d.s.Policy.Objective.ServiceCV, c.perReplica)
		return
	}
	// Usage that is forecast to be higher than the relation says is real, too.
	c.raise(floor - c.perReplica*float64(d.s.Replicas.pods()))
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
