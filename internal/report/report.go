// Package report writes what rightsize decided for people, programs and
// repositories: one file per format, each a plain function of a [Report].
package report

import (
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Report is a dry run over a fleet.
type Report struct {
	// At is the instant the decisions are for.
	At time.Time
	// Source says where the history came from, without credentials.
	Source string
	// Version is that of the program.
	Version string
	// Items are sorted by workload.
	Items []Item
	// Facts are about the data as a whole.
	Facts []recommender.Fact
	// Queries is the number of HTTP requests the history took.
	Queries int
}

// Item is one workload of a report.
type Item struct {
	Snapshot recommender.Snapshot
	Decision recommender.Decision
	// History is what plots show; formats without plots leave it out.
	History []Plot
	// Owner is the RightSize that governs the workload, where it is known; nil
	// without one.
	Owner *Owner
}

// Owner is a RightSize, in the namespace of its workload.
type Owner struct {
	Name string `json:"name"`
	Mode string `json:"mode"`
	// Problem is what its controller says keeps it from working; empty where
	// nothing does.
	Problem string `json:"problem,omitempty"`
}

// Plot is one quantity over time with its forecast.
type Plot struct {
	// Title says what is shown and Unit in what: cores, bytes, requests/s.
	Title string
	Unit  string
	// Series is the history.
	Series forecaster.Series
	// Forecast is the band to draw after it; an invalid one draws none.
	Forecast forecaster.Forecast
	// Capacity is what was requested over time, of what the series is of; one
	// without values where that is not known.
	Capacity forecaster.Series
	// Requested is the amount requested now and Recommended the target, in
	// Unit and of what the series is of: all pods together or one pod. 0 draws
	// no line.
	Requested   float64
	Recommended float64
}

// UnitPods is the unit of plots of a number of pods.
const UnitPods = "pods"
