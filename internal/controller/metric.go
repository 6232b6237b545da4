package controller

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rightsize-dev/rightsize/internal/telemetry"
)

// described is a metric about RightSizes, of which there are thousands of series.
type described struct {
	desc   *prometheus.Desc
	labels []string
	// order is that in which labels are exposed: by their names.
	order []int
}

func describe(t telemetry.Metric) described {
	d := described{desc: prometheus.NewDesc(t.Name, t.Help, t.Labels, nil), labels: t.Labels}
	for i := range t.Labels {
		d.order = append(d.order, i)
	}
	slices.SortFunc(d.order, func(a, b int) int { return strings.Compare(t.Labels[a], t.Labels[b]) })
	return d
}

// pairs are the labels of one scrape by their name and value, each held once: a
// scrape of 5,000 RightSizes is of 85,000 series.
type pairs map[[2]string]*dto.LabelPair

func (p pairs) of(name, value string) *dto.LabelPair {
	key := [2]string{name, value}
	if p[key] == nil {
		p[key] = pair(name, value)
	}
	return p[key]
}

func pair(name, value string) *dto.LabelPair {
	value = strings.ToValidUTF8(value, "\uFFFD")
	return &dto.LabelPair{Name: &name, Value: &value}
}

// labelsOf are the first labels of what is told of a RightSize.
func labelsOf(key types.NamespacedName) []*dto.LabelPair {
	return []*dto.LabelPair{pair(telemetry.LabelNamespace, key.Namespace), pair(telemetry.LabelRightSize, key.Name)}
}

// metric is one series, with the given labels before its own.
func (d described) metric(shared pairs, first []*dto.LabelPair, s series) prometheus.Metric {
	if len(first)+len(s.labels) != len(d.labels) {
		return prometheus.NewInvalidMetric(d.desc, fmt.Errorf("%d and %d values for labels %v", len(first), len(s.labels), d.labels))
	}
	out := gauge{d.desc, make([]*dto.LabelPair, len(d.order)), s.value}
	for i, at := range d.order {
		if at < len(first) {
			out.labels[i] = first[at]
		} else {
			out.labels[i] = shared.of(d.labels[at], s.labels[at-len(first)])
		}
	}
	return &out
}

// gauge is a [prometheus.Metric] whose labels others have, too.
type gauge struct {
	desc   *prometheus.Desc
	labels []*dto.LabelPair
	value  float64
}

func (g *gauge) Desc() *prometheus.Desc { return g.desc }

func (g *gauge) Write(out *dto.Metric) error {
	out.Label, out.Gauge = g.labels, &dto.Gauge{Value: &g.value}
	return nil
}
