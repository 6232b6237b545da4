package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/report"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

// live is what a cluster itself says about the workloads of a Prometheus.
type live struct {
	// objects is nil where decisions are about the past, of which a cluster knows
	// nothing.
	objects *objects
}

// join connects to the cluster of the flags. Settings that its chart installed
// hold where the flags name none, so that a decision here is that of the
// controller there.
func (g *gatherFlags) join(ctx context.Context, out *gathering) error {
	cl, err := g.cluster.connect()
	if err != nil {
		return err
	}
	if g.cluster.plugin() && !g.everywhere && !g.set.Changed("namespace") {
		if err := g.set.Set("namespace", cl.namespace); err != nil {
			return usageErrorf("namespace %q of the context: %w", cl.namespace, err)
		}
	}
	out.live = &live{}
	var change func(*collector.Config) error
	if g.configFile == "" {
		in, err := cl.installed(ctx)
		if err != nil {
			return err
		}
		if in != nil {
			out.settings = in.settings
			if change, err = g.adopt(ctx, out.streams, cl, in); err != nil {
				return err
			}
		}
	}
	if out.collector, err = g.prometheus.collector(change); err != nil {
		if errors.Is(err, errNoPrometheus) {
			err = usageErrorf("%w; no settings of an installed chart that name one were found in the cluster", err)
		}
		return err
	}
	namespaces := g.prometheus.cfg.Namespaces
	if out.rightsizes, err = cl.rightsizes(ctx, namespaces); err != nil || g.at != "" {
		return err
	}
	out.live.objects, err = cl.objects(ctx, out.streams, namespaces)
	return err
}

// around is what is known to be around a workload: its RightSize, and where the
// cluster was read and has it, which the second result says, everything else.
func (g *gathering) around(w recommender.Workload) (snapshot.Objects, bool) {
	out, known := snapshot.Objects{}, false
	if g.live != nil && g.live.objects != nil {
		out, known = g.live.objects.of(w)
	}
	out.RightSize, _ = g.rightsizes.of(w)
	return out, known
}

// adopt takes the connection of the installed settings, unless the flags or the
// environment name another.
func (g *gatherFlags) adopt(ctx context.Context, s Streams, cl *cluster, in *installed) (func(*collector.Config) error, error) {
	what := "settings"
	defer func() { s.note("%s of ConfigMap %s", what, in.source) }()
	if in.settings.Prometheus == nil || g.set.Changed("prometheus") || g.prometheus.file != "" || os.Getenv("PROMETHEUS_URL") != "" {
		return nil, nil
	}
	if err := in.checkMounted(); err != nil {
		return nil, err
	}
	what = "settings and Prometheus"
	g.prometheus.section = in.settings.Prometheus
	return func(cfg *collector.Config) error { return cl.reach(ctx, cfg, in) }, nil
}

// note tells something on the stream of diagnostics.
func (s Streams) note(format string, args ...any) {
	_, _ = fmt.Fprintf(s.Err, "rightsize: "+format+"\n", args...)
}

// checkCluster refuses to lay the objects of one cluster over the workloads of
// several.
func (g *gathering) checkCluster(fleet *collector.Fleet) error {
	if g.live == nil {
		return nil
	}
	var clusters []string
	for _, w := range fleet.Workloads {
		if !slices.Contains(clusters, w.ID.Cluster) {
			clusters = append(clusters, w.ID.Cluster)
		}
	}
	if len(clusters) > 1 {
		slices.Sort(clusters)
		return usageErrorf("%s holds the clusters %s: say with --cluster which of them the kubeconfig is of", g.collector.Source(), strings.Join(clusters, ", "))
	}
	return nil
}

// tellStrangers names the RightSizes that are about no workload of the fleet.
func (g *gathering) tellStrangers(fleet *collector.Fleet) {
	if g.rightsizes == nil || g.narrowed {
		return
	}
	known := make([]recommender.Workload, 0, len(fleet.Workloads))
	for _, w := range fleet.Workloads {
		known = append(known, w.ID)
	}
	for _, line := range g.rightsizes.strangers(known) {
		g.streams.note("%s", line)
	}
}

// owner is the RightSize of a workload, for reports; nil where there is none.
func (g *gathering) owner(w recommender.Workload) *report.Owner {
	rs, _ := g.rightsizes.of(w)
	if rs == nil {
		return nil
	}
	return &report.Owner{Name: rs.Name, Mode: string(rs.Spec.Mode), Problem: stalled(rs)}
}
