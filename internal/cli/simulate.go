package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rightsize-dev/rightsize/internal/judge"
	"github.com/rightsize-dev/rightsize/internal/report/scores"
	"github.com/rightsize-dev/rightsize/internal/scenario"
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// simulateOptions are the flags of the simulate command.
type simulateOptions struct {
	resultOptions
	files    []string
	policies []string
	seed     int64
	timings  bool
	pareto   bool
	asIs     bool
	bursts   []float64
	workers  int
	shard    string
}

// resultOptions are those of what is written about a simulation.
type resultOptions struct {
	streams Streams
	output  string
	file    string
	budgets string
	series  bool
}

// simulateFormats are what -o can be.
func simulateFormats() []string { return []string{"table", "json", "html", "junit", "markdown"} }

func newSimulateCommand(s Streams) *cobra.Command {
	o := &simulateOptions{resultOptions: resultOptions{streams: s}}
	cmd := &cobra.Command{
		Use:   "simulate SCENARIO.yaml...",
		Short: "Replay demand against autoscaling policies and score them",
		Long: `simulate replays the demand of each scenario, request by request, against
autoscaling policies and prints what each would have cost and how well it would
have served. The same scenario and seed give the same result, byte for byte.

Policies: ` + strings.Join(baseline.Names(), ", ") + `.
Further ones, which run if --policies names them: ` + strings.Join(baseline.AllNames()[len(baseline.Names()):], ", ") + `.
The oracle knows the demand; it always runs, since every cost is compared with
its own, and is listed if asked for. docs/simulator.md describes scenario files,
what is simulated, and what each score means.

With --pareto each policy runs at all settings of its own safety knobs, at each
of --bursts, and what is printed is what it costs at equal violations, over the
oracle and over its frontier: oracles that accept more violations.

With --shard i/n only every n-th run is done and written as JSON, for
"simulate merge" to put together: docs/ci.md has a Kubernetes Job that does it.

Exit codes: 0 ok, 1 it failed, 2 wrong usage, 3 a budget of --budgets was
exceeded.`,
		Example: `  # score the usual policies on a scenario
  rightsize simulate scenario.yaml

  # one JSON document per scenario, with the course minute by minute
  rightsize simulate scenarios/*.yaml --policies hpa,rightsize -o json --series

  # gate a change in CI
  rightsize simulate scenarios/*.yaml --budgets budgets.yaml -o junit -f junit.xml

  # what each policy costs at equal violations, on a page
  rightsize simulate scenarios/*.yaml --pareto -o html -f pareto.html`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.files = args
			shard, err := o.check(cmd)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), shard)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.policies, "policies", baseline.Names(), "the policies to score, in this order")
	o.addFlags(cmd)
	f.Int64Var(&o.seed, "seed", 0, "use this seed instead of the scenario's")
	f.BoolVar(&o.timings, "timings", false, "say on stderr how long each run took")
	f.BoolVar(&o.pareto, "pareto", false, "run each policy at all settings of its safety knobs")
	f.BoolVar(&o.asIs, "as-configured", false, "with --pareto: run each policy only as it is configured, beside the oracle's curve")
	f.Float64SliceVar(&o.bursts, "bursts", []float64{0, 0.5, 1}, "the values of cluster.burst to run at with --pareto")
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "how many runs to do at a time; the result does not depend on it")
	f.StringVar(&o.shard, "shard", "", "do only part i of n, as i/n, and write it for simulate merge")
	o.setFlags(cmd)
	cmd.AddCommand(newMergeCommand(s))
	return cmd
}

// addFlags adds those of what is written.
func (o *resultOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "table", strings.Join(simulateFormats(), ", "))
	f.StringVarP(&o.file, "file", "f", "", "write the result to this file instead of stdout")
	f.StringVar(&o.budgets, "budgets", "", "a YAML list of {scenario, policy, metric, max|min, of?} to check")
	f.BoolVar(&o.series, "series", false, "add the course of each run to the JSON, minute by minute")
}

// setFlags makes the seed tell whether it was given.
func (o *simulateOptions) setFlags(cmd *cobra.Command) {
	cmd.PreRun = func(cmd *cobra.Command, _ []string) {
		if !cmd.Flags().Changed("seed") {
			o.seed = -1
		}
	}
}

// check looks at the flags alone, and returns the shard.
func (o *simulateOptions) check(cmd *cobra.Command) (judge.Shard, error) {
	path := cmd.CommandPath()
	if err := o.checkFormat(cmd); err != nil {
		return judge.Shard{}, err
	}
	if len(o.policies) == 0 {
		return judge.Shard{}, usageErrorf("%s: --policies is empty", path)
	}
	for i, name := range o.policies {
		if !slices.Contains(baseline.AllNames(), name) {
			return judge.Shard{}, usageErrorf("%s: unknown policy %q (known: %s)", path, name, strings.Join(baseline.AllNames(), ", "))
		}
		if slices.Contains(o.policies[:i], name) {
			return judge.Shard{}, usageErrorf("%s: policy %s is named twice", path, name)
		}
	}
	switch {
	case cmd.Flags().Changed("seed") && o.seed < 0:
		return judge.Shard{}, usageErrorf("%s: --seed %d is negative", path, o.seed)
	case o.workers < 1:
		return judge.Shard{}, usageErrorf("%s: --workers must be at least 1, got %d", path, o.workers)
	case cmd.Flags().Changed("bursts") && !o.pareto:
		return judge.Shard{}, usageErrorf("%s: --bursts needs --pareto", path)
	case o.asIs && !o.pareto:
		return judge.Shard{}, usageErrorf("%s: --as-configured needs --pareto", path)
	case o.pareto && (o.budgets != "" || o.series):
		return judge.Shard{}, usageErrorf("%s: --pareto goes with neither --budgets nor --series", path)
	case o.pareto && len(o.bursts) == 0:
		return judge.Shard{}, usageErrorf("%s: --bursts is empty", path)
	}
	for i, burst := range o.bursts {
		if !(burst >= 0 && burst <= 1000) || slices.Contains(o.bursts[:i], burst) {
			return judge.Shard{}, usageErrorf("%s: --bursts must be different numbers from 0 to 1000, got %v", path, o.bursts)
		}
	}
	return o.checkShard(cmd)
}

// checkShard reads --shard, with which what is written is a shard.
func (o *simulateOptions) checkShard(cmd *cobra.Command) (judge.Shard, error) {
	if !cmd.Flags().Changed("shard") {
		return judge.Shard{}, nil
	}
	path := cmd.CommandPath()
	first, second, ok := strings.Cut(o.shard, "/")
	i, err1 := strconv.Atoi(first)
	n, err2 := strconv.Atoi(second)
	if !ok || err1 != nil || err2 != nil || i < 1 || i > n {
		return judge.Shard{}, usageErrorf("%s: --shard must be i/n with i from 1 to n, got %q", path, o.shard)
	}
	if o.budgets != "" || cmd.Flags().Changed("output") && o.output != "json" {
		return judge.Shard{}, usageErrorf("%s: --shard writes JSON: give --output and --budgets to simulate merge", path)
	}
	return judge.Shard{Index: i, Count: n}, nil
}

// checkFormat looks at --output.
func (o *resultOptions) checkFormat(cmd *cobra.Command) error {
	path := cmd.CommandPath()
	if !slices.Contains(simulateFormats(), o.output) {
		return usageErrorf("%s: --output %q is not one of %s", path, o.output, strings.Join(simulateFormats(), ", "))
	}
	if o.output == "junit" && o.budgets == "" {
		return usageErrorf("%s: --output junit needs --budgets, each of which is a test case", path)
	}
	return nil
}

func (o *simulateOptions) run(ctx context.Context, shard judge.Shard) error {
	budgets, err := o.readBudgets(o.policies)
	if err != nil {
		return err
	}
	plan, err := o.plan(shard)
	if err != nil {
		return err
	}
	tasks := plan.Part(shard)
	meter := newRunMeter(o.streams, len(tasks))
	runs, err := plan.Run(ctx, tasks, o.workers, meter.set)
	meter.finish()
	if err != nil {
		return err
	}
	o.sayTimings(plan, runs)
	result := plan.File(shard, runs)
	if shard != (judge.Shard{}) {
		w, finish, err := o.streams.output(o.file)
		if err != nil {
			return err
		}
		return finish(result.Write(w))
	}
	return o.conclude(result, budgets)
}

// plan reads the scenarios and makes their policies, so that mistakes show
// before anything runs. A shard holds the course of its runs, whatever is made
// of it when it is merged.
func (o *simulateOptions) plan(shard judge.Shard) (*judge.Plan, error) {
	var scenarios []simulator.Scenario
	seen := map[string]string{}
	for _, path := range o.files {
		sc, err := scenario.Load(path)
		if err != nil {
			return nil, err
		}
		if other, ok := seen[sc.Name]; ok {
			return nil, fmt.Errorf("%s: metadata.name: %q is the name of %s, too", path, sc.Name, other)
		}
		seen[sc.Name] = path
		if o.seed >= 0 {
			sc.Seed = uint64(o.seed)
		}
		if err := baseline.CheckSettings(&sc); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		scenarios = append(scenarios, sc)
	}
	page := o.output == "html" || shard != (judge.Shard{})
	options := judge.Options{Mode: judge.Scores, Policies: o.policies, Series: o.series || page, Course: page}
	if o.pareto {
		options = judge.Options{Mode: judge.Pareto, Policies: o.policies, Bursts: o.bursts, AsConfigured: o.asIs}
	}
	return judge.NewPlan(scenarios, options)
}

// readBudgets reads the budgets, of which each policy has to be run.
func (o *resultOptions) readBudgets(policies []string) ([]scores.Budget, error) {
	if o.budgets == "" {
		return nil, nil
	}
	budgets, err := scenario.LoadBudgets(o.budgets)
	if err != nil {
		return nil, err
	}
	for i, b := range budgets {
		for _, name := range []string{b.Policy, b.Of} {
			if name != "" && !slices.Contains(policies, name) {
				return nil, usageErrorf("%s: [%d]: policy %q is not among --policies (%s)", o.budgets, i, name, strings.Join(policies, ", "))
			}
		}
	}
	return budgets, nil
}

// conclude writes what all runs amount to.
func (o *resultOptions) conclude(result judge.ShardFile, budgets []scores.Budget) error {
	w, finish, err := o.streams.output(o.file)
	if err != nil {
		return err
	}
	if result.Mode == judge.Pareto {
		return finish(o.writePareto(w, judge.NewParetoReport(result)))
	}
	lists := result.Lists()
	checks := scores.CheckBudgets(budgets, lists)
	if err := finish(o.write(w, result, lists, checks)); err != nil {
		return err
	}
	return o.verdict(checks)
}

// write writes scores in the format asked for.
func (o *resultOptions) write(w io.Writer, result judge.ShardFile, lists []simulator.ScoreList, checks []scores.Check) error {
	switch o.output {
	case "json":
		if !o.series {
			for _, l := range lists {
				for i := range l.Items {
					l.Items[i].Series = nil
				}
			}
		}
		return scores.JSON(w, lists)
	case "html":
		return scores.HTML(w, result, lists)
	case "junit":
		return scores.JUnit(w, checks)
	case "markdown":
		return scores.Markdown(w, lists)
	default:
		return scores.Table(w, lists, o.streams.style(o.file).Width)
	}
}

// writePareto writes a comparison in the format asked for.
func (o *resultOptions) writePareto(w io.Writer, r judge.ParetoReport) error {
	switch o.output {
	case "json":
		return scores.ParetoJSON(w, r)
	case "html":
		return scores.ParetoHTML(w, r)
	case "markdown":
		return scores.ParetoMarkdown(w, r)
	default:
		return scores.ParetoTable(w, r, o.streams.style(o.file).Width)
	}
}

// verdict says on stderr which budgets were exceeded.
func (o *resultOptions) verdict(checks []scores.Check) error {
	for _, c := range checks {
		switch {
		case c.Skipped:
			_, _ = fmt.Fprintf(o.streams.Err, "budget skipped: %s: the scenario was not run\n", c.Budget.Scenario)
		case c.Problem != "":
			_, _ = fmt.Fprintf(o.streams.Err, "budget exceeded: %s: %v: %s\n", c.Budget.Scenario, c.Budget, c.Problem)
		}
	}
	if n := scores.Exceeded(checks); n > 0 {
		return &codeError{code: ExitBudget, err: fmt.Errorf("%d of %d budgets exceeded", n, len(checks))}
	}
	return nil
}
