// Command demo shows rightsize on a fleet that needs nothing but this program:
// it generates two weeks of history, serves them from a real Prometheus inside
// the process, runs `rightsize report` against it and replays the weekly
// service in the simulator.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rightsize-dev/rightsize/demo/block"
	"github.com/rightsize-dev/rightsize/demo/fleet"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

// newCommand declares the program's flags.
func newCommand() *cobra.Command {
	d := demo{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Shows rightsize on a generated fleet and an embedded Prometheus",
		Example: `  # the whole show
  go run .

  # keep the server up for queries of your own
  go run . --serve --listen 127.0.0.1:9090`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.stdout, d.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return d.run(cmd.Context())
		},
	}
	fleetFlags(cmd, &d.fleet)
	f := cmd.Flags()
	f.StringVar(&d.report, "out", "report.html", "file for the HTML `report`")
	f.StringVar(&d.dataDir, "data-dir", "", "empty or new `folder` for the Prometheus data, which is kept; by default a temporary one")
	f.StringVar(&d.listen, "listen", "127.0.0.1:0", "`address` of the embedded Prometheus; port 0 is any free one")
	f.BoolVar(&d.serve, "serve", false, "keep the server up until interrupted")
	f.StringVar(&d.policies, "policies", "static,hpa,hpa+vpa,rightsize,oracle", "what the replay compares")
	cmd.AddCommand(newGenerateCommand())
	return cmd
}

// fleetFlags declares the flags that say which fleet to generate.
func fleetFlags(cmd *cobra.Command, o *fleet.Options) {
	f := cmd.Flags()
	f.Uint64Var(&o.Seed, "seed", fleet.DefaultSeed, "seed of the fleet's noise, names and accidents")
	f.DurationVar(&o.History, "history", 0, "length of the history (default 360h; with --workloads 36h)")
}

// newGenerateCommand writes only the data folder.
func newGenerateCommand() *cobra.Command {
	var o fleet.Options
	var dir string
	cmd := &cobra.Command{
		Use:   "generate --data-dir DIR",
		Short: "Writes the history into a data folder for a Prometheus server",
		Example: `  # the fleet of the demo, for a server of your own
  go run . generate --data-dir data
  prometheus --config.file=/dev/null --storage.tsdb.path=data --storage.tsdb.retention.time=10y

  # 2000 small workloads, to see how much work they are
  go run . generate --data-dir data --workloads 2000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return errors.New("--data-dir is missing: name an empty or new folder")
			}
			f, err := fleet.New(o)
			if err != nil {
				return err
			}
			return generate(cmd.Context(), f, dir, newSteps(cmd.ErrOrStderr(), 1))
		},
	}
	fleetFlags(cmd, &o)
	f := cmd.Flags()
	f.StringVar(&dir, "data-dir", "", "empty or new `folder` for the Prometheus data")
	f.IntVar(&o.Workloads, "workloads", 0, "generate this many small workloads instead of the different ones of the demo")
	f.DurationVar(&o.Interval, "interval", 0, "distance between scrapes (default 1m; with --workloads 2m)")
	return cmd
}

// generate writes the fleet's history and says what was written.
func generate(ctx context.Context, f *fleet.Fleet, dir string, s *steps) error {
	s.begin("generating %s of history for %d workloads", spell(f.At().Sub(f.Start())), f.Workloads())
	stats, err := block.Write(ctx, f, dir, s.progress)
	if err != nil {
		return err
	}
	s.end("%.1f million samples in %d series, %.0f MB, up to %s",
		float64(stats.Samples)/1e6, stats.Series, float64(stats.Bytes)/1e6, f.At().Format("Monday 2006-01-02 15:04 MST"))
	return nil
}

// spell writes a duration in days where it is whole days, else in hours.
func spell(d time.Duration) string {
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return fmt.Sprintf("%.4g hours", d.Hours())
}
