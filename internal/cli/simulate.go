package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/rightsize-dev/rightsize/internal/report/scores"
	"github.com/rightsize-dev/rightsize/internal/scenario"
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// simulateOptions are the flags of the simulate command.
type simulateOptions struct {
	streams  Streams
	files    []string
	policies []string
	output   string
	file     string
	budgets  string
	seed     int64
	series   bool
	timings  bool
}

// simulateFormats are what -o can be.
func simulateFormats() []string { return []string{"table", "json", "html", "junit", "markdown"} }

func newSimulateCommand(s Streams) *cobra.Command {
	o := &simulateOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "simulate SCENARIO.yaml...",
		Short: "Replay demand against autoscaling policies and score them",
		Long: `simulate replays the demand of each scenario, request by request, against
autoscaling policies and prints what each would have cost and how well it would
have served. The same scenario and seed give the same result, byte for byte.

Policies: ` + strings.Join(baseline.AllNames(), ", ") + `.
The last ones run only if --policies names them. The oracle knows the demand; it
always runs, since every cost is compared with its own, and is listed if asked
for. docs/simulator.md describes scenario files, what is simulated, and what
each score means.

Exit codes: 0 ok, 1 it failed, 2 wrong usage, 3 a budget of --budgets was
exceeded.`,
		Example: `  # score the usual policies on a scenario
  rightsize simulate scenario.yaml

  # one JSON document per scenario, with the course minute by minute
  rightsize simulate scenarios/*.yaml --policies hpa,rightsize -o json --series

  # gate a change in CI
  rightsize simulate scenarios/*.yaml --budgets budgets.yaml -o junit -f junit.xml`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.files = args
			if err := o.check(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.policies, "policies", baseline.Names(), "the policies to score, in this order")
	f.StringVarP(&o.output, "output", "o", "table", strings.Join(simulateFormats(), ", "))
	f.StringVarP(&o.file, "file", "f", "", "write the result to this file instead of stdout")
	f.StringVar(&o.budgets, "budgets", "", "a YAML list of {scenario, policy, metric, max|min, of?} to check")
	f.Int64Var(&o.seed, "seed", 0, "use this seed instead of the scenario's")
	f.BoolVar(&o.series, "series", false, "add the course of each run to the JSON, minute by minute")
	f.BoolVar(&o.timings, "timings", false, "say on stderr how long each run took")
	o.setFlags(cmd)
	return cmd
}

// setFlags makes the seed tell whether it was given.
func (o *simulateOptions) setFlags(cmd *cobra.Command) {
	cmd.PreRun = func(cmd *cobra.Command, _ []string) {
		if !cmd.Flags().Changed("seed") {
			o.seed = -1
		}
	}
}

func (o *simulateOptions) check(cmd *cobra.Command) error {
	path := cmd.CommandPath()
	if !slices.Contains(simulateFormats(), o.output) {
		return usageErrorf("%s: --output %q is not one of %s", path, o.output, strings.Join(simulateFormats(), ", "))
	}
	if len(o.policies) == 0 {
		return usageErrorf("%s: --policies is empty", path)
	}
	for i, name := range o.policies {
		if !slices.Contains(baseline.AllNames(), name) {
			return usageErrorf("%s: unknown policy %q (known: %s)", path, name, strings.Join(baseline.AllNames(), ", "))
		}
		if slices.Contains(o.policies[:i], name) {
			return usageErrorf("%s: policy %s is named twice", path, name)
		}
	}
	if cmd.Flags().Changed("seed") && o.seed < 0 {
		return usageErrorf("%s: --seed %d is negative", path, o.seed)
	}
	if o.output == "junit" && o.budgets == "" {
		return usageErrorf("%s: --output junit needs --budgets, each of which is a test case", path)
	}
	return nil
}

func (o *simulateOptions) run(ctx context.Context) error {
	budgets, err := o.readBudgets()
	if err != nil {
		return err
	}
	jobs, err := o.load()
	if err != nil {
		return err
	}
	if err := o.simulate(ctx, jobs); err != nil {
		return err
	}
	lists := make([]simulator.ScoreList, len(jobs))
	for i, j := range jobs {
		lists[i] = j.list(o.policies)
	}
	checks := scores.CheckBudgets(budgets, lists)
	w, finish, err := o.streams.output(o.file)
	if err != nil {
		return err
	}
	if err := finish(o.write(w, lists, checks)); err != nil {
		return err
	}
	return o.verdict(checks)
}

// readBudgets reads the budgets, of which each policy has to be run.
func (o *simulateOptions) readBudgets() ([]scores.Budget, error) {
	if o.budgets == "" {
		return nil, nil
	}
	budgets, err := scenario.LoadBudgets(o.budgets)
	if err != nil {
		return nil, err
	}
	for i, b := range budgets {
		for _, name := range []string{b.Policy, b.Of} {
			if name != "" && !slices.Contains(o.policies, name) {
				return nil, usageErrorf("%s: [%d]: policy %q is not among --policies (%s)", o.budgets, i, name, strings.Join(o.policies, ", "))
			}
		}
	}
	return budgets, nil
}

// simulation is one scenario with the results of its policies.
type simulation struct {
	scenario simulator.Scenario
	policies []simulator.Policy // The oracle first, which takes the longest.
	results  []simulator.Result
	took     []time.Duration
}

// load reads the scenarios and makes their policies, so that mistakes show
// before anything runs.
func (o *simulateOptions) load() ([]*simulation, error) {
	var out []*simulation
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
		j := &simulation{scenario: sc}
		if err := baseline.CheckSettings(&j.scenario); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, name := range append([]string{baseline.Oracle}, o.policies...) {
			if name == baseline.Oracle && len(j.policies) > 0 {
				continue
			}
			p, err := baseline.New(name, &j.scenario)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			j.policies = append(j.policies, p)
		}
		j.results = make([]simulator.Result, len(j.policies))
		j.took = make([]time.Duration, len(j.policies))
		out = append(out, j)
	}
	return out, nil
}

// list puts the results in the order asked for.
func (j *simulation) list(order []string) simulator.ScoreList {
	var results []simulator.Result
	for _, name := range order {
		i := slices.IndexFunc(j.results, func(r simulator.Result) bool { return r.Policy == name })
		results = append(results, j.results[i])
	}
	return simulator.NewScoreList(j.scenario.Name, results, j.results[0])
}

// simulate runs every policy on every scenario, as many at a time as there are
// processors.
func (o *simulateOptions) simulate(ctx context.Context, jobs []*simulation) error {
	meter := newRunMeter(o.streams, jobs)
	defer meter.finish()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	run := 0
	for _, j := range jobs {
		for i := range j.policies {
			at := run
			run++
			group.Go(func() error {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				began := time.Now()
				r, err := simulator.Run(j.scenario, j.policies[i], simulator.Options{
					Series: o.series || o.output == "html",
					Progress: func(share float64) bool {
						meter.set(at, share)
						return ctx.Err() == nil
					},
				})
				if errors.Is(err, simulator.ErrStopped) {
					return context.Cause(ctx)
				}
				if err != nil {
					return fmt.Errorf("scenario %s, policy %s: %w", j.scenario.Name, j.policies[i].Name, err)
				}
				j.results[i], j.took[i] = r, time.Since(began)
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	o.sayTimings(jobs)
	return nil
}

// sayTimings writes how long runs took. The oracle's time holds the making of
// its plan.
func (o *simulateOptions) sayTimings(jobs []*simulation) {
	if !o.timings {
		return
	}
	for _, j := range jobs {
		for i, p := range j.policies {
			line := fmt.Sprintf("%s %s: %v", j.scenario.Name, p.Name, j.took[i].Round(10*time.Millisecond))
			if served := j.results[i].Score.ServedRequests; served != nil && *served > 0 {
				line += fmt.Sprintf(", %d ns per request", j.took[i].Nanoseconds()/int64(*served)) //nolint:gosec // Counts fit.
			}
			_, _ = fmt.Fprintln(o.streams.Err, line)
		}
	}
}

// runMeter adds up the progress of parallel runs.
type runMeter struct {
	mu     sync.Mutex
	shares []float64
	bar    *progress
}

// runParts is how many parts a run has on the progress bar.
const runParts = 100

func newRunMeter(s Streams, jobs []*simulation) *runMeter {
	n := 0
	for _, j := range jobs {
		n += len(j.policies)
	}
	return &runMeter{shares: make([]float64, n), bar: s.startProgress("simulate", n*runParts)}
}

func (m *runMeter) set(run int, share float64) {
	m.mu.Lock()
	before := int(m.shares[run] * runParts)
	m.shares[run] = max(m.shares[run], share)
	after := int(m.shares[run] * runParts)
	m.mu.Unlock()
	if after > before {
		m.bar.add(after - before)
	}
}

func (m *runMeter) finish() { m.bar.finish() }

// write writes the result in the format asked for.
func (o *simulateOptions) write(w io.Writer, lists []simulator.ScoreList, checks []scores.Check) error {
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
		return scores.HTML(w, lists)
	case "junit":
		return scores.JUnit(w, checks)
	case "markdown":
		return scores.Markdown(w, lists)
	default:
		return scores.Table(w, lists, o.streams.style(o.file).Width)
	}
}

// verdict says on stderr which budgets were exceeded.
func (o *simulateOptions) verdict(checks []scores.Check) error {
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
