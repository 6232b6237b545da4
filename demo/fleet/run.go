package fleet

import (
	"math"
	"strconv"
	"time"
)

// run is the life of one workload over the whole grid, its future included.
type run struct {
	w *workload
	// arrivals and served are in units a second, waiting in units.
	arrivals []float64
	served   []float64
	waiting  []float64
	// cpu is in cores over all pods, memory in bytes of the pod that used the
	// most.
	cpu    []float64
	memory []float64
	// serving is the number of pods that were ready.
	serving   []float64
	pods      []*pod
	revisions []revision
	jobs      []job
}

// run lives through the history of a workload.
func (f *Fleet) run(w *workload) *run {
	n := f.grid.total
	backing := make([]float64, 6*n)
	cut := func(i int) []float64 { return backing[i*n : (i+1)*n : (i+1)*n] }
	r := &run{w: w, arrivals: cut(0), served: cut(1), waiting: cut(2), cpu: cut(3), memory: cut(4), serving: cut(5)}
	if w.cron != nil {
		f.runJobs(r)
		return r
	}
	f.arrive(r)
	r.pods, r.revisions = f.schedule(w)
	f.serve(r)
	return r
}

// arrive draws the arrival rates.
func (f *Fleet) arrive(r *run) {
	if r.w.shape == nil {
		return
	}
	n := newNoise(f.rng(r.w, "arrivals"), r.w.noise, 8*time.Minute, f.grid.step)
	for i := range r.arrivals {
		r.arrivals[i] = r.w.shape(f.grid.time(i)) * n.next()
	}
}

// serve shares the work among the pods, step by step.
func (f *Fleet) serve(r *run) {
	rng := f.rng(r.w, "containers")
	for _, p := range r.pods {
		length := p.last - p.first
		p.work = make([]float64, 0, length)
		p.rate = make([]float64, 0, length)
		age := max(0, f.grid.start.Unix()-p.created)
		load := r.arrivals[0] / float64(r.w.replicas)
		for i := range r.w.containers {
			t := newTrack(&r.w.containers[i], rng, f.grid.step, length)
			if age > 0 {
				t.age(time.Duration(age)*time.Second, load, rng)
			}
			p.tracks = append(p.tracks, t)
		}
		p.count = load * float64(age)
	}
	dt, waiting := f.grid.seconds(), 0.0
	for i := range r.arrivals {
		total, ready := r.weights(i, f.grid.unix(i))
		r.served[i], waiting = r.w.queue(r.arrivals[i], waiting, float64(ready), dt)
		r.waiting[i], r.serving[i] = waiting, float64(ready)
		for _, p := range r.pods {
			if p.running(i) {
				r.live(p, i, f.grid.unix(i), r.served[i]/max(total, 1e-9), dt)
			}
		}
	}
}

// weights sums the shares of the pods that serve at grid point i and counts
// them.
func (r *run) weights(i int, unix int64) (float64, int) {
	total, ready := 0.0, 0
	for _, p := range r.pods {
		if p.serving(i, unix) {
			total += p.weight
			ready++
		}
	}
	return total, ready
}

// queue returns how much of the work is served, in units a second, and how
// much waits afterwards, in units.
func (w *workload) queue(arrivals, waiting, ready, dt float64) (float64, float64) {
	if ready == 0 {
		return 0, min(waiting+arrivals*dt, w.maxBacklog)
	}
	if w.capacity == 0 {
		return arrivals, 0
	}
	served := min(arrivals+waiting/dt, w.capacity*ready)
	left := max(0, waiting+(arrivals-served)*dt)
	return served, min(left, w.maxBacklog)
}

// live lets one pod live through one step. perWeight is the served work for
// each unit of weight, in units a second.
func (r *run) live(p *pod, i int, unix int64, perWeight, dt float64) {
	ready, load := p.serving(i, unix), 0.0
	if ready {
		load = perWeight * p.weight
	}
	memory := 0.0
	p.count += load * dt
	p.work = append(p.work, math.Floor(p.count))
	p.rate = append(p.rate, load)
	for j, t := range p.tracks {
		cores, killed := t.step(t.wants(load, ready), dt)
		r.cpu[i] += cores
		memory += t.samples.memory[len(t.samples.memory)-1]
		if killed && j == 0 {
			p.count = 0
			p.unready[i+1] = true
		}
	}
	r.memory[i] = max(r.memory[i], memory)
}

// runJobs lives through the runs of a CronJob. Pods of finished runs stay
// visible until enough newer runs have finished.
func (f *Fleet) runJobs(r *run) {
	rng := f.rng(r.w, "jobs")
	c := r.w.cron
	end := f.grid.unix(f.grid.total - 1)
	first := f.grid.start.Truncate(24*time.Hour).AddDate(0, 0, -c.keep-1)
	for day := first; day.Unix() < end; day = day.AddDate(0, 0, 1) {
		at := day.Add(time.Duration(c.hour)*time.Hour + time.Duration(c.minute)*time.Minute)
		length := c.length.Seconds() * math.Exp(0.08*rng.NormFloat64())
		created := at.Unix() + 1
		// The controller names a run after the minute it was due, since 1970.
		j := job{name: r.w.name + "-" + strconv.FormatInt(at.Unix()/60, 10), created: created, ended: created + 8 + int64(length), gone: forever}
		r.jobs = append(r.jobs, j)
		for range r.w.replicas {
			p := r.w.newPod(rng, 0, 0, nil)
			p.ownerKind, p.owner = "Job", j.name
			p.name = j.name + "-" + suffix(rng, 5)
			p.created, p.ready, p.ended = created, created+8, j.ended
			r.pods = append(r.pods, p)
		}
	}
	for i := range r.jobs {
		if i+c.keep < len(r.jobs) {
			r.jobs[i].gone = r.jobs[i+c.keep].ended
		}
		for k := range r.w.replicas {
			r.pods[i*r.w.replicas+k].gone = r.jobs[i].gone
		}
	}
	for _, p := range r.pods {
		f.work(r, p)
	}
}

// work lives through one pod of a run.
func (f *Fleet) work(r *run, p *pod) {
	p.first = min(max(0, f.grid.index(p.created+1)), f.grid.total)
	p.last = min(max(p.first, f.grid.index(p.ended)), f.grid.total)
	rng := f.rng(r.w, p.name)
	t := newTrack(&r.w.containers[0], rng, f.grid.step, p.last-p.first)
	p.tracks = []*track{t}
	scale := math.Exp(0.04 * rng.NormFloat64())
	for i := p.first; i < p.last; i++ {
		done := float64(f.grid.unix(i)-p.created) / float64(p.ended-p.created)
		u := r.w.cron.at(done)
		cores, _ := t.step(use{cpu: u.cpu, memory: scale * u.memory}, f.grid.seconds())
		r.cpu[i] += cores
		r.memory[i] = max(r.memory[i], t.samples.memory[len(t.samples.memory)-1])
		r.serving[i]++
	}
}

// at is the use of a run of which the share done is over.
func (c *cron) at(done float64) use {
	begin, memory := 0.0, c.stages[0].memory*coldShare
	for _, s := range c.stages {
		if done <= begin+s.share {
			part := (done - begin) / s.share
			return use{cpu: s.cpu, memory: memory + part*(s.memory-memory)}
		}
		begin, memory = begin+s.share, s.memory
	}
	last := c.stages[len(c.stages)-1]
	return use{cpu: last.cpu, memory: last.memory}
}
