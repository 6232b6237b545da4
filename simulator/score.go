package simulator

import "errors"

// ErrStopped says that the caller ended the run.
var ErrStopped = errors.New("simulator: stopped")

// totals are amounts over a span, in core-, byte- and GPU-seconds and seconds.
type totals struct {
	requestedCPU, usedCPU, borrowedCPU float64
	requestedMemory, usedMemory        float64
	gpus                               float64
	cost                               float64
	throttled                          float64
	pending                            float64
	oomKills, restarts, resizes        int
}

func (t *totals) add(o totals) {
	t.requestedCPU += o.requestedCPU
	t.usedCPU += o.usedCPU
	t.borrowedCPU += o.borrowedCPU
	t.requestedMemory += o.requestedMemory
	t.usedMemory += o.usedMemory
	t.gpus += o.gpus
	t.cost += o.cost
	t.throttled += o.throttled
	t.pending += o.pending
	t.oomKills += o.oomKills
	t.restarts += o.restarts
	t.resizes += o.resizes
}

// Score is what a run cost and how well it served, over the scored span. A nil
// field means nothing for the scenario.
type Score struct {
	// CPUCoreHours and MemoryGiBHours are requested; CPUBorrowedCoreHours was
	// used beyond what was requested.
	CPUCoreHours         float64 `json:"cpuCoreHours"`
	CPUBorrowedCoreHours float64 `json:"cpuBorrowedCoreHours"`
	MemoryGiBHours       float64 `json:"memoryGiBHours"`
	GPUHours             float64 `json:"gpuHours"`
	// Cost is the sum of price times hours of the larger of requested and
	// used; nil for an oracle that found nothing. CostToOracle is its ratio to
	// the oracle's.
	Cost         *float64 `json:"cost"`
	CostToOracle *float64 `json:"costToOracle"`
	// SLOViolationSeconds is the length of the minutes in which more than
	// 1 - percentile of the arrivals were violated (usage: any loss).
	SLOViolationSeconds float64 `json:"sloViolationSeconds"`
	// SLOViolatedRequestRatio is violated over all arrivals, or lost over
	// demanded core-seconds; nil if nothing was demanded.
	SLOViolatedRequestRatio *float64 `json:"sloViolatedRequestRatio"`
	ServedRequests          *uint64  `json:"servedRequests"`
	DroppedRequests         *uint64  `json:"droppedRequests"`
	LatencyP50Seconds       *float64 `json:"latencyP50Seconds"`
	LatencyP95Seconds       *float64 `json:"latencyP95Seconds"`
	LatencyP99Seconds       *float64 `json:"latencyP99Seconds"`
	// ThrottledSeconds are ready-pod seconds of steps in which the pod used
	// 99 % of its ceiling or more.
	ThrottledSeconds float64 `json:"throttledSeconds"`
	OOMKills         int     `json:"oomKills"`
	// CPUSlackRatio and MemorySlackRatio are 1 - used/requested of all
	// existing pods; nil if nothing was requested.
	CPUSlackRatio    *float64 `json:"cpuSlackRatio"`
	MemorySlackRatio *float64 `json:"memorySlackRatio"`
	// ScaleEvents are control steps in which desired replicas changed, Resizes
	// pods resized in place.
	ScaleEvents       int     `json:"scaleEvents"`
	Resizes           int     `json:"resizes"`
	Evictions         int     `json:"evictions"`
	Restarts          int     `json:"restarts"`
	PendingPodSeconds float64 `json:"pendingPodSeconds"`
	// Decisions is how often the policy was asked.
	Decisions int `json:"decisions"`
}

// score puts the totals into numbers, and says which minutes were violated.
func (w *world) score() (s Score, violated []bool) {
	t := &w.total
	cost := t.cost
	s = Score{
		CPUCoreHours:         t.requestedCPU / 3600,
		CPUBorrowedCoreHours: t.borrowedCPU / 3600,
		MemoryGiBHours:       t.requestedMemory / 3600 / (1 << 30),
		GPUHours:             t.gpus / 3600,
		Cost:                 &cost,
		ThrottledSeconds:     t.throttled,
		OOMKills:             t.oomKills,
		CPUSlackRatio:        slack(t.usedCPU, t.requestedCPU),
		MemorySlackRatio:     slack(t.usedMemory, t.requestedMemory),
		ScaleEvents:          w.counts.scaleEvents,
		Resizes:              t.resizes,
		Evictions:            w.counts.evictions,
		Restarts:             t.restarts,
		PendingPodSeconds:    t.pending,
		Decisions:            w.counts.decisions,
	}
	if w.sc.Service.Inference != nil { // What its CPU and memory do is not modelled.
		s.CPUSlackRatio, s.MemorySlackRatio = nil, nil
	}
	violated = w.load.finish(&s)
	return s, violated
}

func slack(used, requested float64) *float64 {
	if requested <= 0 {
		return nil
	}
	v := 1 - used/requested
	return &v
}

// ratio is part/whole, nil without a whole.
func ratio(part, whole float64) *float64 {
	if whole <= 0 {
		return nil
	}
	v := part / whole
	return &v
}

// ScoreSeries is the course of a run from the scored start: what was in force
// at the start of each minute.
type ScoreSeries struct {
	StepSeconds      int       `json:"stepSeconds"`
	Replicas         []int     `json:"replicas"`
	ReadyReplicas    []int     `json:"readyReplicas"`
	CPURequestCores  []float64 `json:"cpuRequestCores"`
	MemoryRequestGiB []float64 `json:"memoryRequestGiB"`
	// Demand is the mean rate of the minute that begins, requests a second or
	// cores.
	Demand []float64 `json:"demand"`
}

func newScoreSeries(sc *Scenario) *ScoreSeries {
	n := wholeMinutes(sc.Duration)
	return &ScoreSeries{
		StepSeconds: 60, Replicas: make([]int, 0, n), ReadyReplicas: make([]int, 0, n),
		CPURequestCores: make([]float64, 0, n), MemoryRequestGiB: make([]float64, 0, n), Demand: make([]float64, 0, n),
	}
}

// fill adds the minutes that begin before the instant until, up to which
// nothing changes.
func (s *ScoreSeries) fill(w *world, until float64) {
	for {
		at := w.scored + 60*float64(len(s.Replicas))
		if at < w.now || at >= until {
			return
		}
		cpu, memory := 0.0, 0.0
		for _, p := range w.pods {
			cpu += p.size.CPU.Cores()
			memory += p.size.Memory.GiB()
		}
		s.Replicas = append(s.Replicas, w.desired)
		s.ReadyReplicas = append(s.ReadyReplicas, len(w.ready))
		s.CPURequestCores = append(s.CPURequestCores, cpu)
		s.MemoryRequestGiB = append(s.MemoryRequestGiB, memory)
		s.Demand = append(s.Demand, w.sc.Demand.over(at, min(at+60, w.end)).MeanRate)
	}
}
