package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rightsize-dev/rightsize/internal/report"
)

type reportOptions struct {
	streams Streams
	gather  gatherFlags
	output  string
	file    string
	sort    string
}

func newReportCommand(s Streams) *cobra.Command {
	o := &reportOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "report --prometheus URL",
		Short: "Show what rightsize would do, without doing it",
		Long: `Reads the history of every workload from a Prometheus, forecasts its demand and
decides what size it should have. Nothing but the Prometheus is needed, and
nothing is ever written to a cluster.

With --kubeconfig or --context, and always as 'kubectl rightsize', the cluster is
read as well: RightSize objects govern the workloads they name, and where the
chart is installed, its settings and its Prometheus are used, which is reached
through the API server.

Sizes for people (table, json, csv, markdown, html) have to last an hour, those
for a repository (kustomize, helm-values) a week, unless --hold or the config
file say otherwise. Monthly amounts take the decision for 730 hours.

Exit codes: 0 ok, 1 it failed or found no workload, 2 wrong usage.`,
		Example: `  # the whole cluster, as a table
  rightsize report --prometheus http://localhost:9090

  # what saves the most first, two namespaces, with your prices
  rightsize report --prometheus http://localhost:9090 -n web,shop --sort savings --config prices.yaml

  # a page with charts and reasons that needs no network
  rightsize report --prometheus http://localhost:9090 -o html -f report.html

  # patches for a repository
  rightsize report --prometheus http://localhost:9090 -n web -o kustomize -f rightsize-patches.yaml

  # with the policies and the Prometheus of the cluster that kubectl talks to
  kubectl rightsize report -n web

  # what would change with RightSizes that are not applied yet?
  rightsize report --prometheus http://localhost:9090 -n web --rightsize manifests/

  # what would it have said on Monday morning?
  rightsize report --prometheus http://localhost:9090 --at 2026-11-16T08:00:00Z`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.gather.bind(cmd)
	cmd.Flags().StringVarP(&o.output, "output", "o", string(report.FormatTable), "table, json, csv, markdown, html, kustomize or helm-values")
	cmd.Flags().StringVarP(&o.file, "file", "f", "", "write to this file instead of standard output")
	cmd.Flags().StringVar(&o.sort, "sort", string(report.SortName), "order of the workloads: name, or savings (most first)")
	return cmd
}

func (o *reportOptions) run(ctx context.Context) error {
	format, err := report.ParseFormat(o.output)
	if err != nil {
		return usageErrorf("%w", err)
	}
	order := report.Sort(o.sort)
	if order != report.SortName && order != report.SortSavings {
		return usageErrorf("unknown --sort %q: must be name or savings", o.sort)
	}
	if format == report.FormatHTML && o.toTerminal() {
		return usageErrorf("-o html is not for a terminal: name a file with -f report.html")
	}
	hold := holdForPeople
	if format.ForGit() {
		hold = holdForGit
	}
	g, err := o.gather.prepare(ctx, o.streams, hold)
	if err != nil {
		return err
	}
	r, err := g.report(ctx, format == report.FormatHTML)
	if err != nil {
		return err
	}
	w, finish, err := o.streams.output(o.file)
	if err != nil {
		return err
	}
	if err := finish(report.Write(w, format, r.Sorted(order), o.streams.style(o.file))); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func (o *reportOptions) toTerminal() bool {
	return (o.file == "" || o.file == "-") && isTerminal(o.streams.Out)
}

// style is how text is drawn to a file or, without one, to Out.
func (s Streams) style(file string) report.Style {
	out, ok := s.Out.(*os.File)
	if !ok || (file != "" && file != "-") || !isTerminal(out) {
		return report.Style{}
	}
	style := report.Style{Colour: true}
	if width, _, err := term.GetSize(int(out.Fd())); err == nil {
		style.Width = width
	}
	return style
}
