package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/demo/fleet"
)

// Rules of the tools that the demo compares with.
const (
	// krrQuantile is of CPU over two weeks, for each pod; krrMemory is added
	// to the largest memory of two weeks.
	krrQuantile = 0.95
	krrMemory   = 1.15
	krrWindow   = "14d"
	// vpaQuantile is of CPU, and of daily peaks of memory, over eight days of
	// which older ones count half as much a day; vpaMargin is put on top.
	vpaQuantile = 0.90
	vpaMargin   = 1.15
	vpaDays     = 8
	vpaHalfLife = 24 * time.Hour
)

// size is what one pod gets: cores and bytes.
type size struct {
	cpu    float64
	memory float64
}

// rivals asks Prometheus for what the other tools look at.
type rivals struct {
	api v1.API
	at  time.Time
	// selector picks the container of the weekly service.
	selector string
}

func newRivals(url string, at time.Time) (*rivals, error) {
	c, err := api.NewClient(api.Config{Address: url})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", url, err)
	}
	selector := fmt.Sprintf(`{namespace=%q,pod=~"%s-.*",container=%q}`, fleet.ShopNamespace, fleet.ShopName, fleet.ShopName)
	return &rivals{api: v1.NewAPI(c), at: at, selector: selector}, nil
}

// krr sizes as KRR's simple strategy does: the 95th percentile of each pod's
// CPU over two weeks, the largest of them, and the largest memory plus 15 %.
func (r *rivals) krr(ctx context.Context) (size, error) {
	cpu, err := r.scalar(ctx, fmt.Sprintf("max(quantile_over_time(%g, rate(container_cpu_usage_seconds_total%s[5m])[%s:75s]))", krrQuantile, r.selector, krrWindow))
	if err != nil {
		return size{}, err
	}
	memory, err := r.scalar(ctx, fmt.Sprintf("max(max_over_time(container_memory_working_set_bytes%s[%s]))", r.selector, krrWindow))
	if err != nil {
		return size{}, err
	}
	return size{cpu: cpu, memory: krrMemory * memory}, nil
}

// vpa sizes by the rule of the Vertical Pod Autoscaler's recommender: the 90th
// percentile of all pods' samples, weighted down by half a day by day, plus
// 15 %. Its rounding up to buckets, up to 5 %, is left out.
func (r *rivals) vpa(ctx context.Context) (size, error) {
	var cpu, memory []weighted
	for day := range vpaDays {
		end := r.at.Add(-time.Duration(day) * 24 * time.Hour)
		part, err := r.samples(ctx, "rate(container_cpu_usage_seconds_total"+r.selector+"[5m])", end)
		if err != nil {
			return size{}, err
		}
		cpu = append(cpu, part...)
		peaks, err := r.query(ctx, "max_over_time(container_memory_working_set_bytes"+r.selector+"[1d])", end)
		if err != nil {
			return size{}, err
		}
		for _, s := range peaks {
			memory = append(memory, weighted{value: float64(s.Value), weight: r.weight(end)})
		}
	}
	return size{cpu: vpaMargin * quantile(cpu, vpaQuantile), memory: vpaMargin * quantile(memory, vpaQuantile)}, nil
}

// samples reads one day of samples up to end, a minute apart.
func (r *rivals) samples(ctx context.Context, query string, end time.Time) ([]weighted, error) {
	v, _, _, err := r.api.QueryRange(ctx, query, v1.Range{Start: end.Add(-24*time.Hour + time.Minute), End: end, Step: time.Minute})
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", query, err)
	}
	matrix, ok := v.(model.Matrix)
	if !ok {
		return nil, fmt.Errorf("query %s: got a %s, want a matrix", query, v.Type())
	}
	var all []weighted
	for _, s := range matrix {
		for _, p := range s.Values {
			all = append(all, weighted{value: float64(p.Value), weight: r.weight(p.Timestamp.Time())})
		}
	}
	return all, nil
}

// weight halves with every half-life of age.
func (r *rivals) weight(t time.Time) float64 {
	return math.Exp2(-r.at.Sub(t).Seconds() / vpaHalfLife.Seconds())
}

// query evaluates an instant query.
func (r *rivals) query(ctx context.Context, query string, at time.Time) (model.Vector, error) {
	v, _, _, err := r.api.Query(ctx, query, at)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", query, err)
	}
	vector, ok := v.(model.Vector)
	if !ok {
		return nil, fmt.Errorf("query %s: got a %s, want a vector", query, v.Type())
	}
	return vector, nil
}

// scalar evaluates a query with one value.
func (r *rivals) scalar(ctx context.Context, query string) (float64, error) {
	vector, err := r.query(ctx, query, r.at)
	if err != nil {
		return 0, err
	}
	if len(vector) != 1 {
		return 0, fmt.Errorf("query %s: got %d values, want one", query, len(vector))
	}
	return float64(vector[0].Value), nil
}

// weighted is a sample that counts for weight.
type weighted struct {
	value  float64
	weight float64
}

// quantile is the smallest sample below or at which a share q of the weight
// lies; NaN for no samples.
func quantile(samples []weighted, q float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	slices.SortFunc(samples, func(a, b weighted) int { return cmp.Compare(a.value, b.value) })
	total := 0.0
	for _, s := range samples {
		total += s.weight
	}
	sum := 0.0
	for _, s := range samples {
		if sum += s.weight; sum >= q*total {
			return s.value
		}
	}
	return samples[len(samples)-1].value
}
