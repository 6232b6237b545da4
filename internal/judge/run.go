package judge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// Run is what came of a task, by its place in the plan.
type Run struct {
	Task   int                    `json:"task"`
	Score  simulator.Score        `json:"score"`
	Series *simulator.ScoreSeries `json:"series,omitempty"`
	Course *Course                `json:"course,omitempty"`
	// Took is wall-clock time, which is not part of the result.
	Took time.Duration `json:"-"`
}

// Run runs tasks of the plan, as many at a time as there are workers, and
// returns the results in their order, whatever the number of workers. Progress
// is told the share of a task that is done, 0 to 1, from several goroutines.
func (p *Plan) Run(ctx context.Context, tasks []int, workers int, progress func(task int, share float64)) ([]Run, error) {
	out := make([]Run, len(tasks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, workers))
	for _, at := range p.longestFirst(tasks) {
		group.Go(func() error {
			var err error
			out[at], err = p.run(ctx, tasks[at], progress)
			return err
		})
	}
	return out, group.Wait()
}

func (p *Plan) run(ctx context.Context, task int, progress func(task int, share float64)) (Run, error) {
	if ctx.Err() != nil {
		return Run{}, context.Cause(ctx)
	}
	began := time.Now()
	policy, sc := p.policies[task], &p.scenarios[task]
	options := simulator.Options{
		Series: p.Series,
		Progress: func(share float64) bool {
			progress(task, share)
			return ctx.Err() == nil
		},
	}
	var keeper *watcher
	if p.Course {
		policy, keeper = watched(policy, sc)
		options.Watch = keeper.see
	}
	r, err := simulator.Run(*sc, policy, options)
	if errors.Is(err, simulator.ErrStopped) {
		return Run{}, context.Cause(ctx)
	}
	if err != nil {
		return Run{}, fmt.Errorf("%v: %w", p.Tasks[task], err)
	}
	progress(task, 1)
	out := Run{Task: task, Score: r.Score, Series: r.Series, Took: time.Since(began)}
	if keeper != nil {
		out.Course = keeper.finish(r)
	}
	return out, nil
}

// longestFirst orders places in tasks by how long they are likely to take, so
// that no long one is left alone at the end.
func (p *Plan) longestFirst(tasks []int) []int {
	const clairvoyant, forecasting = 8, 4 // Times as long as others.
	weight := func(at int) float64 {
		task := tasks[at]
		w := p.scenarios[task].Duration.Hours()
		switch name := p.Tasks[task].Policy; {
		case name == baseline.Oracle || name == baseline.StaticBest:
			return clairvoyant * w
		case strings.HasPrefix(name, "rightsize"):
			return forecasting * w
		}
		return w
	}
	order := make([]int, len(tasks))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(weight(b), weight(a)) })
	return order
}

// Lists puts all runs of a [Scores] plan together, a list per scenario in the
// order of the policies asked for.
func (o *Options) Lists(tasks []Task, runs []Run) []simulator.ScoreList {
	var out []simulator.ScoreList
	for first := 0; first < len(tasks); {
		end := first
		results := map[string]simulator.Result{}
		for ; end < len(tasks) && tasks[end].Scenario == tasks[first].Scenario; end++ {
			name := tasks[end].Policy
			results[name] = simulator.Result{Policy: name, Score: runs[end].Score, Series: runs[end].Series}
		}
		var ordered []simulator.Result
		for _, name := range o.Policies {
			ordered = append(ordered, results[name])
		}
		out = append(out, simulator.NewScoreList(tasks[first].Scenario, ordered, results[baseline.Oracle]))
		first = end
	}
	return out
}
