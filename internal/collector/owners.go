package collector

import (
	"maps"
	"regexp"
	"sync"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/recommender"
)

// owners knows who controls whom, over the whole history.
type owners struct {
	cluster model.LabelName

	mu sync.Mutex
	// parents leads from a ReplicaSet or Job to its controller. Where there
	// were several, the latest wins.
	parents map[recommender.Workload]parent
	// known are the controllers that are named anywhere, and when they last were.
	known map[recommender.Workload]model.Time
}

type parent struct {
	workload recommender.Workload
	seen     model.Time
}

func newOwners(cluster string) *owners {
	return &owners{cluster: model.LabelName(cluster), parents: map[recommender.Workload]parent{}, known: map[recommender.Workload]model.Time{}}
}

// id reads a workload from the labels of a series.
func (o *owners) id(m model.Metric, kind, name model.LabelValue) recommender.Workload {
	w := recommender.Workload{Namespace: string(m["namespace"]), Kind: string(kind), Name: string(name)}
	if o.cluster != "" {
		w.Cluster = string(m[o.cluster])
	}
	return w
}

// of reads the owner of pods from the labels of a series, as it stands there.
func (o *owners) of(m model.Metric) recommender.Workload {
	return o.id(m, m["owner_kind"], m["owner_name"])
}

// learn takes series of kube_replicaset_owner or kube_job_owner.
func (o *owners) learn(kind string, label model.LabelName, matrix model.Matrix) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range matrix {
		if len(s.Values) == 0 || s.Metric["owner_name"] == "" {
			continue
		}
		child, seen := o.id(s.Metric, model.LabelValue(kind), s.Metric[label]), s.Values[len(s.Values)-1].Timestamp
		p := parent{workload: o.of(s.Metric), seen: seen}
		old, ok := o.parents[child]
		if !ok || seen > old.seen || (seen == old.seen && p.workload.String() < old.workload.String()) {
			o.parents[child] = p
		}
		o.known[p.workload] = max(o.known[p.workload], seen)
	}
}

// exists notes that a controller is there.
func (o *owners) exists(w recommender.Workload, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known[w] = max(o.known[w], model.TimeFromUnixNano(at.UnixNano()))
}

// forget drops what was last seen before an instant.
func (o *owners) forget(before time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	oldest := model.TimeFromUnixNano(before.UnixNano())
	maps.DeleteFunc(o.parents, func(_ recommender.Workload, p parent) bool { return p.seen < oldest })
	maps.DeleteFunc(o.known, func(_ recommender.Workload, seen model.Time) bool { return seen < oldest })
}

// resolve follows an owner of pods to the top-most controller. A ReplicaSet or
// Job that came and went between two scrapes of its owner is recognized by its
// name: that of a Deployment with the hash of a pod template, or that of a
// CronJob with the minute it was due.
func (o *owners) resolve(w recommender.Workload) recommender.Workload {
	o.mu.Lock()
	defer o.mu.Unlock()
	for range 4 { // ReplicaSet, Deployment; a cycle would be a bug of others.
		p, ok := o.parents[w]
		if !ok {
			break
		}
		w = p.workload
	}
	switch w.Kind {
	case "ReplicaSet":
		// Kubernetes: the alphabet of rand.SafeEncodeString.
		return o.guess(w, "Deployment", `^(.+)-[bcdfghjklmnpqrstvwxz2456789]{1,10}$`)
	case "Job":
		return o.guess(w, "CronJob", `^(.+)-[0-9]{8,10}$`)
	default:
		return w
	}
}

func (o *owners) guess(w recommender.Workload, kind, pattern string) recommender.Workload {
	if m := regexp.MustCompile(pattern).FindStringSubmatch(w.Name); m != nil {
		up := w
		up.Kind, up.Name = kind, m[1]
		if _, ok := o.known[up]; ok {
			return up
		}
	}
	return w
}
