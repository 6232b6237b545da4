package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rightsize-dev/rightsize/recommender"
)

// barWidth is the width of a cost bar, in its own units.
const barWidth = 100

// page is what the page's template prints. Text that came from elsewhere stays
// string, so that the template escapes it.
type page struct {
	Policy                 string
	CSS                    template.CSS
	Early, Library, Script template.JS

	At, Source, Version, Currency, Prices string
	CostNow, CostWant                     string
	Saves, SavesTitle, SavesClass         string
	SavesRatio, Actions                   string
	BarNow, BarWant                       string
	Workloads, Problems, Hours            int
	Namespaces                            []string
	ActionList                            []recommender.Action
	Findings                              []pageFact
	FindingsOpen                          bool
	Rows                                  []pageRow
}

// pair is an amount now and wanted.
type pair struct {
	Now, Want string
	Changed   bool
}

func newPair(now, want string) pair { return pair{Now: now, Want: want, Changed: now != want} }

type pageFact struct {
	Code    recommender.FactCode
	Text    string
	Matters bool
}

type pageReason struct {
	Code                       recommender.ReasonCode
	Container, Effect, Message string
}

// pageRow is one workload. The keys are what the table is sorted by.
type pageRow struct {
	Index                            int
	Name, Kind, Place, Sort          string
	Batch, Problem                   bool
	Replicas, CPU, Memory, Cost      pair
	BarNow, BarWant                  string
	Saves, SavesClass, Confidence    string
	Action                           recommender.Action
	ActionText                       string
	ReasonCode                       recommender.ReasonCode
	Reason                           string
	ReplicasKey, CPUKey, MemoryKey   string
	CostKey, SavesKey, ConfidenceKey string
	Reasons                          []pageReason
	Money, Data                      []pageNumber
	Facts                            []pageFact
	Containers                       []pageContainer
	Plots                            []plotJSON
	Charted                          bool
}

type pageContainer struct {
	Name      string
	Resources []pageResource
}

type pageResource struct {
	Name, Mean, Peak, Request, Target string
	Limit                             pair
	Bounds, Uncapped                  string
}

func newPage(r Report, parts pageAssets) page {
	t := r.Totals()
	p := page{
		Policy: parts.contentPolicy(),
		CSS:    template.CSS(parts.css), //nolint:gosec // An embedded file, not input.
		// The two scripts below are embedded files, too.
		Early:   earlyScript,
		Library: template.JS(parts.library), //nolint:gosec // An embedded file, not input.
		Script:  template.JS(parts.script),  //nolint:gosec // An embedded file, not input.
		At:      timeText(r.At), Source: r.Source, Version: r.Version, Currency: t.Currency, Prices: pricesText(r),
		CostNow: moneyText(t.CurrentPerMonth), CostWant: moneyText(t.TargetPerMonth),
		SavesTitle: "Saves", Saves: moneyText(math.Abs(t.SavingsPerMonth)), SavesClass: savesClass(t.SavingsPerMonth),
		SavesRatio: percentText(math.Abs(t.SavingsRatio())), Actions: pageActions(t),
		Workloads: t.Workloads, Problems: t.WithProblems, Hours: HoursPerMonth, Namespaces: places(r),
	}
	if t.SavingsPerMonth < 0 {
		p.SavesTitle = "Costs more"
	}
	p.BarNow, p.BarWant = bars(t.CurrentPerMonth, t.TargetPerMonth, max(t.CurrentPerMonth, t.TargetPerMonth))
	for _, a := range actions() {
		if t.Actions[a] > 0 {
			p.ActionList = append(p.ActionList, a)
		}
	}
	for _, f := range r.findings() {
		p.Findings = append(p.Findings, pageFact{Code: f.Code, Text: f.text(), Matters: matters(f.Fact)})
		p.FindingsOpen = p.FindingsOpen || matters(f.Fact)
	}
	most := 0.0
	for _, item := range r.Items {
		if !item.Decision.Workload.Batch() {
			most = max(most, item.Decision.Cost.CurrentPerHour, item.Decision.Cost.TargetPerHour)
		}
	}
	points := pointsPerPlot(r)
	for i, item := range r.Items {
		p.Rows = append(p.Rows, newPageRow(i, item, most, points))
	}
	return p
}

// pageActions counts actions in words.
func pageActions(t Totals) string {
	var parts []string
	for _, a := range actions() {
		if n := t.Actions[a]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, strings.ToLower(actionText(a))))
		}
	}
	return strings.Join(parts, " · ")
}

func savesClass(perMonth float64) string {
	switch {
	case perMonth > 0.005:
		return "good"
	case perMonth < -0.005:
		return "more-cost"
	default:
		return ""
	}
}

// bars are the widths of what costs now and of what is recommended. Small
// workloads keep a visible bar: widths follow the square root.
func bars(now, want, most float64) (nowWidth, wantWidth string) {
	width := func(x float64) string {
		if most <= 0 || x <= 0 {
			return "0"
		}
		return strconv.FormatFloat(barWidth*math.Sqrt(x/most), 'f', 1, 64)
	}
	return width(now), width(want)
}

// place is the namespace, led by the cluster where there is one.
func place(w recommender.Workload) string {
	if w.Cluster != "" {
		return w.Cluster + "/" + w.Namespace
	}
	return w.Namespace
}

func places(r Report) []string {
	var out []string
	for _, item := range r.Items {
		out = append(out, place(item.Decision.Workload))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func pricesText(r Report) string {
	if len(r.Items) == 0 {
		return unset
	}
	p := r.Items[0].Snapshot.Policy.Prices
	return fmt.Sprintf("%s %s per CPU core, %s per GiB of memory, %s per GPU, an hour",
		p.Currency, numberText(p.CPUCoreHour), numberText(p.MemoryGiBHour), numberText(p.GPUHour))
}

func newPageRow(i int, item Item, most float64, points int) pageRow {
	d := item.Decision
	var now, want recommender.Resources
	for _, c := range d.Containers {
		now, want = now.Add(c.Requests), want.Add(c.Target)
	}
	reason := workloadReason(d)
	row := pageRow{
		Index: i, Name: d.Workload.Name, Kind: d.Workload.Kind, Place: place(d.Workload), Sort: d.Workload.String(),
		Batch: d.Workload.Batch(), Problem: item.problem(),
		Replicas: newPair(strconv.Itoa(d.CurrentReplicas), strconv.Itoa(d.DesiredReplicas)),
		CPU:      newPair(cpuText(now.CPU), cpuText(want.CPU)), Memory: newPair(memoryText(now.Memory), memoryText(want.Memory)),
		Cost:  newPair(moneyText(d.Cost.CurrentPerHour*HoursPerMonth), moneyText(d.Cost.TargetPerHour*HoursPerMonth)),
		Saves: moneyText(item.savingsPerMonth()), SavesClass: savesClass(item.savingsPerMonth()),
		Action: d.Action, ActionText: actionText(d.Action), Confidence: percentText(d.Confidence),
		ReasonCode: reason.Code, Reason: reason.Message,
		ReplicasKey: strconv.Itoa(d.CurrentReplicas), CPUKey: strconv.FormatInt(int64(now.CPU), 10),
		MemoryKey: strconv.FormatInt(int64(now.Memory), 10), CostKey: csvNumber(d.Cost.CurrentPerHour*HoursPerMonth, 6),
		SavesKey: csvNumber(item.savingsPerMonth(), 6), ConfidenceKey: csvNumber(d.Confidence, 4),
		Money: money(d), Data: data(item.Snapshot),
	}
	row.BarNow, row.BarWant = bars(d.Cost.CurrentPerHour, d.Cost.TargetPerHour, most)
	if row.Batch {
		row.Replicas = newPair("per run", "per run")
		row.Cost = newPair(moneyText(d.Cost.CurrentPerHour), moneyText(d.Cost.TargetPerHour))
		row.Saves, row.SavesClass, row.SavesKey, row.CostKey = "–", "", "-1e99", "-1"
	}
	for _, r := range d.Reasons {
		row.Reasons = append(row.Reasons, pageReason{Code: r.Code, Container: r.Container, Effect: effect(r), Message: r.Message})
	}
	for _, f := range item.Snapshot.Facts {
		row.Facts = append(row.Facts, pageFact{Code: f.Code, Text: finding{Fact: f}.text(), Matters: matters(f)})
	}
	for _, c := range d.Containers {
		row.Containers = append(row.Containers, newPageContainer(c, item.Snapshot))
	}
	row.Plots = plots(item, points)
	row.Charted = len(row.Plots) > 0
	return row
}

func actionText(a recommender.Action) string {
	switch a {
	case recommender.ActionResizeAndScale:
		return "Resize and scale"
	case recommender.ActionNone:
		return "No data"
	case recommender.ActionHold, recommender.ActionResize, recommender.ActionScale:
		return string(a)
	default:
		return string(a)
	}
}

func newPageContainer(c recommender.Recommendation, s recommender.Snapshot) pageContainer {
	var cpu, memory recommender.Usage
	for _, sc := range s.Containers {
		if sc.Name == c.Name {
			cpu, memory = sc.CPU, sc.Memory
		}
	}
	// CPU is what all pods use together, and says so where there are several.
	together := ""
	if s.Replicas.Ready > 1 && !s.Workload.Batch() {
		together = " in all"
	}
	used := func(u recommender.Usage, x float64, unit string) string {
		switch {
		case u.Samples == 0:
			return unset
		case unit == "cores":
			return amountText(x, unit) + together
		default:
			return amountText(x, unit)
		}
	}
	between := func(lo, hi string) string {
		if lo == hi {
			return lo
		}
		return lo + " – " + hi
	}
	return pageContainer{Name: c.Name, Resources: []pageResource{{
		Name: "CPU", Mean: used(cpu, cpu.Mean, "cores"), Peak: used(cpu, cpu.Peak, "cores"),
		Request: cpuText(c.Requests.CPU), Target: cpuText(c.Target.CPU), Limit: newPair(cpuText(c.Limits.CPU), cpuText(c.TargetLimits.CPU)),
		Bounds: between(cpuText(c.LowerBound.CPU), cpuText(c.UpperBound.CPU)), Uncapped: cpuText(c.UncappedTarget.CPU),
	}, {
		Name: "Memory", Mean: used(memory, memory.Mean, "bytes"), Peak: used(memory, memory.Peak, "bytes"),
		Request: memoryText(c.Requests.Memory), Target: memoryText(c.Target.Memory), Limit: newPair(memoryText(c.Limits.Memory), memoryText(c.TargetLimits.Memory)),
		Bounds: between(memoryText(c.LowerBound.Memory), memoryText(c.UpperBound.Memory)), Uncapped: memoryText(c.UncappedTarget.Memory),
	}}}
}
