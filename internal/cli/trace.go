package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rightsize-dev/rightsize/internal/record"
	"github.com/rightsize-dev/rightsize/internal/scenario"
)

// recordOptions are the flags of the trace record command.
type recordOptions struct {
	streams    Streams
	gather     gatherFlags
	file       string
	service    string
	latency    time.Duration
	percentile float64
	warmup     promDuration
	force      bool
}

func newTraceCommand(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "Make traces for the simulator",
		Args:  usageArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRecordCommand(s))
	return cmd
}

func newRecordCommand(s Streams) *cobra.Command {
	o := &recordOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "record KIND/NAME",
		Short: "Write a workload's history as a scenario to replay",
		Long: `record reads the history of one workload from a Prometheus and writes it as a
scenario with its trace, two files that "rightsize simulate" replays.

With --service usage, CPU and memory are replayed as they were measured. With
--service http the requests are, at the CPU that each took in the history; that
needs a request rate that explains the CPU. What a Prometheus does not know
(bounds, nodes, prices) is assumed and stands in the scenario to be changed.

Exit codes: 0 ok, 1 it failed, 2 wrong usage.`,
		Example: `  # shop.yaml and shop.csv of the last two weeks, at one point a minute
  rightsize trace record Deployment/shop -n web --prometheus http://localhost:9090 --history 14d --step 1m

  # as requests, with an objective
  rightsize trace record deploy/shop -n web --prometheus http://localhost:9090 --service http --latency 300ms -f ci/shop.yaml

  rightsize simulate shop.yaml`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := parseTarget(args[0])
			if err != nil {
				return usageErrorf("%w", err)
			}
			if err := o.check(); err != nil {
				return err
			}
			return o.run(cmd.Context(), t)
		},
	}
	f := cmd.Flags()
	o.gather.bind(cmd)
	f.StringVarP(&o.file, "file", "f", "", "write the scenario to this file and the trace beside it (default NAME.yaml)")
	f.StringVar(&o.service, "service", string(record.Usage), "usage or http")
	f.DurationVar(&o.latency, "latency", 500*time.Millisecond, "the latency objective of an http service")
	f.Float64Var(&o.percentile, "percentile", 0.95, "the share of requests that the objective is of")
	f.Var(&o.warmup, "warmup", "how much of the history comes before the scored span (default half of it, at most 7d)")
	f.BoolVar(&o.force, "force", false, "replace files that are there")
	return cmd
}

func (o *recordOptions) check() error {
	switch {
	case o.service != string(record.Usage) && o.service != string(record.HTTP):
		return usageErrorf("--service must be usage or http, got %q", o.service)
	case o.latency <= 0:
		return usageErrorf("--latency must be > 0, got %v", o.latency)
	case !(o.percentile > 0 && o.percentile < 1):
		return usageErrorf("--percentile must be between 0 and 1, got %v", o.percentile)
	case o.file != "" && !strings.HasSuffix(o.file, ".yaml") && !strings.HasSuffix(o.file, ".yml"):
		return usageErrorf("--file must end in .yaml, got %q", o.file)
	}
	return nil
}

func (o *recordOptions) run(ctx context.Context, t target) error {
	found, err := o.gather.find(ctx, o.streams, "record", t)
	if err != nil {
		return err
	}
	path := o.file
	if path == "" {
		path = fileName(found.workload.ID.Name) + ".yaml"
	}
	base := strings.TrimSuffix(path, filepath.Ext(path))
	files, err := record.Workload(found.workload, record.Options{
		Name: fileName(filepath.Base(base)), Trace: filepath.Base(base) + ".csv", Service: record.Service(o.service),
		Latency: o.latency, Percentile: o.percentile, Warmup: time.Duration(o.warmup), Prices: found.gathering.settings.Prices,
	})
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{base + ".csv": files.Trace, path: files.Scenario} {
		if err := o.write(name, data); err != nil {
			return err
		}
	}
	if _, err := scenario.Load(path); err != nil {
		return fmt.Errorf("what was recorded cannot be replayed: %w", err)
	}
	_, err = fmt.Fprintf(o.streams.Out, "%s\n%s\n", path, base+".csv")
	return err
}

// write writes a file that is not there yet.
func (o *recordOptions) write(name string, data []byte) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if o.force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(name, flags, 0o600) //nolint:gosec // The user's own path.
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already: use --force to replace it, or --file for another", name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// fileName is a name without what does not belong into a file's.
func fileName(name string) string {
	name = strings.Trim(regexp.MustCompile(`[^A-Za-z0-9._-]+`).ReplaceAllString(name, "-"), "-.")
	if name == "" {
		return "workload"
	}
	return name
}
