package baseline

import (
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// krrSettings are the flags of KRR's strategy "simple".
type krrSettings struct {
	cpuPercentile float64       // In (0, 1].
	memoryBuffer  float64       // Added to the largest working set.
	history       time.Duration // How far back it looks.
	points        int           // Needed, of one per krrStep.
	least         time.Duration // Of history that is needed.
}

const (
	// krrStep is the resolution of KRR's queries (--timeframe-duration, 1.25
	// minutes).
	krrStep = 75 * time.Second
	// krrHistory is how far back it looks (--history-duration, 336 hours).
	krrHistory = 14 * 24 * time.Hour
	// krrMinCPU and krrMinMemory are its floors (--cpu-min, --mem-min).
	krrMinCPU    = recommender.MilliCPU(10)
	krrMinMemory = recommender.Bytes(100e6)
)

func buildKRR(_ *simulator.Scenario, s *settings) (simulator.Policy, error) {
	k := krrSettings{
		cpuPercentile: s.number("cpuPercentile", 95, 0.1, 100) / 100,
		memoryBuffer:  s.number("memoryBufferPercentage", 15, 0, 1000) / 100,
		points:        s.whole("pointsRequired", 100, 1, 1_000_000),
		history:       s.span("historyDuration", krrHistory, 3*time.Hour, 10*krrHistory),
		least:         3 * time.Hour,
	}
	if s.err != nil {
		return simulator.Policy{}, s.err
	}
	return simulator.Policy{Name: "krr", New: func(setup simulator.Setup) (simulator.Decider, error) {
		return newKRR(k, setup), nil
	}}, nil
}

// krr is the Kubernetes Resource Recommender's strategy "simple" (robusta_krr/
// strategies/simple.py), run once, at the scored start, and never again:
//
//	CPU request    = max over pods of the 95th percentile of usage
//	memory request = max over pods of the largest working set, and 15 %
//
// over the last 14 days, or nothing with less than 3 hours or 100 points of
// history. What it prints is put into force as a person would who patches the
// pods in place; limits follow in the initial ratio.
type krr struct {
	k    krrSettings
	pods map[int]*krrPod
	past simulator.History
	done bool
}

// krrPod is what metrics hold of one pod.
type krrPod struct {
	cpu    []krrPoint
	memory float64
}

type krrPoint struct {
	at    time.Time // End of the step.
	cores float64
}

func newKRR(k krrSettings, setup simulator.Setup) *krr {
	return &krr{k: k, pods: map[int]*krrPod{}, past: setup.History}
}

// Decide keeps what it sees before the scored start.
func (d *krr) Decide(o simulator.Observation) simulator.Action {
	a := o.Keep()
	if d.done {
		return a
	}
	for i := range o.Pods {
		p := &o.Pods[i]
		if !p.HasMetrics {
			continue
		}
		pod := d.pods[p.ID]
		if pod == nil {
			pod = &krrPod{}
			d.pods[p.ID] = pod
		}
		pod.cpu = append(pod.cpu, krrPoint{o.Now, p.CPUCores})
		pod.memory = max(pod.memory, p.MemoryBytes)
	}
	if !o.Scored {
		return a
	}
	d.done = true
	if target, ok := d.recommend(o); ok {
		a.ResizeTo(o, target)
	}
	d.pods, d.past = nil, simulator.History{}
	return a
}

// recommend is what KRR prints; false where history is too short.
func (d *krr) recommend(o simulator.Observation) (recommender.Resources, bool) {
	from := o.Now.Add(-d.k.history)
	points, peak := d.sharedHistory(from)
	var cpu, memory float64
	most := 0
	var first time.Time
	if len(points) > 0 {
		first = points[0].at
	}
	for id := range o.Pods {
		pod := d.pods[o.Pods[id].ID]
		if pod == nil {
			continue
		}
		all := slices.Concat(points, pod.cpu)
		if len(all) > 0 && (first.IsZero() || all[0].at.Before(first)) {
			first = all[0].at
		}
		values := resample(all, o.Now)
		most = max(most, len(values))
		cpu = max(cpu, quantileOf(values, d.k.cpuPercentile))
		memory = max(memory, pod.memory)
	}
	if most < d.k.points || first.IsZero() || o.Now.Sub(first) < d.k.least {
		return recommender.Resources{}, false
	}
	memory = max(memory, peak) * (1 + d.k.memoryBuffer)
	return recommender.Resources{
		CPU: max(krrMinCPU, recommender.FromCores(cpu)), Memory: max(krrMinMemory, recommender.FromBytes(memory)),
	}, true
}

// sharedHistory is the part of the history that all pods share, and the
// largest memory of one pod in it.
func (d *krr) sharedHistory(from time.Time) (points []krrPoint, peak float64) {
	n := float64(max(1, d.past.Replicas))
	for i, v := range d.past.CPU.Values {
		at := d.past.CPU.Time(i)
		if at.Before(from) || math.IsNaN(v) {
			continue
		}
		points = append(points, krrPoint{at, v / n})
		if i < len(d.past.Memory.Values) && d.past.Memory.Values[i] > peak { // False for a gap.
			peak = d.past.Memory.Values[i]
		}
	}
	return points, peak
}

// resample averages points over spans of krrStep that end at now and before;
// points that are further apart stay as they are.
func resample(points []krrPoint, now time.Time) []float64 {
	var out []float64
	for i := 0; i < len(points); {
		span := int64(now.Sub(points[i].at) / krrStep)
		sum, n := 0.0, 0.0
		for ; i < len(points) && int64(now.Sub(points[i].at)/krrStep) == span; i++ {
			sum += points[i].cores
			n++
		}
		out = append(out, sum/n)
	}
	return out
}

// quantileOf is the quantile of values, which it sorts, as PromQL's
// quantile_over_time takes it: linear between ranks. Without values it is 0.
func quantileOf(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	rank := p * float64(len(values)-1)
	low := int(rank)
	high := min(low+1, len(values)-1)
	w := rank - float64(low)
	return values[low]*(1-w) + values[high]*w
}
