package collector

import (
	"sync"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/recommender"
)

// current is what there is at the end of the history.
type current struct {
	mu sync.Mutex
	// newest are the newest pods of their owners that were seen lately.
	newest map[recommender.Workload]*newestPod
	// cached is memory with page cache.
	cached map[key]float64
	// existing are the controllers that say themselves that they exist.
	existing map[recommender.Workload]bool
	// selected are the workloads that the selector selects; nil means all.
	selected map[recommender.Workload]bool
	// deadlines of runs are in seconds, durations are of the last hour.
	deadlines map[recommender.Workload]float64
	durations map[recommender.Workload]map[Timed]*histogram
}

// newestPod is the newest pod of an owner.
type newestPod struct {
	name    string
	created time.Time
	// seen is the end of the newest span in which it was there.
	seen time.Time
	// containers are those that it has, or has had amounts of.
	containers map[string]*template
}

// template is a container of a pod. Init containers are not listed, but where
// they keep running.
type template struct {
	listed, sidecar  bool
	requests, limits recommender.Resources
	gpus             int
}

func newCurrent() *current {
	return &current{
		newest: map[recommender.Workload]*newestPod{}, cached: map[key]float64{}, existing: map[recommender.Workload]bool{},
		deadlines: map[recommender.Workload]float64{}, durations: map[recommender.Workload]map[Timed]*histogram{},
	}
}

// knowsLiving says whether it is known which workloads exist; without
// kube_pod_created and the controllers' own series it is not.
func (c *current) knowsLiving() bool { return len(c.newest) > 0 }

// pod is the newest pod of an owner; it is made where there is none yet.
func (c *current) pod(owner recommender.Workload) *newestPod {
	p := c.newest[owner]
	if p == nil {
		p = &newestPod{containers: map[string]*template{}}
		c.newest[owner] = p
	}
	return p
}

func (p *newestPod) container(name string) *template {
	t := p.containers[name]
	if t == nil {
		t = &template{}
		p.containers[name] = t
	}
	return t
}

// amount stores one request or limit. The largest number of GPUs counts.
func (t *template) amount(into *recommender.Resources, resource model.LabelValue, v float64) {
	switch resource {
	case "cpu":
		into.CPU = recommender.FromCores(v)
	case "memory":
		into.Memory = recommender.FromBytes(v)
	default:
		t.gpus = max(t.gpus, int(v))
	}
}

// after lays what was seen in the span that ended now over what was known
// before, of which what was seen last at an instant or before it is forgotten.
// Of the newest pod each amount is the newest there is.
func (c *current) after(old *current, now, forgotten time.Time) {
	for _, p := range c.newest {
		if p.seen.IsZero() {
			p.seen = now
		}
	}
	for owner, was := range old.newest {
		if !was.seen.After(forgotten) {
			continue
		}
		is := c.newest[owner]
		switch {
		case is == nil || is.created.Before(was.created):
			c.newest[owner] = was
		case is.name == was.name && is.created.Equal(was.created):
			is.fill(was)
		}
	}
}

// fill takes what is not known of a pod from what was known of it before.
func (p *newestPod) fill(was *newestPod) {
	for name, old := range was.containers {
		t := p.containers[name]
		if t == nil {
			p.containers[name] = old
			continue
		}
		merged := *t
		merged.listed, merged.sidecar = t.listed || old.listed, t.sidecar || old.sidecar
		for _, r := range []struct{ into, from *recommender.Resources }{{&merged.requests, &old.requests}, {&merged.limits, &old.limits}} {
			if r.into.CPU == 0 {
				r.into.CPU = r.from.CPU
			}
			if r.into.Memory == 0 {
				r.into.Memory = r.from.Memory
			}
		}
		if merged.gpus == 0 {
			merged.gpus = old.gpus
		}
		p.containers[name] = &merged
	}
}

// listed are the names of the containers of a pod, sidecars included.
func (p *newestPod) listed() map[string]bool {
	names := map[string]bool{}
	if p != nil {
		for name, t := range p.containers {
			if t.listed {
				names[name] = true
			}
		}
	}
	return names
}

// of is the template of a container, an empty one where it is not known.
func (p *newestPod) of(name string) template {
	if p == nil || p.containers[name] == nil {
		return template{}
	}
	return *p.containers[name]
}
