package recommender_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

// draw makes a snapshot of everything that can bind, often at odds with itself.
type draw struct{ *rand.Rand }

func (r draw) chance(p float64) bool { return r.Float64() < p }

func (r draw) cpu() recommender.MilliCPU { return recommender.MilliCPU(math.Exp(r.Float64() * 9)) }

func (r draw) memory() recommender.Bytes {
	return recommender.Bytes(math.Exp(16 + r.Float64()*9))
}

func (r draw) size() recommender.Resources {
	return recommender.Resources{CPU: r.cpu(), Memory: r.memory()}
}

func (r draw) forecast(scale float64) forecaster.Forecast {
	median := r.Float64() * scale
	return expects(median, median*(1+r.Float64()*2))
}

func (r draw) container(name string) recommender.Container {
	c := recommender.Container{Name: name, Requests: r.size()}
	switch r.IntN(3) {
	case 0:
		c.Limits = c.Requests
	case 1:
		c.Limits = recommender.Resources{CPU: c.Requests.CPU * 2, Memory: c.Requests.Memory}
	}
	cores, bytes := r.Float64()*8, float64(r.memory())
	c.CPU = usage(cores, cores*1.2, r.forecast(8))
	c.Memory = usage(bytes, bytes*1.1, expects(bytes, bytes*1.2))
	if r.chance(0.1) {
		c.CPU.Samples = 0
	}
	if r.chance(0.2) {
		c.OOMKills, c.LastOOMKill = 1, time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC).Add(-time.Duration(r.IntN(100))*time.Minute)
	}
	if r.chance(0.1) {
		c.InForce = r.size()
	}
	c.Sidecar = r.chance(0.2)
	if r.chance(0.3) {
		c.MemoryInFlight = recommender.Relation{PerReplica: bytes / 2, PerUnit: float64(mib), Valid: true}
	}
	if r.chance(0.1) {
		c.CPU.Forecast.Span = 3 * time.Hour
	}
	return c
}

func (r draw) policy(s *recommender.Snapshot) {
	h, v := &s.Policy.Horizontal, &s.Policy.Vertical
	*h = recommender.HorizontalPolicy{Min: 1 + r.IntN(5), Fixed: r.chance(0.2)}
	h.Max = h.Min + r.IntN(30)
	if r.chance(0.3) {
		h.Behavior.ScaleUp = &recommender.ScalingRules{Policies: []recommender.ScalingPolicy{{Type: recommender.ScalingPods, Value: 1 + r.IntN(4), PeriodSeconds: 60}}}
		h.Behavior.ScaleDown = &recommender.ScalingRules{SelectPolicy: recommender.SelectDisabled}
	}
	if r.chance(0.2) {
		h.Zero = &recommender.ZeroPolicy{}
	}
	v.InPlace, v.CPUUtilization = r.chance(0.5), 0.5+r.Float64()/2
	if r.chance(0.5) {
		v.MaxAllowed = r.size()
	}
	if r.chance(0.2) {
		v.StepUp, v.StepDown = r.Float64(), r.Float64()
	}
	c := recommender.ContainerPolicy{Name: "*"}
	switch r.IntN(5) {
	case 0:
		c.CPUStep, c.MemoryStep = 250, 64*mib
	case 1:
		c.MemoryPerCore = recommender.MemoryPerCore{Min: 1024 * mib, Max: 4096 * mib}
	case 2:
		for range 1 + r.IntN(6) {
			c.Sizes = append(c.Sizes, r.size())
		}
	}
	limits := []recommender.LimitPolicy{recommender.LimitNone, recommender.LimitRatio, recommender.LimitEqual, recommender.LimitHeadroom}
	c.CPULimit = recommender.Limit{Policy: limits[r.IntN(4)], HeadroomShare: r.Float64()}
	c.MemoryLimit = recommender.Limit{Policy: limits[r.IntN(4)], Headroom: int64(r.IntN(1 << 30))}
	v.Containers = []recommender.ContainerPolicy{c}
}

func (r draw) surroundings(s *recommender.Snapshot) {
	if r.chance(0.4) {
		s.Quotas = quota("q", []recommender.QuotaResource{
			recommender.QuotaRequestsCPU, recommender.QuotaRequestsMemory, recommender.QuotaLimitsCPU, recommender.QuotaPods,
		}[r.IntN(4)], int64(math.Exp(r.Float64()*25)), int64(math.Exp(r.Float64()*20)))
	}
	for range r.IntN(4) {
		s.Nodes = append(s.Nodes, recommender.NodeShape{Name: "n", Allocatable: r.size(), MaxNodes: r.IntN(20)})
	}
	if r.chance(0.3) {
		s.LimitRanges = []recommender.LimitRange{{Name: "l", Type: recommender.LimitRangeContainer, Min: r.size(), Default: r.size()}}
		s.LimitRanges[0].Max = s.LimitRanges[0].Min.Add(r.size())
	}
	if r.chance(0.2) {
		s.InitContainers = []recommender.InitContainer{{Name: "i", Requests: r.size(), SidecarsBefore: r.IntN(3)}}
	}
	if r.chance(0.2) {
		s.Windows = []recommender.Window{{
			Name: "w", Type: []recommender.WindowType{recommender.WindowMaintenance, recommender.WindowFreeze}[r.IntN(2)],
			Start: s.Now.Add(time.Duration(r.IntN(200)-100) * time.Minute), End: s.Now.Add(2 * time.Hour),
		}}
	}
	if r.chance(0.2) {
		s.Floors = []recommender.ScheduledFloor{{Name: "f", From: s.Now, To: s.Now.Add(time.Hour), MinReplicas: r.IntN(40)}}
	}
	if r.chance(0.2) {
		s.Disruption = &recommender.DisruptionBudget{MinAvailable: r.IntN(10), MinAvailablePercent: r.Float64() * 100}
	}
	if r.chance(0.2) {
		left := r.IntN(10)
		s.Budget = &recommender.ChangeBudget{Pods: &left}
	}
}

func (r draw) snapshot() recommender.Snapshot {
	s := shop()
	if r.chance(0.6) {
		rate := r.Float64() * 500
		s = withDemand(s, rate, rate*(1+r.Float64()))
		if r.chance(0.5) {
			s.Policy.Objective.LatencySeconds = 0.05 + r.Float64()
		}
		if r.chance(0.3) {
			s.Demand.Counting = recommender.Counting{Seconds: 60, PeakOf: r.IntN(6), LastSeconds: 15}
		}
		if r.chance(0.2) {
			s.Demand.Usage = usage(0, 10, expects(0, 0))
		}
		if r.chance(0.1) {
			s.Demand.Forecast.Span = 3 * time.Hour
		}
	}
	r.policy(&s)
	s.Replicas.Desired = r.IntN(30)
	s.Replicas.Ready = s.Replicas.Desired
	if r.chance(0.1) {
		s.Replicas.Deferred, s.Replicas.Infeasible = r.IntN(3), r.IntN(3)
	}
	s.Containers = []recommender.Container{r.container("app")}
	if r.chance(0.4) {
		s.Containers = append(s.Containers, r.container("proxy"))
	}
	r.surroundings(&s)
	if r.chance(0.2) {
		s.Facts = []recommender.Fact{{Code: recommender.FactPartial, Message: "part"}}
	}
	for i := range r.IntN(70) {
		at := s.Now.Add(time.Duration(i-70) * time.Minute)
		s.State.Scales = append(s.State.Scales, recommender.Scale{At: at, From: r.IntN(9), To: r.IntN(9)})
		s.State.Wishes = append(s.State.Wishes, recommender.Wish{At: at, Replicas: r.IntN(9)})
	}
	return s
}

// podOf is what a pod requests, with its init containers.
func podOf(s recommender.Snapshot, of func(int) recommender.Resources) recommender.Resources {
	total, sidecars := recommender.Resources{}, []recommender.Resources(nil)
	for i, c := range s.Containers {
		total = total.Add(of(i))
		if c.Sidecar {
			sidecars = append(sidecars, of(i))
		}
	}
	for _, c := range s.InitContainers {
		beside := c.Requests
		for k := 0; k < c.SidecarsBefore && k < len(sidecars); k++ {
			beside = beside.Add(sidecars[k])
		}
		total = recommender.Resources{CPU: max(total.CPU, beside.CPU), Memory: max(total.Memory, beside.Memory)}
	}
	return total
}

func presentOf(s recommender.Snapshot, i int) recommender.Resources {
	c, r := s.Containers[i], s.Replicas
	out := c.Requests
	if r.Desired == 0 || r.Deferred+r.Infeasible < r.Desired {
		return out
	}
	if c.InForce.CPU > 0 {
		out.CPU = c.InForce.CPU
	}
	if c.InForce.Memory > 0 {
		out.Memory = c.InForce.Memory
	}
	return out
}

// FuzzConstraints checks for any snapshot what no constraint may break.
func FuzzConstraints(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		s := draw{rand.New(rand.NewPCG(seed, 5))}.snapshot()
		d := decide(s)
		wire, err := json.Marshal(d)
		if err != nil {
			t.Fatalf("decision is not JSON: %v", err)
		}
		var back recommender.Snapshot
		if in, err := json.Marshal(s); err != nil {
			t.Fatal(err)
		} else if err := json.Unmarshal(in, &back); err != nil {
			t.Fatal(err)
		}
		if again, _ := json.Marshal(decide(back)); string(again) != string(wire) {
			t.Errorf("equal snapshots decide differently:\n%s\n%s", wire, again)
		}
		if d.Action != recommender.ActionNone {
			checkNothingLowered(t, s, d)
			checkBounds(t, s, d)
			checkCluster(t, s, d)
			checkLimits(t, s, d)
		}
		if n := d.State; d.Action != recommender.ActionNone && (len(n.Scales) > 64 || len(n.Turns) > 16 || len(n.Refused) > 8 || len(n.Wishes) > 2*s.Policy.Horizontal.Max+60) {
			t.Errorf("the state grows: %d scales, %d turns, %d refused, %d wishes", len(n.Scales), len(n.Turns), len(n.Refused), len(n.Wishes))
		}
	})
}

func checkNothingLowered(t *testing.T, s recommender.Snapshot, d recommender.Decision) {
	t.Helper()
	if len(s.Facts) == 0 {
		return
	}
	if d.DesiredReplicas < s.Replicas.Desired {
		t.Errorf("replicas went from %d to %d on partial data", s.Replicas.Desired, d.DesiredReplicas)
	}
	for i, c := range d.Containers {
		if is := presentOf(s, i); c.Target.CPU < is.CPU || c.Target.Memory < is.Memory {
			t.Errorf("%s went from %+v to %+v on partial data", c.Name, is, c.Target)
		}
	}
}

// checkBounds checks the owner's and the LimitRanges' bounds, for decisions that
// nothing holds.
func checkBounds(t *testing.T, s recommender.Snapshot, d recommender.Decision) {
	t.Helper()
	h := s.Policy.Horizontal
	thin := func(c recommender.Container) bool { return c.CPU.Samples > 0 && c.CPU.Forecast.Span < 24*time.Hour }
	if len(s.Facts) > 0 || s.Budget != nil || slices.ContainsFunc(s.Containers, thin) {
		return
	}
	stopped := s.Replicas.Desired == 0 && h.Zero == nil
	if n := d.DesiredReplicas; !h.Fixed && !stopped && (n > h.Max || n < min(h.Min, max(s.Replicas.Desired, 1)) && n != 0 || n == 0 && h.Zero == nil) {
		// Quotas of pods leave fewer than the minimum, but no fewer than there are.
		if len(s.Quotas) == 0 || n > h.Max {
			t.Errorf("%d replicas are outside of %d to %d", n, h.Min, h.Max)
		}
	}
	if len(s.Windows) > 0 {
		return
	}
	for i, c := range d.Containers {
		if s.Containers[i].CPU.Samples == 0 {
			continue
		}
		most := s.Policy.Vertical.MaxAllowed
		for _, l := range s.LimitRanges {
			most = recommender.Resources{CPU: max(min(or(most.CPU), l.Max.CPU), l.Min.CPU), Memory: max(min(or(most.Memory), l.Max.Memory), l.Min.Memory)}
		}
		if c.Target.CPU > max(or(most.CPU), 10) || c.Target.Memory > max(or(most.Memory), 32*mib) {
			t.Errorf("%s: %+v is more than %+v", c.Name, c.Target, most)
		}
		if plain := len(s.LimitRanges)+len(s.Quotas)+len(s.Nodes) == 0 && s.Replicas.Infeasible == 0; plain &&
			(c.Target.CPU < min(10, or(most.CPU)) || c.Target.Memory < min(32*mib, or(most.Memory))) {
			t.Errorf("%s: %+v is less than 10 m and 32 MiB", c.Name, c.Target)
		}
	}
}

func or[T ~int64](v T) T {
	if v <= 0 {
		return math.MaxInt64
	}
	return v
}

// checkCluster checks that quotas and nodes are not exceeded, unless what is
// there does so already or nothing may be lowered.
func checkCluster(t *testing.T, s recommender.Snapshot, d recommender.Decision) {
	t.Helper()
	pod := podOf(s, func(i int) recommender.Resources { return d.Containers[i].Target })
	is := podOf(s, func(i int) recommender.Resources { return presentOf(s, i) })
	n, now := d.DesiredReplicas, s.Replicas.Desired
	same := n <= now && pod.CPU <= is.CPU && pod.Memory <= is.Memory
	for _, q := range s.Quotas {
		for _, item := range q.Items {
			amount, own := int64(pod.CPU), int64(is.CPU)*int64(now)
			if item.Resource == recommender.QuotaRequestsMemory {
				amount, own = int64(pod.Memory), int64(is.Memory)*int64(now)
			} else if item.Resource != recommender.QuotaRequestsCPU {
				continue
			}
			if left := item.Hard - item.Used + own; amount > 0 && int64(n) > max(left, 0)/amount && !same && amount*int64(n) > own {
				t.Errorf("%d pods of %d exceed %d of %s", n, amount, left, item.Resource)
			}
		}
	}
	if len(s.Nodes) == 0 || same || n == 0 {
		return
	}
	for _, node := range s.Nodes {
		if pod.CPU <= node.Allocatable.CPU && pod.Memory <= node.Allocatable.Memory {
			return
		}
	}
	if len(s.Facts) == 0 && !unsized(s) {
		t.Errorf("%d pods of %+v fit on no node: %+v; there are %d of %+v", n, pod, s.Nodes, now, is)
	}
}

// unsized says whether the least that the containers may have could be more than
// any node has.
func unsized(s recommender.Snapshot) bool {
	for _, c := range s.Containers {
		if c.CPU.Samples == 0 {
			return true
		}
	}
	return len(s.LimitRanges) > 0 || len(s.InitContainers) > 0 || len(s.Policy.Vertical.Containers[0].Sizes) > 0 ||
		s.Policy.Vertical.StepDown > 0 || len(s.Windows) > 0 || s.Policy.Vertical.MaxAllowed != (recommender.Resources{})
}

// checkLimits checks that limits are not below requests, and the QoS class.
func checkLimits(t *testing.T, s recommender.Snapshot, d recommender.Decision) {
	t.Helper()
	class := func(requests, limits func(int) recommender.Resources) string {
		none, guaranteed := true, true
		one := func(q, l recommender.Resources) {
			none = none && q == (recommender.Resources{}) && l == (recommender.Resources{})
			guaranteed = guaranteed && q == l && q.CPU > 0 && q.Memory > 0
		}
		for i := range s.Containers {
			one(requests(i), limits(i))
		}
		for _, c := range s.InitContainers {
			one(c.Requests, c.Limits)
		}
		switch {
		case none:
			return "BestEffort"
		case guaranteed:
			return "Guaranteed"
		default:
			return "Burstable"
		}
	}
	was := class(func(i int) recommender.Resources { return s.Containers[i].Requests },
		func(i int) recommender.Resources { return s.Containers[i].Limits })
	is := class(func(i int) recommender.Resources { return d.Containers[i].Target },
		func(i int) recommender.Resources { return d.Containers[i].TargetLimits })
	if was != is {
		t.Errorf("the pod was %s and becomes %s", was, is)
	}
	for i, c := range d.Containers {
		q, l := c.Target, c.TargetLimits
		if c.Target != s.Containers[i].Requests && (l.CPU > 0 && l.CPU < q.CPU || l.Memory > 0 && l.Memory < q.Memory) {
			t.Errorf("%s: limits %+v are below requests %+v", c.Name, l, q)
		}
	}
}

// TestMoreRiskAndLessDemandNeverCostMore varies one of them at a time, with
// either the replicas or the sizes free, so that rounding to whole pods or the
// price of a change cannot hide behind the other.
func TestMoreRiskAndLessDemandNeverCostMore(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := draw{rand.New(rand.NewPCG(seed, 6))}
		s := withDemand(shop(), r.Float64()*500, 500+r.Float64()*500)
		s.Policy.Horizontal.Fixed, s.Policy.Vertical.Fixed = seed%2 == 0, seed%2 == 1
		s.Policy.Vertical.InPlace = r.chance(0.5)
		if r.chance(0.5) {
			s.Policy.Objective.LatencySeconds = 0.1 + r.Float64()
		}
		s.Containers[0].Requests = r.size()
		if r.chance(0.5) {
			s.Demand.Counting = recommender.Counting{Seconds: 60, PeakOf: 5, LastSeconds: 15}
			s.Containers[0].MemoryInFlight = recommender.Relation{PerReplica: 100 * float64(mib), PerUnit: 8 * float64(mib), Valid: true}
		}
		if r.chance(0.5) {
			rules(recommender.ContainerPolicy{CPUStep: 250})(&s)
		}
		s.Policy.Risk = 0.01 + 0.2*r.Float64()
		careful := decide(s)
		s.Policy.Risk *= 2
		if bold := decide(s); bold.Cost.TargetPerHour > careful.Cost.TargetPerHour*(1+1e-9) {
			t.Errorf("seed %d: risk %g costs %g, half of it %g", seed, s.Policy.Risk, bold.Cost.TargetPerHour, careful.Cost.TargetPerHour)
		}
		s.Policy.Risk /= 2
		more := s
		demand := *s.Demand
		demand.Usage = usage(s.Demand.Last*1.5, s.Demand.Peak*1.5, expects(s.Demand.Last*1.5, 1500))
		more.Demand = &demand
		got := decide(more)
		if got.DesiredReplicas < careful.DesiredReplicas || got.Containers[0].Target.CPU < careful.Containers[0].Target.CPU {
			t.Errorf("seed %d: more demand gives %d x %d m, less %d x %d m", seed, got.DesiredReplicas, got.Containers[0].Target.CPU,
				careful.DesiredReplicas, careful.Containers[0].Target.CPU)
		}
	}
}

// Demand in thousandths of a unit, each of which takes a thousandth of the CPU,
// is the same demand.
func TestUnitsOfDemandDoNotMatter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := draw{rand.New(rand.NewPCG(seed, 7))}
		s := r.snapshot()
		if s.Demand == nil || s.Policy.Objective.LatencySeconds > 0 {
			continue // An objective is about single requests.
		}
		s.Demand.Counting = recommender.Counting{} // So are counts.
		milli := s
		demand := *s.Demand
		demand.Relation.PerUnit /= 1000
		f := demand.Forecast
		scaled := func(rows [][]float64) [][]float64 {
			out := make([][]float64, len(rows))
			for i, row := range rows {
				for _, v := range row {
					out[i] = append(out[i], v*1000)
				}
			}
			return out
		}
		f.Max, f.Point = scaled(f.Max), scaled(f.Point)
		demand.Usage = usage(demand.Last*1000, demand.Peak*1000, f)
		milli.Demand = &demand
		a, b := decide(s), decide(milli)
		if a.DesiredReplicas != b.DesiredReplicas || !cmp.Equal(a.Containers, b.Containers) {
			t.Errorf("seed %d: %d x %+v, in thousandths %d x %+v", seed, a.DesiredReplicas, a.Containers, b.DesiredReplicas, b.Containers)
		}
	}
}
