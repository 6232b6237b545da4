package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rightsize-dev/rightsize/internal/history"
	"github.com/rightsize-dev/rightsize/internal/metricsapi"
	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	// usageSource is what statuses call the API.
	usageSource = "metrics.k8s.io"
	// usageEach is how long the next reading waits for each pod of the last one:
	// reading one takes a tenth of a millisecond, and so a hundredth of a core.
	usageEach = 10 * time.Millisecond
)

// usages reads metrics.k8s.io, which knows of a surge before Prometheus has scraped
// it, and while Prometheus does not answer.
type usages struct {
	reader *metricsapi.Reader
	world  *world
	data   *data
	owners *watcher
	// namespaces are those to read, of which none is all.
	namespaces []string
	// quiet is why there was nothing to read the last time.
	quiet string
}

// read is what is measured of workloads, and of how many pods.
func (u *usages) read(ctx context.Context) (map[recommender.Workload]history.Measured, int, error) {
	namespaces := u.namespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	var pods []metricsapi.PodUsage
	for _, ns := range namespaces {
		some, err := u.reader.Usage(ctx, ns)
		if err != nil {
			return nil, 0, err
		}
		pods = append(pods, some...)
	}
	out := map[recommender.Workload]history.Measured{}
	for w, usage := range metricsapi.ByWorkload(pods, func(namespace, pod string) (recommender.Workload, bool) { return u.owner(ctx, namespace, pod) }) {
		m := history.Measured{At: usage.Oldest, CPU: map[string]float64{}, Memory: map[string]float64{}}
		for _, c := range usage.Containers {
			m.CPU[c.Name], m.Memory[c.Name] = c.CPUCores, c.MaxMemoryBytes
		}
		out[w] = m
	}
	return out, len(pods), nil
}

// owner is the workload of a pod, as the history calls it.
func (u *usages) owner(ctx context.Context, namespace, pod string) (recommender.Workload, bool) {
	p := &corev1.Pod{}
	if err := u.world.cached.Get(ctx, types.NamespacedName{Namespace: namespace, Name: pod}, p, client.UnsafeDisableDeepCopy); err != nil {
		return recommender.Workload{}, false
	}
	gk, name, ok := u.owners.workload(ctx, p)
	if !ok {
		return recommender.Workload{}, false
	}
	id, several := u.data.workload(namespace, gk.Kind, name)
	return id, !several
}

// measures has workloads looked at without delay that use more than was expected,
// by metrics.k8s.io. Where that is not served, or may not be read, it is asked for
// again now and then, and that is told once.
func (r *rounds) measures(ctx context.Context) {
	for wait := r.pulse; sleep(ctx, wait); {
		wait = r.pulse
		if how, _ := r.data.state(); how == knownNothing {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, max(r.pulse, 10*time.Second))
		measured, pods, err := r.usage.read(limited)
		cancel()
		r.usage.tell(r, err)
		if err != nil {
			wait = max(r.pulse, time.Minute)
			continue
		}
		wait = max(r.pulse, time.Duration(pods)*usageEach)
		r.hurry(ctx, r.data.history.Take(usageSource, measured))
	}
}

// tell logs what has changed about the API.
func (u *usages) tell(r *rounds, err error) {
	why := ""
	switch {
	case errors.Is(err, metricsapi.ErrNotServed):
		why = "it is not served"
	case err != nil:
		why = firstLine(err)
	}
	if why == u.quiet {
		return
	}
	u.quiet = why
	if why != "" {
		r.log.Info("metrics.k8s.io tells nothing: surges show when Prometheus has scraped them", "why", why)
		return
	}
	r.log.Info("metrics.k8s.io tells of surges before Prometheus does")
}

// usage sets up the reading of metrics.k8s.io.
func (p *program) usage(w *watcher) (*usages, error) {
	if !p.options.ResourceMetrics {
		return nil, nil //nolint:nilnil // Nothing is read.
	}
	reader, err := metricsapi.NewReader(p.manager.GetConfig())
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	return &usages{reader: reader, world: p.world, data: p.data, owners: w, namespaces: p.options.Namespaces}, nil
}
