package judge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
)

// ShardKind is the kind of a file that holds the results of a part of a plan.
const ShardKind = "SimulationShard"

// ShardFile is a part of the results of a plan, with all that is needed to
// tell whether parts belong together and to put them together.
type ShardFile struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Shard      string    `json:"shard"`
	Mode       Mode      `json:"mode"`
	Policies   []string  `json:"policies"`
	Bursts     []float64 `json:"bursts,omitempty"`
	// Plan is a digest of the scenarios, their demand and the tasks.
	Plan  string `json:"plan"`
	Tasks []Task `json:"tasks"`
	// Scenarios are those of the plan, in order.
	Scenarios []About `json:"scenarios"`
	Runs      []Run   `json:"runs"`
}

// About is what reports say of a scenario.
type About struct {
	Name string `json:"name"`
	// Start is the scored start, Days the length of the scored span.
	Start time.Time `json:"start"`
	Days  float64   `json:"days"`
	// Unit is that of the demand.
	Unit string `json:"unit"`
	// GoalSeconds is the objective of GoalOf, 0 for none. Statistic says what
	// the courses show of it: what a share of requests does not exceed, or the
	// mean.
	GoalSeconds float64 `json:"goalSeconds"`
	GoalOf      string  `json:"goalOf"`
	Statistic   string  `json:"statistic,omitempty"`
}

func about(sc *simulator.Scenario) About {
	a := About{Name: sc.Name, Start: sc.Start(), Days: sc.Duration.Hours() / 24, Unit: "requests/s"}
	a.Statistic = "at the objective's percentile"
	switch s, o := sc.Service, sc.Objective; {
	case s.HTTP != nil:
		a.GoalOf, a.GoalSeconds = "latency", o.LatencySeconds
	case s.Queue != nil:
		a.Unit, a.GoalOf, a.GoalSeconds = "items/s", "wait and work", o.WaitSeconds
	case s.Inference != nil && o.TTFTSeconds > 0:
		a.Statistic, a.GoalOf, a.GoalSeconds = "on average", "time to first token", o.TTFTSeconds
	case s.Inference != nil:
		a.Statistic, a.GoalOf, a.GoalSeconds = "on average", "time between tokens", o.ITLSeconds
	default:
		a.Unit, a.Statistic = "cores", ""
	}
	return a
}

// days is the scored span of a scenario.
func (f ShardFile) days(scenario string) float64 {
	for _, a := range f.Scenarios {
		if a.Name == scenario {
			return a.Days
		}
	}
	return 0
}

// File is the results of a shard, or of everything, as a file.
func (p *Plan) File(s Shard, runs []Run) ShardFile {
	return ShardFile{
		APIVersion: simulator.APIVersion, Kind: ShardKind, Shard: s.String(), Mode: p.Mode, Policies: p.Policies,
		Bursts: p.Bursts, Plan: p.digest, Tasks: p.Tasks, Scenarios: p.about, Runs: runs,
	}
}

// Write writes one document on a line.
func (f ShardFile) Write(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(f)
}

// ReadShard reads what [ShardFile.Write] wrote. Name is that of the file, for
// errors.
func ReadShard(name string, r io.Reader) (ShardFile, error) {
	var f ShardFile
	decoder := json.NewDecoder(r)
	if err := decoder.Decode(&f); err != nil {
		return ShardFile{}, fmt.Errorf("%s: not a shard: %w", name, err)
	}
	if f.APIVersion != simulator.APIVersion || f.Kind != ShardKind {
		return ShardFile{}, fmt.Errorf("%s: must be a %s of %s, got kind %q of %q", name, ShardKind, simulator.APIVersion, f.Kind, f.APIVersion)
	}
	for _, r := range f.Runs {
		if r.Task < 0 || r.Task >= len(f.Tasks) {
			return ShardFile{}, fmt.Errorf("%s: runs: task %d of %d", name, r.Task, len(f.Tasks))
		}
	}
	return f, nil
}

// Merge puts the shards of one plan together. Every run must be there once.
func Merge(shards []ShardFile) (ShardFile, error) {
	if len(shards) == 0 {
		return ShardFile{}, errors.New("no shards")
	}
	all := shards[0]
	from := make([]string, len(all.Tasks))
	all.Runs = make([]Run, len(all.Tasks))
	for _, s := range shards {
		if s.Plan != all.Plan || !slices.Equal(s.Tasks, all.Tasks) {
			return ShardFile{}, fmt.Errorf("shards %s and %s are of different plans: other scenarios, traces, policies or flags",
				all.Shard, s.Shard)
		}
		for _, r := range s.Runs {
			if from[r.Task] != "" {
				return ShardFile{}, fmt.Errorf("%v: is in shards %s and %s", all.Tasks[r.Task], from[r.Task], s.Shard)
			}
			from[r.Task] = s.Shard
			all.Runs[r.Task] = r
		}
	}
	missing := 0
	first := ""
	for i, shard := range from {
		if shard == "" {
			if missing++; first == "" {
				first = all.Tasks[i].String()
			}
		}
	}
	if missing > 0 {
		return ShardFile{}, fmt.Errorf("%d of %d runs are missing, the first is %s", missing, len(from), first)
	}
	all.Shard = Shard{}.String()
	return all, nil
}

// Lists are those of a [Scores] plan.
func (f ShardFile) Lists() []simulator.ScoreList {
	o := Options{Mode: f.Mode, Policies: f.Policies}
	return o.Lists(f.Tasks, f.Runs)
}
