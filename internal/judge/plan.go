// Package judge runs policies over scenarios, in parallel and in shards, and
// draws the comparisons from what came out: cost at equal violations, paired
// over scenarios.
//
// A [Plan] is a list of runs. Any part of it can be run anywhere; what comes
// out of all parts is the same, byte for byte, as of one run of all.
package judge

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"

	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// Mode is what a plan is for.
type Mode string

const (
	// Scores runs every policy as the scenario has it.
	Scores Mode = "scores"
	// Pareto runs every policy at all settings of its safety knobs.
	Pareto Mode = "pareto"
)

// Options say what to run on the scenarios.
type Options struct {
	Mode     Mode
	Policies []string
	// Bursts are the values of cluster.burst to run at, of [Pareto] plans.
	Bursts []float64
	// AsConfigured leaves the other settings of their knobs out of [Pareto]
	// plans.
	AsConfigured bool
	// Series asks for the scores' series of each run, Course for what a page
	// shows of it besides.
	Series bool
	Course bool
}

// Task names one run.
type Task struct {
	Scenario string `json:"scenario"`
	// Burst is that of the cluster, of [Pareto] plans; else 0.
	Burst  float64 `json:"burst,omitempty"`
	Policy string  `json:"policy"`
	// Knob is the setting of the policy's knobs, empty for what the scenario
	// and the policy's defaults say.
	Knob string `json:"knob,omitempty"`
	// Free says that changes take no time: for the oracle's own curve.
	Free bool `json:"free,omitempty"`
}

// String is the task for messages.
func (t Task) String() string {
	s := "scenario " + t.Scenario + ", policy " + t.Policy
	if t.Knob != "" {
		s += " (" + t.Knob + ")"
	}
	return s
}

// Plan is what to run. The runs of a scenario (and burst) follow each other,
// the oracle first.
type Plan struct {
	Options
	oracles   *baseline.Frontier
	Tasks     []Task
	scenarios []simulator.Scenario // Of each task: they share the demand.
	policies  []simulator.Policy
	about     []About
	digest    string
}

// NewPlan makes the policies for the scenarios. The oracle is always among
// them, since costs are compared with its own.
func NewPlan(scenarios []simulator.Scenario, o Options) (*Plan, error) {
	p := &Plan{Options: o, oracles: baseline.NewFrontier()}
	bursts := o.Bursts
	if o.Mode != Pareto {
		bursts = []float64{0}
	}
	hash := sha256.New()
	for i := range scenarios {
		if err := digest(hash, &scenarios[i]); err != nil {
			return nil, fmt.Errorf("scenario %s: %w", scenarios[i].Name, err)
		}
		p.about = append(p.about, about(&scenarios[i]))
	}
	for _, sc := range scenarios {
		for _, burst := range bursts {
			if err := p.addScenario(sc, burst); err != nil {
				return nil, err
			}
		}
	}
	if err := json.NewEncoder(hash).Encode(struct {
		Options Options
		Tasks   []Task
	}{p.Options, p.Tasks}); err != nil {
		return nil, err
	}
	p.digest = hex.EncodeToString(hash.Sum(nil))
	return p, nil
}

// addScenario adds the runs of one scenario at one burst.
func (p *Plan) addScenario(sc simulator.Scenario, burst float64) error {
	if p.Mode == Pareto {
		sc.Cluster.Burst = burst
	}
	for i, point := range p.oracles.Points(sc) {
		if i == 0 || p.Mode == Pareto {
			p.put(Task{Scenario: sc.Name, Burst: burst, Policy: baseline.Oracle, Knob: point.Label, Free: point.Free},
				point.Scenario, point.Policy)
		}
	}
	for _, policy := range p.Policies {
		if err := p.addPolicy(sc, burst, policy); err != nil {
			return err
		}
	}
	return nil
}

// addPolicy adds the runs of one policy but the oracle.
func (p *Plan) addPolicy(sc simulator.Scenario, burst float64, policy string) error {
	if policy == baseline.Oracle {
		return nil
	}
	if err := p.add(sc, burst, policy, baseline.Knob{}); err != nil || p.Mode != Pareto || p.AsConfigured {
		return err
	}
	for _, k := range baseline.Knobs(policy) {
		if err := p.add(sc, burst, policy, k); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) add(sc simulator.Scenario, burst float64, policy string, k baseline.Knob) error {
	if len(k.Settings) > 0 {
		settings := maps.Clone(sc.Policies)
		if settings == nil {
			settings = map[string]simulator.Settings{}
		}
		own := simulator.Settings{}
		maps.Copy(own, settings[policy])
		maps.Copy(own, k.Settings)
		settings[policy] = own
		sc.Policies = settings
	}
	made, err := baseline.New(policy, &sc)
	if err != nil {
		return fmt.Errorf("scenario %s: %w", sc.Name, err)
	}
	p.put(Task{Scenario: sc.Name, Burst: burst, Policy: policy, Knob: k.Label}, sc, made)
	return nil
}

func (p *Plan) put(t Task, sc simulator.Scenario, policy simulator.Policy) {
	p.Tasks = append(p.Tasks, t)
	p.scenarios = append(p.scenarios, sc)
	p.policies = append(p.policies, policy)
}

// digest adds everything of a scenario to a hash.
func digest(hash interface{ Write(p []byte) (int, error) }, sc *simulator.Scenario) error {
	rest, demand := *sc, sc.Demand
	rest.Demand = simulator.Demand{}
	if err := json.NewEncoder(hash).Encode(rest); err != nil {
		return err
	}
	buffer := make([]byte, 8)
	for _, values := range [][]float64{
		{float64(demand.Epoch.UnixNano()), demand.End, demand.Copies},
		demand.Offsets, demand.Rate, demand.Memory, demand.Arrivals,
		demand.PromptTokens, demand.OutputTokens,
	} {
		for _, v := range append([]float64{float64(len(values))}, values...) {
			binary.LittleEndian.PutUint64(buffer, math.Float64bits(v))
			if _, err := hash.Write(buffer); err != nil {
				return err
			}
		}
	}
	return nil
}

// Shard is part Index of Count, from 1 on; the zero value is everything.
type Shard struct{ Index, Count int }

// String is the shard as on the command line.
func (s Shard) String() string { return fmt.Sprintf("%d/%d", max(1, s.Index), max(1, s.Count)) }

// Part lists the runs of a shard: every Count-th.
func (p *Plan) Part(s Shard) []int {
	var out []int
	for i := range p.Tasks {
		if s.Count <= 1 || i%s.Count == s.Index-1 {
			out = append(out, i)
		}
	}
	return out
}
