package collector

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Names of what discovery counts besides metrics.
const (
	countNodePods  = "pods of nodes"
	countRelabeled = "relabeled pods"
	countSidecars  = "sidecars"
	countTotal     = "total "
)

// recently is how far before the end of the history something must have been
// seen to be there.
const recently = time.Hour

// clusterLabels returns the labels that are looked at for several clusters.
func clusterLabels() []string {
	return []string{"cluster", "cluster_name", "cluster_id", "k8s_cluster", "k8s_cluster_name", "kubernetes_cluster"}
}

// stateMetrics returns what is read from kube-state-metrics besides
// kube_pod_owner, with what is missing without it.
func stateMetrics() [][2]string {
	return [][2]string{
		{"kube_replicaset_owner", "Deployments are seen as single ReplicaSets"},
		{"kube_job_owner", "CronJobs are seen as single Jobs"},
		{"kube_pod_created", "current requests and limits, and start-up times"},
		{"kube_pod_container_info", "telling current containers from init containers and removed ones"},
		{"kube_pod_container_resource_requests", "current requests"},
		{"kube_pod_container_resource_limits", "current limits"},
		{"kube_pod_container_status_restarts_total", "restarts and OOM kills"},
		{"kube_pod_status_phase", "replicas of controllers without their own numbers"},
		{"kube_pod_status_ready", "ready pods of controllers without their own numbers"},
		{"kube_pod_status_ready_time", "start-up times (since kube-state-metrics 2.8)"},
		{"kube_deployment_spec_replicas", "replicas of Deployments"},
	}
}

// usageMetrics does the same for cAdvisor.
func usageMetrics() [][2]string {
	return [][2]string{
		{"container_cpu_usage_seconds_total", "CPU usage"},
		{"container_memory_working_set_bytes", "memory usage"},
		{"container_cpu_cfs_periods_total", "throttling"},
	}
}

// findings is what is there to be read.
type findings struct {
	// series counts series by metric, alias or one of the names above.
	series map[string]int
	loads  []namespaceLoad
}

// add takes in what was found before and is not there now. The totals of
// metrics are of now alone.
func (f *findings) add(before *findings) {
	if before == nil {
		return
	}
	for id, n := range before.series {
		if f.series[id] == 0 && !strings.HasPrefix(id, countTotal) {
			f.series[id] = n
		}
	}
}

// scope finds out about clusters and builds what all queries share. Known says
// that the history has been read before.
func (c *Collector) scope(ctx context.Context, r *run, at time.Time, known bool) (scope, error) {
	s := scope{cluster: c.cfg.ClusterLabel, window: time.Duration(c.cfg.RateWindow)}
	for _, m := range c.cfg.Matchers {
		ms, err := parseMatchers(m)
		if err != nil {
			return s, fmt.Errorf("matcher %q: %w", m, err)
		}
		s.common = append(s.common, ms...)
	}
	for _, p := range []struct {
		to   *matchers
		from string
	}{{&s.ksm, c.preset.ksm}, {&s.cadvisor, c.preset.cadvisor}} {
		if p.from == "" {
			continue
		}
		ms, err := parseMatchers(p.from)
		if err != nil {
			return s, fmt.Errorf("preset %s: %w", c.cfg.Preset, err)
		}
		*p.to = ms
	}
	if c.cfg.Cluster != "" {
		s.common = append(s.common, equal(s.cluster, c.cfg.Cluster))
	}
	if len(c.cfg.Namespaces) > 0 {
		s.common = append(s.common, oneOf("namespace", c.cfg.Namespaces))
	}
	if len(c.cfg.ExcludeNamespaces) > 0 {
		s.common = append(s.common, noneOf("namespace", c.cfg.ExcludeNamespaces))
	}
	err := c.findClusters(ctx, r, &s, at, known)
	return s, err
}

// findClusters is the first query. It makes sure that there are pods, or that
// it is known that there are none, and that workloads of several clusters are
// told apart.
func (c *Collector) findClusters(ctx context.Context, r *run, s *scope, at time.Time, known bool) error {
	labels := clusterLabels()
	if s.cluster != "" {
		labels = []string{s.cluster}
	}
	expr := fmt.Sprintf("count by (%s) (last_over_time(%s[%s]))", strings.Join(labels, ","), s.state("kube_pod_owner"), promDuration(recently))
	r.planned(1)
	vector, err := c.client.instant(ctx, r, call{what: "the clusters", expr: expr, end: at})
	if err != nil {
		return err
	}
	if len(vector) == 0 {
		if idle, err := c.idle(ctx, r, *s, at, known); err != nil || idle {
			return err
		}
		return c.noPods(*s, at)
	}
	for _, label := range labels {
		values := map[string]bool{}
		for _, sample := range vector {
			values[string(sample.Metric[model.LabelName(label)])] = true
		}
		named := len(values)
		if values[""] {
			named--
		}
		switch {
		case s.cluster != "" && named == 0 && c.preset.clusterLabel == s.cluster:
			s.cluster = "" // A preset's label that is not used.
			return nil
		case s.cluster != "" && named == 0:
			return fmt.Errorf("no series of kube_pod_owner has the label %q: check --cluster-label", s.cluster)
		case s.cluster == "" && len(values) > 1:
			s.cluster = label
			r.fact(recommender.FactWarning, "", "there are %d clusters by the label %s, which keeps their workloads apart (--cluster-label, --cluster)", len(values), label)
			return nil
		}
	}
	return nil
}

func (c *Collector) noPods(s scope, at time.Time) error {
	return fmt.Errorf("%s has no series %s in the hour before %s: is kube-state-metrics scraped, do the matchers and the preset %q fit, and is there data at that time (--at)?",
		c.Source(), s.state("kube_pod_owner"), at.Format(time.RFC3339), c.cfg.Preset)
}

// discover counts what is there: which metrics exist and how many series each
// namespace has. Where the history is known, there may be nothing more to it.
func (c *Collector) discover(ctx context.Context, r *run, s scope, g grid, known bool) (*findings, error) {
	r.planned(2)
	f := &findings{series: map[string]int{}}
	// Not a divisor of a day, so that the samples fall on all hours.
	resolution := min(7*time.Hour, max(g.step, (g.over()/48).Truncate(time.Second), time.Second))
	counted, totals := c.counted(s)
	back := fmt.Sprintf("[%s:%s]", promDuration(g.over()), promDuration(resolution))
	expr := counted + " or max_over_time((" + counted + ")" + back + ")"
	vector, err := c.client.instant(ctx, r, call{what: "the metrics", expr: expr + " or " + totals, end: g.end})
	if qe, ok := errors.AsType[*QueryError](err); ok && qe.Status >= 400 {
		// Some backends know no subqueries, or limit them.
		vector, err = c.client.instant(ctx, r, call{what: "the metrics", expr: counted + " or " + totals, end: g.end})
	}
	if err != nil {
		return nil, err
	}
	for _, sample := range vector {
		f.series[string(sample.Metric["signal"])] = int(sample.Value)
	}
	if err := c.checkFound(s, f, g.end); err != nil {
		if !known {
			return nil, err
		}
		if idle, failed := c.idle(ctx, r, s, g.end, known); failed != nil || !idle {
			return nil, errors.Join(err, failed)
		}
	}
	census := s.census()
	vector, err = c.client.instant(ctx, r, call{what: "the namespaces", expr: "max_over_time((" + census + ")" + back + ") or " + census, end: g.end})
	if qe, ok := errors.AsType[*QueryError](err); ok && qe.Status >= 400 {
		vector, err = c.client.instant(ctx, r, call{what: "the namespaces", expr: census, end: g.end})
	}
	if err != nil {
		return nil, err
	}
	f.loads = namespaceLoads(vector)
	return f, nil
}

// counted is one expression that counts the series of every metric of
// interest, each under the label signal, and one that counts those of demand
// signals whether they name a pod or not.
func (c *Collector) counted(s scope) (string, string) {
	var parts, totals []string
	count := func(id, selector string) string {
		return fmt.Sprintf(`label_replace(count(%s), "signal", %s, "", "")`, selector, strconv.Quote(id))
	}
	for _, m := range usageMetrics() {
		parts = append(parts, count(m[0], s.usage(m[0])))
	}
	for _, m := range stateMetrics() {
		parts = append(parts, count(m[0], s.state(m[0])))
	}
	parts = append(parts, count("container_oom_events_total", s.usage("container_oom_events_total")),
		count("container_start_time_seconds", s.usage("container_start_time_seconds")),
		count("kube_job_status_completion_time", s.state("kube_job_status_completion_time")),
		count(countSidecars, s.sidecarInfo()),
		count(countNodePods, fmt.Sprintf("max by (%s) (%s)", s.pod(), s.state("kube_pod_owner", equal("owner_kind", "Node")))),
		count(countRelabeled, s.state("kube_pod_owner", notEqual("exported_pod", ""))+" or "+s.state("kube_pod_owner", notEqual("exported_namespace", ""))))
	for _, a := range c.catalog.evidence() {
		parts = append(parts, count(a.id(), s.selector(a)))
	}
	seen := map[string]bool{}
	for _, spec := range c.catalog.Signals {
		for _, a := range spec.Aliases {
			parts = append(parts, count(a.id(), s.selector(a)))
			if !seen[a.Metric] {
				seen[a.Metric] = true
				totals = append(totals, count(countTotal+a.Metric, a.Metric+"{"+s.common.String()+"}"))
			}
		}
	}
	return strings.Join(parts, " or "), strings.Join(totals, " or ")
}

// checkFound fails where there is nothing to work with, and says what that
// means.
func (c *Collector) checkFound(s scope, f *findings, at time.Time) error {
	if f.series[countRelabeled] > 0 {
		return errors.New("the series of kube-state-metrics have their pods and namespaces in exported_pod and exported_namespace: " +
			"scrape it with honorLabels: true (honor_labels), or on Google by a ClusterPodMonitoring with targetLabels: {metadata: []}")
	}
	for _, m := range usageMetrics()[:2] {
		if f.series[m[0]] == 0 {
			return fmt.Errorf("%s has no series %s before %s: are the kubelets' cAdvisor metrics scraped, and do the matchers and the preset %q fit?",
				c.Source(), s.usage(m[0]), at.Format(time.RFC3339), c.cfg.Preset)
		}
	}
	return nil
}

// census counts containers, pods and owners of pods by namespace.
func (s scope) census() string {
	count := func(id, expr string) string {
		return fmt.Sprintf(`label_replace(count by (namespace) (%s), "signal", %q, "", "")`, expr, id)
	}
	return strings.Join([]string{
		count("raw", s.usage("container_cpu_usage_seconds_total")),
		count("pods", s.state("kube_pod_owner")),
		count("owners", fmt.Sprintf("max by (%s) (%s)", s.owner(), s.state("kube_pod_owner"))),
	}, " or ")
}

// namespaceLoads reads the census. The number of series after aggregation is
// that of owners times containers per pod, and a fifth more for owners that
// come and go.
func namespaceLoads(vector model.Vector) []namespaceLoad {
	byName := map[string]*load{}
	for _, sample := range vector {
		name := string(sample.Metric["namespace"])
		l := byName[name]
		if l == nil {
			l = &load{}
			byName[name] = l
		}
		switch sample.Metric["signal"] {
		case "raw":
			l.raw = int(sample.Value)
		case "pods":
			l.pods = int(sample.Value)
		case "owners":
			l.owners = int(sample.Value)
		}
	}
	loads := make([]namespaceLoad, 0, len(byName))
	for name, l := range byName {
		perPod := 1.0
		if l.pods > 0 {
			perPod = max(1, float64(l.raw)/float64(l.pods))
		}
		l.owners = int(1.2*float64(l.owners)) + 1
		l.out = int(math.Ceil(perPod * float64(l.owners)))
		loads = append(loads, namespaceLoad{name: name, load: *l})
	}
	slices.SortFunc(loads, func(a, b namespaceLoad) int { return strings.Compare(a.name, b.name) })
	return loads
}

// missing turns what is not there into facts.
func (c *Collector) missing(r *run, f *findings) {
	for _, m := range slices.Concat(usageMetrics(), stateMetrics()) {
		if f.series[m[0]] == 0 {
			r.fact(recommender.FactMissing, m[0], "there is no %s: %s", m[0], m[1])
		}
	}
	if n := f.series[countNodePods]; n > 0 {
		r.fact(recommender.FactWarning, "", "%d static pods, which belong to their nodes, are left out", n)
	}
	for _, spec := range c.catalog.Signals {
		if spec.Role == RoleRuntime {
			continue // Every exporter has some, of no workload.
		}
		for _, a := range spec.Aliases {
			total := f.series[countTotal+a.Metric]
			if total > 0 && !slices.ContainsFunc(spec.Aliases, func(b aliasSpec) bool { return b.Metric == a.Metric && f.series[b.id()] > 0 }) {
				r.fact(recommender.FactMissing, spec.Name, "%d series of %s name no pod that they belong to and are left out", total, a.Metric)
			}
		}
	}
}
