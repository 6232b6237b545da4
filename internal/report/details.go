package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/rightsize-dev/rightsize/recommender"
)

// pageNumber is a number with its name.
type pageNumber struct{ Name, Value string }

// money are the numbers about cost.
func money(d recommender.Decision) []pageNumber {
	show := func(now, want float64) string {
		return strings.Replace(change(moneyText(now), moneyText(want)), "→", " → ", 1) + " " + d.Cost.Currency
	}
	per := "Per hour"
	if d.Workload.Batch() {
		per = "Per hour of a run"
	}
	out := []pageNumber{{per, show(d.Cost.CurrentPerHour, d.Cost.TargetPerHour)}}
	if !d.Workload.Batch() {
		saved := d.Cost.SavingsPerHour() * HoursPerMonth
		name := "Saves a month"
		if saved < 0 {
			name = "Costs more a month"
		}
		out = append(out, pageNumber{"Per month", show(d.Cost.CurrentPerHour*HoursPerMonth, d.Cost.TargetPerHour*HoursPerMonth)},
			pageNumber{name, moneyText(math.Abs(saved)) + " " + d.Cost.Currency})
	}
	return out
}

// data are the numbers that say what a decision knew.
func data(s recommender.Snapshot) []pageNumber {
	var out []pageNumber
	if !s.Workload.Batch() {
		out = append(out, pageNumber{"Pods, asked for and ready", fmt.Sprintf("%d, %d", s.Replicas.Desired, s.Replicas.Ready)})
	}
	if len(s.Containers) > 0 {
		out = append(out, historyData(s.Containers[0].CPU)...)
	}
	if s.Replicas.StartupSeconds > 0 {
		out = append(out, pageNumber{"Start-up of a pod", spanText(s.Replicas.StartupSeconds)})
	}
	if d := s.Demand; d != nil {
		out = append(out, pageNumber{"Demand (" + d.Signal + ")", amountText(d.Last, d.Unit) + " now"})
		if d.Relation.Valid {
			out = append(out, pageNumber{"CPU explained by demand", percentText(d.Relation.R2)})
		}
	}
	for _, c := range s.Containers {
		prefix := ""
		if len(s.Containers) > 1 {
			prefix = c.Name + ": "
		}
		out = append(out, containerData(c, prefix)...)
	}
	return append(out, pageNumber{"Accepted risk", percentText(riskOf(s.Policy))},
		pageNumber{"Decision has to last", spanText(s.Policy.HoldSeconds)})
}

// historyData are the numbers about the length and worth of a history.
func historyData(u recommender.Usage) []pageNumber {
	if u.Samples == 0 {
		return nil
	}
	out := []pageNumber{
		{"History", spanText(u.Forecast.Span.Seconds())},
		{"Newest sample", spanText(u.AgeSeconds) + " old"},
	}
	if u.Forecast.Season > 0 {
		out = append(out, pageNumber{"Repeats every", spanText(u.Forecast.Season.Seconds())})
	}
	if u.Forecast.Coverage95 > 0 {
		out = append(out, pageNumber{"95 % quantile held in", percentText(u.Forecast.Coverage95) + " of cases"})
	}
	return out
}

// containerData are the numbers about the health of a container that are not
// zero.
func containerData(c recommender.Container, prefix string) []pageNumber {
	var out []pageNumber
	if c.ThrottledRatio > 0 {
		out = append(out, pageNumber{prefix + "Throttled in the last hour", percentText(c.ThrottledRatio) + " of periods"})
	}
	if c.OOMKills > 0 {
		out = append(out, pageNumber{prefix + "Killed for want of memory", plural(c.OOMKills, "time")})
	}
	if c.PageCache > 0 {
		out = append(out, pageNumber{prefix + "Page cache beyond the working set", amountText(c.PageCache, "bytes")})
	}
	if rt := c.Runtime; rt != nil {
		out = append(out, runtimeData(*rt, prefix)...)
	}
	if c.Restarts > 0 {
		out = append(out, pageNumber{prefix + "Restarts", strconv.Itoa(c.Restarts)})
	}
	if c.GPUs > 0 {
		out = append(out, pageNumber{prefix + "GPUs a pod", strconv.Itoa(c.GPUs)})
	}
	return out
}

// runtimeData are the numbers that a language runtime gives of itself.
func runtimeData(rt recommender.Runtime, prefix string) []pageNumber {
	out := []pageNumber{{prefix + "Language runtime", string(rt.Language)}}
	for _, n := range []struct {
		name  string
		bytes float64
	}{{"Heap used at most", rt.Heap}, {"Heap may have", rt.HeapMax}, {"Heap live after a collection", rt.Live}, {"Outside of the heap", rt.Outside}} {
		if n.bytes > 0 {
			out = append(out, pageNumber{prefix + n.name, amountText(n.bytes, "bytes")})
		}
	}
	return out
}

// riskOf is the accepted risk, or its documented default.
func riskOf(p recommender.Policy) float64 {
	if p.Risk > 0 {
		return p.Risk
	}
	return 0.05
}
