package baseline

import (
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
)

// wvaSettings are those of the saturation analyser of the llm-d Workload
// Variant Autoscaler.
type wvaSettings struct {
	kvFull, queueFull   float64 // From which a replica counts as saturated.
	kvSpare, queueSpare float64 // Mean room that is to be left.
	interval            time.Duration
	hpa                 HPAOptions // Of the HPA that acts.
}

// readWVA reads the overrides. The defaults are those of WVA v0.5.1
// (docs/saturation-analyzer.md, internal/interfaces/saturation_scaling.go) and
// of its chart's HPA, which stabilises for 240 s both ways.
func readWVA(s *settings) wvaSettings {
	const stabilized = 240 * time.Second
	w := wvaSettings{
		kvFull:    s.number("kvCacheThreshold", 0.8, 0.01, 1),
		queueFull: s.number("queueLengthThreshold", 5, 0.1, 1e6),
		kvSpare:   s.number("kvSpareTrigger", 0.1, 0, 1), queueSpare: s.number("queueSpareTrigger", 3, 0, 1e6),
		interval: s.span("interval", time.Minute, time.Second, time.Hour), hpa: DefaultHPA(),
	}
	hpaFlags(s, &w.hpa)
	if w.hpa.Behavior == nil {
		b := upstreamBehavior(w.hpa.Tolerance, stabilized)
		b.Up.Stabilization = stabilized
		w.hpa.Behavior = &b
	}
	return w
}

func buildWVA(sc *simulator.Scenario, s *settings) (simulator.Policy, error) {
	if sc.Service.Inference == nil {
		return simulator.Policy{}, inferenceOnly(WVA)
	}
	w := readWVA(s)
	if s.err != nil {
		return simulator.Policy{}, s.err
	}
	return simulator.Policy{Name: WVA, Every: w.hpa.Sync, New: func(setup simulator.Setup) (simulator.Decider, error) {
		return &wva{w: w, scale: newHPAScale(w.hpa, setup.Scenario.Bounds), peaks: map[int][]enginePeak{}}, nil
	}}, nil
}

// wva is the llm-d Workload Variant Autoscaler's saturation analyser (its
// default) for one variant. Once a minute, with the largest KV cache use k and
// queue q of each replica over the last minute,
//
//	saturated: k >= 0.8 or q >= 5
//	up by one: the mean over the others of 0.8-k is below 0.1, or of 5-q below 3
//	down by one: at least two are not saturated, and their load spread over one
//	             less leaves both
//
// It does not scale up while replicas are not ready, which would take minutes
// and hide what the last ones do. An HPA follows what it wants.
type wva struct {
	w     wvaSettings
	scale *hpaScale
	next  time.Time
	want  int
	peaks map[int][]enginePeak // By pod, oldest first.
}

type enginePeak struct {
	at        time.Time
	kv, queue float64
}

// Decide changes replicas only.
func (d *wva) Decide(o simulator.Observation) simulator.Action {
	a := o.Keep()
	known := d.see(o)
	if !o.Now.Before(d.next) {
		d.next = o.Now.Add(d.w.interval)
		d.want = o.Desired
		if known {
			d.want = o.Desired + d.step(o)
		}
	}
	a.Replicas = d.scale.next(o.Now, o.Desired, func() (int, bool) {
		return averageReplicas(o.Desired, float64(d.want), 1, d.scale.down, d.scale.up), known
	})
	return a
}

// see keeps what replicas did over the last minute; it is false while nothing
// is known of any.
func (d *wva) see(o simulator.Observation) bool {
	const window = time.Minute
	alive := map[int]bool{}
	for i := range o.Pods {
		p := &o.Pods[i]
		if !p.Ready || !p.HasMetrics {
			continue
		}
		alive[p.ID] = true
		kept := d.peaks[p.ID]
		kept = append(kept, enginePeak{o.Now, p.KVCacheUsage, p.Waiting})
		for !kept[0].at.After(o.Now.Add(-window)) {
			kept = kept[1:]
		}
		d.peaks[p.ID] = kept
	}
	for id := range d.peaks {
		if !alive[id] {
			delete(d.peaks, id)
		}
	}
	return len(alive) > 0
}

// step is by how many replicas to change: one at most.
func (d *wva) step(o simulator.Observation) int {
	n, kv, queue := 0.0, 0.0, 0.0 // Of those that are not saturated.
	for i := range o.Pods {
		peaks, ok := d.peaks[o.Pods[i].ID]
		if !ok {
			continue
		}
		var most enginePeak
		for _, p := range peaks {
			most.kv, most.queue = max(most.kv, p.kv), max(most.queue, p.queue)
		}
		if most.kv < d.w.kvFull && most.queue < d.w.queueFull {
			n, kv, queue = n+1, kv+most.kv, queue+most.queue
		}
	}
	roomy := func(n float64) bool {
		return n > 0 && d.w.kvFull-kv/n >= d.w.kvSpare && d.w.queueFull-queue/n >= d.w.queueSpare
	}
	switch {
	case !roomy(n):
		if o.Ready < o.Desired {
			return 0
		}
		return 1
	case n >= 2 && roomy(n-1):
		return -1
	default:
		return 0
	}
}
