package collector

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/recommender"
)

func TestSpans(t *testing.T) {
	t.Parallel()
	b := budget{maxBytes: 64 << 20, maxSamples: 25_000_000}
	cases := map[string]struct {
		n    int
		load load
		want int
	}{
		"small":            {4032, load{raw: 10, pods: 5, out: 4}, 1},
		"11,000 points":    {40320, load{raw: 10, pods: 5, out: 4}, 5},          // 10,000 each.
		"bounded by bytes": {4032, load{raw: 1, pods: 1, out: 10_000}, 27},      // 150 points: 54 MB less labels, by 340 kB.
		"by samples":       {4032, load{raw: 20_000, pods: 10_000, out: 1}, 10}, // 416 points: 25 million by 60,000.
		"one point each":   {3, load{raw: 1e9}, 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spans := b.spans(tc.n, tc.load, weightUsage())
			if len(spans) != tc.want {
				t.Errorf("%d spans, want %d", len(spans), tc.want)
			}
			next := 0
			for _, s := range spans {
				if s.first != next || s.last < s.first || s.last-s.first >= 10_000 {
					t.Fatalf("span %v does not follow %d", s, next)
				}
				next = s.last + 1
			}
			if next != tc.n {
				t.Errorf("spans end at %d of %d", next, tc.n)
			}
		})
	}
}

// Groups cover every namespace once, those the census did not see included.
func TestGroups(t *testing.T) {
	t.Parallel()
	b := budget{maxBytes: 64 << 20, maxSamples: 1_000_000}
	var loads []namespaceLoad
	for i := range 10 {
		loads = append(loads, namespaceLoad{fmt.Sprintf("ns-%d", i), load{raw: 400, pods: 400, out: 10}})
	}
	groups := b.groups(loads, weightUsage(), 288) // 1e6 / (4*400*n) >= 288 for n <= 2.
	var got []string
	for _, g := range groups {
		got = append(got, g.namespaces.String())
	}
	want := []string{
		`namespace=~"ns-0|ns-1"`, `namespace=~"ns-2|ns-3"`, `namespace=~"ns-4|ns-5"`, `namespace=~"ns-6|ns-7"`,
		`namespace!~"ns-0|ns-1|ns-2|ns-3|ns-4|ns-5|ns-6|ns-7"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if g := b.groups(loads[:2], weightUsage(), 288); len(g) != 1 || g[0].namespaces != nil || g[0].load.raw != 800 {
		t.Errorf("two namespaces give %v", g)
	}
	if g := b.groups(nil, weightUsage(), 288); len(g) != 1 {
		t.Errorf("no namespace gives %v", g)
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	o := newOwners("")
	series := func(at model.Time, labels ...string) *model.SampleStream {
		m := model.Metric{"namespace": "n"}
		for i := 0; i < len(labels); i += 2 {
			m[model.LabelName(labels[i])] = model.LabelValue(labels[i+1])
		}
		return &model.SampleStream{Metric: m, Values: []model.SamplePair{{Timestamp: at, Value: 1}}}
	}
	o.learn("ReplicaSet", "replicaset", model.Matrix{
		series(1, "replicaset", "web-6d4cf56db6", "owner_kind", "Deployment", "owner_name", "web"),
		series(2, "replicaset", "moved-6d4cf56db6", "owner_kind", "Rollout", "owner_name", "moved"),
		series(1, "replicaset", "moved-6d4cf56db6", "owner_kind", "Deployment", "owner_name", "moved"),
		series(1, "replicaset", "orphan-6d4cf56db6"),
	})
	o.learn("Job", "job_name", model.Matrix{series(1, "job_name", "nightly-29391000", "owner_kind", "CronJob", "owner_name", "nightly")})
	w := func(kind, name string) recommender.Workload {
		return recommender.Workload{Namespace: "n", Kind: kind, Name: name}
	}
	cases := map[string]struct{ in, want recommender.Workload }{
		"known ReplicaSet":     {w("ReplicaSet", "web-6d4cf56db6"), w("Deployment", "web")},
		"the latest owner":     {w("ReplicaSet", "moved-6d4cf56db6"), w("Rollout", "moved")},
		"seen by no scrape":    {w("ReplicaSet", "web-7f9c6b5d4f"), w("Deployment", "web")},
		"no hash":              {w("ReplicaSet", "web-frontend"), w("ReplicaSet", "web-frontend")},
		"unknown Deployment":   {w("ReplicaSet", "other-6d4cf56db6"), w("ReplicaSet", "other-6d4cf56db6")},
		"no owner":             {w("ReplicaSet", "orphan-6d4cf56db6"), w("ReplicaSet", "orphan-6d4cf56db6")},
		"known Job":            {w("Job", "nightly-29391000"), w("CronJob", "nightly")},
		"Job seen by none":     {w("Job", "nightly-29391234"), w("CronJob", "nightly")},
		"Job of nobody":        {w("Job", "migrate-29391234"), w("Job", "migrate-29391234")},
		"any other controller": {w("Workflow", "train-abc"), w("Workflow", "train-abc")},
		"another namespace":    {recommender.Workload{Namespace: "m", Kind: "ReplicaSet", Name: "web-6d4cf56db6"}, recommender.Workload{Namespace: "m", Kind: "ReplicaSet", Name: "web-6d4cf56db6"}},
		"another cluster":      {recommender.Workload{Cluster: "c", Namespace: "n", Kind: "ReplicaSet", Name: "web-6d4cf56db6"}, recommender.Workload{Cluster: "c", Namespace: "n", Kind: "ReplicaSet", Name: "web-6d4cf56db6"}},
	}
	for name, tc := range cases {
		if got := o.resolve(tc.in); got != tc.want {
			t.Errorf("%s: %s became %s, want %s", name, tc.in, got, tc.want)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	end := time.Unix(1000, 0).UTC()
	k := key{workload: recommender.Workload{Name: "w"}}
	at := func(s int64, v float64) model.SamplePair {
		return model.SamplePair{Timestamp: model.Time(s * 1000), Value: model.SampleValue(v)}
	}
	for m, want := range map[merge]string{mergeSum: "[NaN 3 4 NaN]", mergeMax: "[NaN 2 4 NaN]"} {
		tab := newTable(onFine, newGrid(end, 10*time.Second, 40*time.Second), m)
		c := tab.add(k, []model.SamplePair{at(980, 1), at(985, 9), at(990, 4), at(1010, 9), at(960, 9)})
		c2 := tab.add(k, []model.SamplePair{at(980, 2), at(1000, -1)})
		if got := fmt.Sprint(tab.values[k]); got != want {
			t.Errorf("merge %d gives %s, want %s", m, got, want)
		}
		if c != (counts{future: 1}) || c2 != (counts{invalid: 1}) {
			t.Errorf("dropped %v and %v", c, c2)
		}
	}
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	c, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, s := range c.Signals {
		for _, a := range s.Aliases {
			if other, ok := ids[s.Name+a.id()]; ok {
				t.Errorf("%s is an alias of %s twice", a.id(), other)
			}
			ids[s.Name+a.id()] = s.Name
			expr := c.signal(scope{cluster: "cluster", window: 5 * time.Minute, common: matchers{oneOf("namespace", []string{"a", "b"})}}, s, a, "300s")
			if strings.Contains(expr, "$m") || strings.Contains(expr, "$by") || strings.Contains(expr, "$rate") || strings.Contains(expr, "$step") {
				t.Errorf("%s leaves something open: %s", a.id(), expr)
			}
			for _, part := range []string{a.NamespaceLabel + `=~"a|b"`, a.PodLabel + `!=""`, "cluster", "group_left"} {
				if !strings.Contains(expr, part) {
					t.Errorf("%s has no %s: %s", a.id(), part, expr)
				}
			}
		}
	}
	bad := map[string]struct{ in, want string }{
		"unknown key":      {"signals: [{name: a, color: red}]", "color"},
		"no signals":       {"templates: {}", "no signals"},
		"no name":          {"signals: [{role: demand}]", "empty"},
		"twice":            {"templates: {t: 'x by ($by) $metric{$match}'}\nsignals: [{name: a, role: demand, unit: u, pods: sum, aliases: [{metric: m, template: t}]}, {name: a}]", "twice"},
		"wrong role":       {"signals: [{name: a, role: boss}]", "role"},
		"no unit":          {"signals: [{name: a, role: demand}]", "unit"},
		"wrong pods":       {"signals: [{name: a, role: demand, unit: u, pods: avg, aliases: [{metric: m}]}]", "pods"},
		"wrong metric":     {"signals: [{name: a, role: demand, unit: u, pods: sum, aliases: [{metric: 'a b'}]}]", "not the name of a metric"},
		"unknown template": {"signals: [{name: a, role: demand, unit: u, pods: sum, aliases: [{metric: m, template: t}]}]", "template"},
		"thin template":    {"templates: {t: 'sum($metric)'}\nsignals: [{name: a, role: demand, unit: u, pods: sum, aliases: [{metric: m, template: t}]}]", "$match"},
		"wrong match":      {"templates: {t: 'x by ($by) $metric{$match}'}\nsignals: [{name: a, role: demand, unit: u, pods: sum, aliases: [{metric: m, template: t, match: 'a'}]}]", "operator"},
		"wrong label":      {"templates: {t: 'x by ($by) $metric{$match}'}\nsignals: [{name: a, role: demand, unit: u, pods: sum, aliases: [{metric: m, template: t, podLabel: 'a-b'}]}]", "label name"},
	}
	for name, tc := range bad {
		if _, err := parseCatalogue([]byte(tc.in)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error is %v, want one about %q", name, err, tc.want)
		}
	}
}

func TestP90(t *testing.T) {
	t.Parallel()
	if got := p90(nil); got != 0 {
		t.Errorf("nothing gives %g", got)
	}
	if got := p90([]float64{5, 1, 2, 3, 4, 6, 7, 8, 9, 10}); got != 9 { // The ninth of ten.
		t.Errorf("got %g", got)
	}
	if got := p90(append(gaps(3), 7)); got != 7 {
		t.Errorf("got %g", got)
	}
}
