package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

type collectOptions struct {
	streams Streams
	gather  gatherFlags
	file    string
}

func newCollectCommand(s Streams) *cobra.Command {
	o := &collectOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "collect --prometheus URL",
		Short: "Write everything decisions depend on as JSON",
		Long: `Writes one Snapshot document per line and workload: its history in numbers, the
forecasts, what runs now and the policy. A decision is a function of its
snapshot alone, so 'rightsize explain -f' decides again from the file, without
a Prometheus, and gets the same.

Snapshots hold names of clusters, namespaces, workloads and containers, and
prices; no metrics history and no credentials.`,
		Example: `  # all workloads
  rightsize collect --prometheus http://localhost:9090 -f snapshots.json

  # one namespace, a week ago, decided again offline
  rightsize collect --prometheus http://localhost:9090 -n web --at 2026-11-13T12:00:00Z -f snapshots.json
  rightsize explain Deployment/shop -f snapshots.json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.gather.bind(cmd)
	cmd.Flags().StringVarP(&o.file, "file", "f", "", "write to this file instead of standard output")
	return cmd
}

func (o *collectOptions) run(ctx context.Context) error {
	g, err := o.gather.prepare(ctx, o.streams, holdForPeople)
	if err != nil {
		return err
	}
	fleet, err := g.fleet(ctx)
	if err != nil {
		return err
	}
	lines := make([][]byte, len(fleet.Workloads))
	errs := make([]error, len(fleet.Workloads))
	err = g.each(ctx, "forecasting", len(fleet.Workloads), func(i int) {
		lines[i], errs[i] = json.Marshal(g.build(fleet, fleet.Workloads[i]))
	})
	if err != nil {
		return err
	}
	w, finish, err := o.streams.output(o.file)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	for i, line := range lines {
		if errs[i] != nil {
			return finish(fmt.Errorf("write snapshot of %s: %w", fleet.Workloads[i].ID, errs[i]))
		}
		_, _ = out.Write(append(line, '\n')) // Flush tells.
	}
	return finish(out.Flush())
}
