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
	// throttledSettles is how long a change may take to show, with nodes to start.
	throttledSettles = 15 * time.Minute
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
	// rateAhead is the quantile over the time it takes to start a pod, and
	// waiting what a backlog adds to each. All are 0 where demand does not
	// decide.
	rate, rateMedian, rateAhead, waiting float64
	// main is the container whose CPU follows the rate, part its part of all.
	main int
	part float64
	// correction is the factor on what is needed, see correct.
	correction float64
	// patient says that what exceeds the median may wait.
	patient bool
	// perPod is the rate that a pod of a batch server carries, whatever its
	// size; 0 for other workloads.
	perPod float64
	// shared says that rateAhead is a part of a demand that others carry, too.
	shared bool
	// gpus is the need of GPU-seconds a second, of which a pod does gpusPerPod;
	// 0 for others.
	gpus, gpusPerPod float64
}

// containerNeed is in cores over all pods, and in bytes of a pod.
type containerNeed struct {
	cpu, cpuMedian, cpuHigh, cpuAhead float64
	// cpuExpected is what it is expected to use.
	cpuExpected float64
	imbalance   float64
	// perReplica and perUnit follow the relation, where there is one: the
	// need is perReplica·n + cpu; zero without.
	perReplica float64
	memory     float64
	memoryLow  float64
	memoryHigh float64
	share      float64
	// ofPods is a number of pods for which ratio times memory is known to be enough; 0
	// where there is none.
	ofPods, ratio float64
	known         bool
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
// ascending and never empty, rounded up to whole steps of the series that are
// forecast. Forecasts in a snapshot should have them.
func Horizons(s Snapshot, step time.Duration) []time.Duration {
	s = s.prepared()
	w := windowsOf(s)
	horizons := append(w.lasting(), w.act, w.ahead)
	for i, h := range horizons {
		if past := h % max(1, step); past > 0 {
			horizons[i] = h - past + step
		}
	}
	slices.Sort(horizons)
	return slices.Compact(horizons)
}

// within is the quantile of the maximum of what is forecast from now on: an
// older forecast has to be looked at further ahead.
func (d *draft) within(f forecaster.Forecast, span time.Duration, level float64) float64 {
	return f.MaxWithin(span+d.age(f), level)
}

// age is how old a forecast is.
func (d *draft) age(f forecaster.Forecast) time.Duration {
	if f.Origin.IsZero() {
		return 0
	}
	return max(0, d.s.Now.Sub(f.Origin))
}

func seconds(s float64) time.Duration {
	return time.Duration(math.Min(s, 1e8) * float64(time.Second))
}

// needOf works out what every container needs over the windows, telling each
// step to the draft.
func needOf(d *draft) need {
	w := windowsOf(d.s)
	n := need{serving: -1, correction: d.correct()}
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
	if d.gpuServed() {
		d.gpuNeed(&n, w)
	}
	if d.s.Demand != nil && d.s.Demand.Samples > 0 && d.s.Demand.Relation.Valid {
		d.demandNeed(&n, w)
	}
	return n
}

func (d *draft) containerNeed(i int, w windows) containerNeed {
	c := d.s.Containers[i]
	n := containerNeed{share: min(max(c.MemoryShare, 0), 1), imbalance: max(1, c.CPU.Imbalance)}
	if c.MemoryPodsRatio >= 1 {
		n.ofPods, n.ratio = float64(c.MemoryPods), c.MemoryPodsRatio
	}
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
		d.skewNeed(c, &n)
	}
	d.memoryNeed(c, w, &n)
	return n
}

// cpuNeed is the forecast quantile of the largest demand within the window,
// and not less than what is being used.
func (d *draft) cpuNeed(c Container, w windows, n *containerNeed) {
	f := c.CPU.Forecast
	level := d.level(f)
	n.cpu, n.cpuAhead = d.within(f, w.act, level), d.within(f, w.ahead, level)
	n.cpuMedian, n.cpuHigh = d.within(f, w.act, 0.5), d.within(f, w.act, 0.99)
	n.cpuExpected = c.CPU.Mean
	if f.Valid() {
		n.cpuExpected = f.At(w.act+d.age(f), 0.5)
	}
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
	limit := d.limitNow(c)
	if limit <= 0 {
		return
	}
	answered := d.s.Now.Sub(d.s.State.LastChange) < throttledSpan+throttledSettles
	var cut float64
	var why string
	if c.ThrottledRatio > throttledRatio && !answered {
		cut, why = limit*(1+c.ThrottledRatio), "throttled in "+percent(c.ThrottledRatio)+" of periods"
	}
	if d.pegged(c) {
		// What is not known is guessed, and needs no margin: limits are doubled.
		use := d.s.Policy.Vertical.containerRules(c.Name).CPUUtilization
		if guess := limit * peggedGrowth * use / n.imbalance; guess > cut {
			cut, why = guess, fmt.Sprintf("uses %s of %s cores, all that its limit leaves it", num(c.CPU.Last), num(limit))
		}
	}
	if cut <= 0 {
		return
	}
	d.add(Reason{
		Code: ReasonThrottled, Container: c.Name, Subject: "cpu", Unit: "cores", Before: n.cpu, After: max(n.cpu, cut),
		Message: why + ": usage is cut off by the limit, so demand is taken to be above it",
	})
	n.raise(cut)
}

// pegged says whether a container uses all that its limit leaves it.
func (d *draft) pegged(c Container) bool {
	limit := d.limitNow(c)
	return limit > 0 && c.CPU.Last >= peggedShare*limit
}

// limitNow is what the limits of all pods leave a container, in cores; 0 for
// none.
func (d *draft) limitNow(c Container) float64 {
	limit := c.Limits.CPU.Cores() * float64(d.s.Replicas.pods())
	if is, asked := c.pending().CPU, c.Requests.CPU; is < asked {
		limit *= float64(is) / float64(asked) // Growth is pending.
	}
	return limit
}

// memoryOf is the memory in bytes of one of that many pods, of which there are some
// now:
//
//	memory · min((now/pods)^share, ratio · max(1, ofPods/pods)^share)
//
// It says whether that is less than if they shared what they hold.
func (n *containerNeed) memoryOf(pods, now float64) (bytes float64, shown bool) {
	if pods >= now {
		return n.memory, false
	}
	factor := math.Pow(now/pods, n.share)
	if n.ofPods > 0 {
		if seen := n.ratio * math.Pow(max(1, n.ofPods/pods), n.share); seen < factor {
			return n.memory * seen, true
		}
	}
	return n.memory * factor, false
}

// raise lifts every CPU figure but the median to at least cores.
func (n *containerNeed) raise(cores float64) {
	n.cpu, n.cpuHigh, n.cpuAhead = max(n.cpu, cores), max(n.cpuHigh, cores), max(n.cpuAhead, cores)
}

// level is the quantile of a forecast that needs follow: what the risk leaves,
// and the median where there is less than a day of history. What little of it
// varied says little about the tail, and a margin on what was used lately stands
// in for that.
func (d *draft) level(f forecaster.Forecast) float64 {
	if f.Valid() && f.Span < trustSpan {
		return 0.5
	}
	return 1 - d.s.Policy.Risk
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
