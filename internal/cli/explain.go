package cli

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/rightsize-dev/rightsize/internal/report"
	"github.com/rightsize-dev/rightsize/recommender"
)

type explainOptions struct {
	streams Streams
	gather  gatherFlags
	file    string
	output  string
	changed func(flag string) bool
}

func newExplainCommand(s Streams) *cobra.Command {
	o := &explainOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "explain KIND/NAME",
		Short: "Explain one decision, number by number",
		Long: `Shows what a decision rests on: the data seen, the forecast quantiles, every step
in order with the number before and after it, the money, and what would lead to
another decision.

With a kubeconfig, as in 'rightsize report --help', the RightSize of the workload
governs the decision.

The history comes from a Prometheus, or with -f from a file that 'rightsize
collect' wrote: then it is decided again offline, with the policy in the file.

KIND may be short and in any case (deploy, sts, ds, cj, job), and the namespace
may lead: NAMESPACE/KIND/NAME.`,
		Example: `  # from a Prometheus
  rightsize explain Deployment/shop --prometheus http://localhost:9090 -n web

  # with the policy and the Prometheus of the cluster that kubectl talks to
  kubectl rightsize explain deploy/shop -n web

  # from a file, offline
  rightsize explain deploy/shop -f snapshots.json

  # as data
  rightsize explain web/Deployment/shop -f snapshots.json -o json`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.changed = cmd.Flags().Changed
			return o.run(cmd.Context(), args)
		},
	}
	o.gather.bind(cmd)
	cmd.Flags().StringVarP(&o.file, "file", "f", "", `read snapshots from this file, "-" for standard input, instead of a Prometheus`)
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "text or json (the Decision)")
	return cmd
}

func (o *explainOptions) run(ctx context.Context, args []string) error {
	if o.output != "text" && o.output != "json" {
		return usageErrorf("unknown output %q: must be text or json", o.output)
	}
	var t target
	if len(args) > 0 {
		var err error
		if t, err = parseTarget(args[0]); err != nil {
			return usageErrorf("%w", err)
		}
	}
	var item report.Item
	var err error
	switch {
	case o.file != "":
		item.Snapshot, err = o.fromFile(t)
	case len(args) == 0:
		return usageErrorf("which workload? name it as KIND/NAME, for example Deployment/shop, or give a file with -f")
	default:
		item, err = o.fromPrometheus(ctx, t)
	}
	if err != nil {
		return err
	}
	var decider recommender.Recommender
	item.Decision = decider.Decide(item.Snapshot)
	if o.output == "json" {
		e := json.NewEncoder(o.streams.Out)
		e.SetIndent("", "  ")
		return e.Encode(item.Decision)
	}
	return report.Explain(o.streams.Out, item, o.streams.style(""))
}

// fromFile finds the snapshot in a file. What was set for a Prometheus has no
// meaning there, but for the namespaces, which select.
func (o *explainOptions) fromFile(t target) (recommender.Snapshot, error) {
	for _, name := range o.gather.names() {
		if name != "namespace" && o.changed(name) {
			return recommender.Snapshot{}, usageErrorf("--%s and -f cannot be used together: the snapshot says what was collected and decided on", name)
		}
	}
	name := o.file
	if name == "-" {
		name = "standard input"
	}
	all, err := o.streams.readSnapshots(o.file)
	if err != nil {
		return recommender.Snapshot{}, err
	}
	ids := make([]recommender.Workload, 0, len(all))
	for _, s := range all {
		ids = append(ids, s.Workload)
	}
	i, err := t.among(ids, o.gather.prometheus.cfg.Namespaces, name)
	if err != nil {
		return recommender.Snapshot{}, err
	}
	return all[i], nil
}

// fromPrometheus collects and builds the snapshot of the one workload.
func (o *explainOptions) fromPrometheus(ctx context.Context, t target) (report.Item, error) {
	found, err := o.gather.find(ctx, o.streams, "explain", t)
	if err != nil {
		return report.Item{}, err
	}
	g, w := found.gathering, found.workload
	return report.Item{Snapshot: g.build(found.fleet, w), Owner: g.owner(w.ID)}, nil
}
