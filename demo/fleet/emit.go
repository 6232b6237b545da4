package fleet

import (
	"slices"
	"strings"
	"time"
)

// target is something that Prometheus scrapes.
type target struct {
	// labels are those that the scrape adds: job, instance and more.
	labels []Label
	// offset is how far after the grid point it is scraped.
	offset time.Duration
}

// emitter hands series to yield until the first error.
type emitter struct {
	fleet *Fleet
	yield func(s Series, done, total int) error
	err   error
	done  int
	// targets are those that were scraped all the time.
	targets map[string]target
	scratch []float64
}

// target returns the target of a job and instance that was there all the
// time.
func (e *emitter) target(job, instance string, extra ...Label) target {
	key := job + "|" + instance
	t, ok := e.targets[key]
	if !ok {
		t = e.newTarget(job, instance, extra)
		e.targets[key] = t
	}
	return t
}

// newTarget spreads the scrapes over the interval by a hash of the target, as
// Prometheus does it.
func (e *emitter) newTarget(job, instance string, extra []Label) target {
	labels := append([]Label{{"job", job}, {"instance", instance}}, extra...)
	share := float64(hash(job+"|"+instance)%1000) / 1000
	offset := time.Duration(share * float64(e.fleet.opts.Interval)).Truncate(time.Millisecond)
	return target{labels: labels, offset: offset}
}

// emit yields one series of a target whose first value belongs to grid point
// first. Labels of the series win over those of the target. Values of the
// future are cut off.
func (e *emitter) emit(t target, first int, values []float64, name string, labels ...Label) {
	g := e.fleet.grid
	n := g.n
	if t.offset > 0 {
		n-- // The last grid point is scraped after the end.
	}
	values = values[:min(len(values), max(0, n-first))]
	if e.err != nil || len(values) == 0 {
		return
	}
	all := make([]Label, 0, len(labels)+len(t.labels)+1)
	all = append(all, Label{"__name__", name})
	all = append(all, labels...)
	for _, l := range t.labels {
		if !slices.ContainsFunc(all, func(o Label) bool { return o.Name == l.Name }) {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	e.err = e.yield(Series{
		Labels: all, Start: g.time(first).Add(t.offset), Interval: g.step, Values: values,
	}, e.done, len(e.fleet.workloads))
}

// constant yields a series that has one value from grid point first up to the
// one before last.
func (e *emitter) constant(t target, first, last int, value float64, name string, labels ...Label) {
	e.emit(t, first, e.fill(last-first, func(int) float64 { return value }), name, labels...)
}

// fill returns n values in memory that the next call reuses.
func (e *emitter) fill(n int, value func(i int) float64) []float64 {
	n = max(0, n)
	if cap(e.scratch) < n {
		e.scratch = make([]float64, max(n, e.fleet.grid.total))
	}
	s := e.scratch[:n]
	for i := range s {
		s[i] = value(i)
	}
	return s
}

// workload yields every series of one workload.
func (e *emitter) workload(r *run) {
	for _, p := range r.pods {
		e.cadvisor(r.w, p)
		e.podState(r, p)
	}
	e.owners(r)
	e.scale(r)
	switch r.w.signal {
	case signalHTTP:
		e.http(r)
	case signalQueue:
		e.queue(r)
	case signalVLLM:
		e.vllm(r)
	case signalNone:
	}
}

// infrastructure yields the up series of the targets that lasted.
func (e *emitter) infrastructure() {
	keys := make([]string, 0, len(e.targets))
	for k := range e.targets {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		e.constant(e.targets[k], 0, e.fleet.grid.n, 1, "up")
	}
}

// cadvisor yields what the kubelet tells about a pod's containers, and the
// same once more for the pod's cgroup, under an empty container name.
func (e *emitter) cadvisor(w *workload, p *pod) {
	t := e.target("kubelet", p.node+":10250", Label{"metrics_path", "/metrics/cadvisor"}, Label{"node", p.node})
	pod := []Label{{"namespace", w.namespace}, {"pod", p.name}}
	for i, track := range p.tracks {
		c := &w.containers[i]
		labels := append(slices.Clone(pod), Label{"container", c.name}, Label{"image", c.image})
		s := track.samples
		e.emit(t, p.first, s.cpu, "container_cpu_usage_seconds_total", append(slices.Clone(labels), Label{"cpu", "total"})...)
		e.emit(t, p.first, s.memory, "container_memory_working_set_bytes", labels...)
		e.emit(t, p.first, s.ooms, "container_oom_events_total", labels...)
		if c.limit.cpu > 0 {
			e.emit(t, p.first, s.periods, "container_cpu_cfs_periods_total", labels...)
			e.emit(t, p.first, s.throttled, "container_cpu_cfs_throttled_periods_total", labels...)
		}
	}
	const pause = 290_816 // What a pod's cgroup holds beside its containers, in bytes.
	sum := func(of func(*track) []float64, more float64) []float64 {
		return e.fill(p.last-p.first, func(i int) float64 {
			total := more
			for _, track := range p.tracks {
				total += of(track)[i]
			}
			return total
		})
	}
	cpu := sum(func(t *track) []float64 { return t.samples.cpu }, 0)
	e.emit(t, p.first, cpu, "container_cpu_usage_seconds_total", append(slices.Clone(pod), Label{"container", ""}, Label{"cpu", "total"})...)
	memory := sum(func(t *track) []float64 { return t.samples.memory }, pause)
	e.emit(t, p.first, memory, "container_memory_working_set_bytes", append(slices.Clone(pod), Label{"container", ""})...)
}

// firstSeen and lastSeen bound the grid points at which the API knew the pod.
func (e *emitter) firstSeen(created int64) int {
	return min(max(0, e.fleet.grid.index(created)), e.fleet.grid.n)
}

func (e *emitter) lastSeen(gone int64) int {
	if gone == forever {
		return e.fleet.grid.n
	}
	return min(max(0, e.fleet.grid.index(gone)), e.fleet.grid.n)
}
