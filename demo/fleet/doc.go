// Package fleet generates the history of a small Kubernetes fleet as a
// Prometheus server would have scraped it: cumulative counters and gauges
// under the names and labels that cAdvisor, kube-state-metrics, application
// exporters, vLLM and the DCGM exporter give them.
//
// A fleet is a pure function of its Options: equal options give equal samples,
// to the bit. It knows its own future, so that a forecast made at Options.At
// can be held against what came next.
//
// Words used here: the grid is the sequence of scrape instants, one every
// Options.Interval up to Options.At; a shape is the arrival rate of work as a
// function of the time of day and week; a run is the minute-by-minute life of
// one workload and its pods under such a shape.
package fleet
