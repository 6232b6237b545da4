package baseline

import (
	"fmt"
	"math"

	"github.com/rightsize-dev/rightsize/simulator"
)

// Frontier makes oracles that accept more violations than the oracle does: what
// could have been had at each share of violated requests.
type Frontier struct{ work *work }

// NewFrontier shares what oracles of one scenario have in common.
func NewFrontier() *Frontier { return &Frontier{work: newWork()} }

// FrontierPoint is one oracle.
type FrontierPoint struct {
	// Label says what it accepts; it is empty for the oracle itself.
	Label string
	// Free says that changes take no time, and so cost nothing: pods are ready
	// at once, resizes and nodes too.
	Free     bool
	Scenario simulator.Scenario
	Policy   simulator.Policy
}

// accepted are the shares of violated requests that the points accept. The
// first is the oracle's.
func accepted() []float64 { return []float64{oracleRatio, 0.002, 0.005, 0.01, 0.02, 0.05} }

// Points lists the oracles of a scenario, the oracle itself first, and then
// those to which changes are free.
func (f *Frontier) Points(sc simulator.Scenario) []FrontierPoint {
	var out []FrontierPoint
	free := withoutSwitching(sc)
	for _, at := range []struct {
		sc    simulator.Scenario
		free  bool
		label string
	}{{sc: sc}, {free, true, ", free changes"}} {
		for _, ratio := range accepted() {
			p := FrontierPoint{Free: at.free, Scenario: at.sc}
			if at.free || ratio != oracleRatio {
				p.Label = fmt.Sprintf("violated %v %%%s", math.Round(1e5*ratio)/1e3, at.label)
			}
			p.Policy = oracleOf(&at.sc, ratio, f.work)
			out = append(out, p)
		}
	}
	return out
}

// withoutSwitching is the scenario in a world in which pods start, resizes take
// effect and nodes come at once.
func withoutSwitching(sc simulator.Scenario) simulator.Scenario {
	sc.Cluster.NodeProvisioning, sc.Cluster.ResizeDelay, sc.Cluster.ImagePull = 0, 0, 0
	switch s := &sc.Service; {
	case s.HTTP != nil:
		own := *s.HTTP
		own.Startup, own.StartupCPU, s.HTTP = 0, 0, &own
	case s.Queue != nil:
		own := *s.Queue
		own.Startup, own.StartupCPU, s.Queue = 0, 0, &own
	case s.Inference != nil:
		own := *s.Inference
		own.Startup, s.Inference = 0, &own
	default:
		own := *s.Usage
		own.Startup, s.Usage = 0, &own
	}
	return sc
}
