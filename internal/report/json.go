package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Wire identity of the report document.
const (
	APIVersion = recommender.APIVersion
	Kind       = "Report"
)

// document is the JSON form of a report.
type document struct {
	APIVersion    string             `json:"apiVersion"`
	Kind          string             `json:"kind"`
	At            time.Time          `json:"at"`
	Source        string             `json:"source"`
	Version       string             `json:"version"`
	Queries       int                `json:"queries"`
	HoursPerMonth int                `json:"hoursPerMonth"`
	Totals        Totals             `json:"totals"`
	Facts         []recommender.Fact `json:"facts"`
	Items         []documentItem     `json:"items"`
}

// documentItem is a decision with the numbers it rests on.
type documentItem struct {
	Decision  recommender.Decision `json:"decision"`
	Data      dataJSON             `json:"data"`
	RightSize *Owner               `json:"rightSize,omitempty"`
}

type dataJSON struct {
	ReadyReplicas  int                `json:"readyReplicas"`
	StartupSeconds float64            `json:"startupSeconds,omitempty"`
	HoldSeconds    float64            `json:"holdSeconds"`
	Risk           float64            `json:"risk"`
	Prices         recommender.Prices `json:"prices"`
	Containers     []containerJSON    `json:"containers"`
	Demand         *demandJSON        `json:"demand,omitempty"`
	Facts          []recommender.Fact `json:"facts,omitempty"`
}

type containerJSON struct {
	Name string `json:"name"`
	// CPU is in cores over all pods, memory in bytes of the largest pod.
	CPU            usageJSON `json:"cpuCores"`
	Memory         usageJSON `json:"memoryBytes"`
	GPUs           int       `json:"gpus,omitempty"`
	ThrottledRatio float64   `json:"throttledRatio"`
	// PageCacheBytes is what a pod holds beyond its working set.
	PageCacheBytes float64              `json:"pageCacheBytes,omitempty"`
	Runtime        *recommender.Runtime `json:"runtime,omitempty"`
	OOMKills       int                  `json:"oomKills"`
	LastOOMKill    *time.Time           `json:"lastOOMKill,omitempty"`
	Restarts       int                  `json:"restarts"`
}

type demandJSON struct {
	Signal string `json:"signal"`
	Unit   string `json:"unit"`
	usageJSON
	Relation recommender.Relation `json:"relation"`
	Backlog  float64              `json:"backlog,omitempty"`
}

// usageJSON is a history in numbers; the forecast itself is left to
// `rightsize collect`.
type usageJSON struct {
	Samples            int     `json:"samples"`
	AgeSeconds         float64 `json:"ageSeconds"`
	Last               float64 `json:"last"`
	Mean               float64 `json:"mean"`
	Peak               float64 `json:"peak"`
	TrendPerDay        float64 `json:"trendPerDay,omitempty"`
	HistorySpanSeconds float64 `json:"historySpanSeconds"`
	SeasonSeconds      float64 `json:"seasonSeconds,omitempty"`
	Confidence         float64 `json:"confidence"`
	Coverage95         float64 `json:"coverage95,omitempty"`
}

// JSON writes one indented document.
func JSON(w io.Writer, r Report) error {
	doc := document{
		APIVersion: APIVersion, Kind: Kind, At: r.At.UTC(), Source: r.Source, Version: r.Version, Queries: r.Queries,
		HoursPerMonth: HoursPerMonth, Totals: r.Totals(), Facts: r.Facts, Items: make([]documentItem, 0, len(r.Items)),
	}
	if doc.Facts == nil {
		doc.Facts = []recommender.Fact{}
	}
	for _, item := range r.Items {
		doc.Items = append(doc.Items, documentItem{Decision: item.Decision, Data: dataOf(item.Snapshot), RightSize: item.Owner})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		return fmt.Errorf("write report as JSON: %w", err)
	}
	return nil
}

func dataOf(s recommender.Snapshot) dataJSON {
	out := dataJSON{
		ReadyReplicas: s.Replicas.Ready, StartupSeconds: s.Replicas.StartupSeconds, HoldSeconds: s.Policy.HoldSeconds,
		Risk: s.Policy.Risk, Prices: s.Policy.Prices, Containers: make([]containerJSON, 0, len(s.Containers)), Facts: s.Facts,
	}
	for _, c := range s.Containers {
		cj := containerJSON{
			Name: c.Name, CPU: usageOf(c.CPU), Memory: usageOf(c.Memory), GPUs: c.GPUs,
			ThrottledRatio: c.ThrottledRatio, PageCacheBytes: c.PageCache, Runtime: c.Runtime, OOMKills: c.OOMKills, Restarts: c.Restarts,
		}
		if !c.LastOOMKill.IsZero() {
			at := c.LastOOMKill.UTC()
			cj.LastOOMKill = &at
		}
		out.Containers = append(out.Containers, cj)
	}
	if d := s.Demand; d != nil {
		out.Demand = &demandJSON{Signal: d.Signal, Unit: d.Unit, usageJSON: usageOf(d.Usage), Relation: d.Relation, Backlog: d.Backlog}
	}
	return out
}

func usageOf(u recommender.Usage) usageJSON {
	return usageJSON{
		Samples: u.Samples, AgeSeconds: u.AgeSeconds, Last: u.Last, Mean: u.Mean, Peak: u.Peak, TrendPerDay: u.TrendPerDay,
		HistorySpanSeconds: u.Forecast.Span.Seconds(), SeasonSeconds: u.Forecast.Season.Seconds(),
		Confidence: u.Forecast.Confidence, Coverage95: u.Forecast.Coverage95,
	}
}
