package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/config"
	"github.com/rightsize-dev/rightsize/internal/report"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	// holdForPeople is how long a decision that somebody reads has to last: a
	// monthly amount made from the next five minutes would mean little.
	holdForPeople = time.Hour
	// holdForGit is how long one that is committed has to: over a weekly
	// pattern once.
	holdForGit = 7 * 24 * time.Hour
)

// gatherFlags are the flags of every command that decides about what is in a
// Prometheus.
type gatherFlags struct {
	prometheus prometheusFlags
	cluster    clusterFlags
	set        *pflag.FlagSet
	everywhere bool
	at         string
	configFile string
	rightsizes []string
	hold       time.Duration
}

// bind declares the flags.
func (g *gatherFlags) bind(cmd *cobra.Command) {
	fs := cmd.Flags()
	g.set = fs
	g.prometheus.bind(fs)
	g.cluster.bind(cmd)
	fs.BoolVarP(&g.everywhere, "all-namespaces", "A", false, "all namespaces (default, but as kubectl rightsize, where it is that of the context)")
	fs.StringVar(&g.at, "at", "", "decide as of this instant, RFC 3339, for example 2026-11-20T12:00:00Z (default now)")
	fs.StringVar(&g.configFile, "config", "", "YAML file with the connection, prices and policies (docs/config.md)")
	fs.StringArrayVar(&g.rightsizes, "rightsize", nil, "YAML file or folder with RightSizes that govern their workloads, as if they were applied (repeatable)")
	fs.DurationVar(&g.hold, "hold", 0, "how long a decision has to last before the next change, for example 168h (default 1h; 168h for kustomize and helm-values)")
}

// names are the flags that bind declared, which make no sense without a
// Prometheus.
func (g *gatherFlags) names() []string {
	own := &cobra.Command{}
	(&gatherFlags{}).bind(own)
	var names []string
	own.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// gathering is what the flags ask for, checked.
type gathering struct {
	streams   Streams
	collector *collector.Collector
	settings  config.Config
	// live is what the cluster itself says; nil where it is not asked.
	live *live
	// rightsizes are those of the cluster and of files; nil where neither is read.
	rightsizes rightsizes
	// narrowed says that the flags leave out some workloads of the namespaces.
	narrowed bool
	at       time.Time
	// hold replaces that of the policies; zero leaves it.
	hold time.Duration
	// defaultHold is for policies that do not set one.
	defaultHold time.Duration
}

// prepare checks the flags, and reads what a cluster says about settings and
// policies where one is to be read.
func (g *gatherFlags) prepare(ctx context.Context, s Streams, defaultHold time.Duration) (*gathering, error) {
	out := &gathering{streams: s, settings: config.Default(), at: time.Now().UTC().Truncate(time.Second), defaultHold: defaultHold}
	if g.set.Changed("hold") {
		if g.hold < time.Second {
			return nil, usageErrorf("--hold has to be at least 1s, got %s", g.hold)
		}
		out.hold = g.hold
	}
	if g.at != "" {
		at, err := time.Parse(time.RFC3339, g.at)
		if err != nil {
			return nil, usageErrorf("--at has to be RFC 3339 such as 2026-11-20T12:00:00Z, got %q", g.at)
		}
		if at.After(out.at) {
			return nil, usageErrorf("--at %s is in the future", g.at)
		}
		out.at = at.UTC()
	}
	var err error
	if g.configFile != "" {
		if out.settings, err = config.Load(g.configFile); err != nil {
			return nil, usageErrorf("%w", err)
		}
		g.prometheus.section, g.prometheus.dir = out.settings.Prometheus, filepath.Dir(g.configFile)
	}
	if g.everywhere && g.set.Changed("namespace") {
		return nil, usageErrorf("--all-namespaces and --namespace cannot be used together")
	}
	out.narrowed = g.set.Changed("selector") || g.set.Changed("exclude-namespace") || g.set.Changed("matcher")
	if g.cluster.wanted() {
		err = g.join(ctx, out)
	} else {
		out.collector, err = g.prometheus.collector(nil)
	}
	if err != nil || len(g.rightsizes) == 0 {
		return out, err
	}
	namespace := ""
	if only := g.prometheus.cfg.Namespaces; len(only) == 1 {
		namespace = only[0]
	}
	objects, err := readRightSizes(g.rightsizes, namespace)
	out.rightsizes = out.rightsizes.with(objects)
	return out, err
}

// foundWorkload is the one workload that a user named.
type foundWorkload struct {
	gathering *gathering
	fleet     *collector.Fleet
	workload  collector.Workload
}

// find reads the history of the one workload that is meant, to do something
// with it that errors name.
func (g *gatherFlags) find(ctx context.Context, s Streams, what string, t target) (foundWorkload, error) {
	if t.namespace != "" {
		g.everywhere = false // The target says more.
		switch {
		case !g.set.Changed("namespace"):
			if err := g.set.Set("namespace", t.namespace); err != nil {
				return foundWorkload{}, usageErrorf("namespace %q: %w", t.namespace, err)
			}
		case !slices.Contains(g.prometheus.cfg.Namespaces, t.namespace):
			return foundWorkload{}, usageErrorf("%s is not in the namespaces of --namespace", t)
		}
	}
	ready, err := g.prepare(ctx, s, holdForPeople)
	if err != nil {
		return foundWorkload{}, err
	}
	fleet, err := ready.fleet(ctx)
	if err != nil {
		return foundWorkload{}, fmt.Errorf("%s %s: %w", what, t, err)
	}
	ids := make([]recommender.Workload, 0, len(fleet.Workloads))
	for _, w := range fleet.Workloads {
		ids = append(ids, w.ID)
	}
	i, err := t.among(ids, nil, ready.collector.Source())
	if err != nil {
		return foundWorkload{}, err
	}
	return foundWorkload{ready, fleet, fleet.Workloads[i]}, nil
}

// fleet reads what there is. A Prometheus without a workload is an error that
// says what was looked for.
func (g *gathering) fleet(ctx context.Context) (*collector.Fleet, error) {
	fleet, err := g.streams.collect(ctx, g.collector, g.at, g.rightsizes.signals())
	if err != nil {
		return nil, err
	}
	if len(fleet.Workloads) == 0 {
		return nil, g.empty(fleet)
	}
	return fleet, g.checkCluster(fleet)
}

// empty says what was looked for in vain.
func (g *gathering) empty(fleet *collector.Fleet) error {
	var why strings.Builder
	for _, f := range fleet.Facts {
		fmt.Fprintf(&why, "\n  %s: %s", f.Code, f.Message)
	}
	return fmt.Errorf("no workload found in %s at %s: looked for container_cpu_usage_seconds_total (cAdvisor) and "+
		"kube_pod_owner (kube-state-metrics) of the namespaces, labels and cluster asked for%s",
		g.collector.Source(), g.at.Format(time.RFC3339), why.String())
}

// policy is the policy of the settings with the hold in force.
func (g *gathering) policy(w recommender.Workload) recommender.Policy {
	p := g.settings.Policy(w)
	switch {
	case g.hold > 0:
		p.HoldSeconds = g.hold.Seconds()
	case p.HoldSeconds == 0:
		p.HoldSeconds = g.defaultHold.Seconds()
	}
	return p
}

// build makes the snapshot of a workload.
func (g *gathering) build(fleet *collector.Fleet, w collector.Workload) recommender.Snapshot {
	w.Facts = snapshot.Facts(fleet.Facts, w.Facts)
	policy := g.policy(w.ID)
	if g.rightsizes == nil {
		return snapshot.Build(w, g.at, policy)
	}
	schedule, found := g.govern(w.ID, &policy)
	w.Facts = append(w.Facts, found...)
	around, known := g.around(w.ID)
	snapshot.ExpectEngine(&policy, around)
	s := snapshot.Build(w, g.at, policy)
	if known {
		snapshot.Observe(&s, around)
	} else if g.live != nil && g.live.objects != nil && g.live.objects.gone(w.ID) {
		s.Facts = append(s.Facts, recommender.Fact{Code: recommender.FactWarning, Message: "the cluster has no such object any more"})
	}
	s.Windows, s.Floors = schedule.Windows, schedule.Floors
	return s
}

// each calls do for every workload, as many at once as there are processors,
// and shows how far it is.
func (g *gathering) each(ctx context.Context, label string, n int, do func(i int)) error {
	p := g.streams.startProgress(label, n)
	defer p.finish()
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		if working.Err() != nil {
			break
		}
		group.Go(func() error {
			if err := working.Err(); err != nil {
				return err
			}
			do(i)
			p.add(1)
			return nil
		})
	}
	return errors.Join(group.Wait(), ctx.Err())
}

// report decides about every workload. Items are in the order of the fleet,
// that of names. History is kept for formats with plots only.
func (g *gathering) report(ctx context.Context, history bool) (report.Report, error) {
	fleet, err := g.fleet(ctx)
	if err != nil {
		return report.Report{}, err
	}
	g.tellStrangers(fleet)
	r := report.Report{
		At: g.at, Source: g.collector.Source(), Version: Version(), Facts: fleet.Facts, Queries: fleet.Queries,
		Items: make([]report.Item, len(fleet.Workloads)),
	}
	var decider recommender.Recommender
	err = g.each(ctx, "forecasting and deciding", len(fleet.Workloads), func(i int) {
		w := fleet.Workloads[i]
		s := g.build(fleet, w)
		d := decider.Decide(s)
		if history {
			r.Items[i] = report.NewItem(w, s, d)
		} else {
			r.Items[i] = report.Item{Snapshot: s, Decision: d}
		}
		r.Items[i].Owner = g.owner(w.ID)
	})
	return r, err
}
