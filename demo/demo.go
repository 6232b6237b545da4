package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/internal/cli"
	"github.com/rightsize-dev/rightsize/recommender"

	"github.com/rightsize-dev/rightsize/demo/fleet"
	"github.com/rightsize-dev/rightsize/demo/server"
)

// demo is one run of the program.
type demo struct {
	fleet    fleet.Options
	report   string
	dataDir  string
	listen   string
	serve    bool
	policies string

	stdout, stderr io.Writer
	steps          *steps
}

// run does the whole show. Its temporary folder is gone when it returns.
func (d *demo) run(ctx context.Context) (err error) {
	began := time.Now()
	d.steps = newSteps(d.stderr, 5)
	work, err := os.MkdirTemp("", "rightsize-demo-")
	if err != nil {
		return fmt.Errorf("create temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	f, err := fleet.New(d.fleet)
	if err != nil {
		return err
	}
	scenario, err := writeScenario(f, work)
	if err != nil {
		return err
	}
	data := d.dataDir
	if data == "" {
		data = filepath.Join(work, "data")
	}
	if err := generate(ctx, f, data, d.steps); err != nil {
		return err
	}
	d.steps.begin("starting a Prometheus server in this process")
	srv, err := server.Start(ctx, data, d.listen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	d.steps.end("listening on %s", srv.URL())
	if err := d.show(ctx, f, srv.URL(), scenario); err != nil {
		return err
	}
	d.steps.line("done in %s", time.Since(began).Round(100*time.Millisecond))
	if d.serve {
		d.wait(ctx, f, srv.URL())
	}
	return nil
}

// show runs rightsize against the server and in the simulator.
func (d *demo) show(ctx context.Context, f *fleet.Fleet, url, scenario string) error {
	d.steps.begin("asking rightsize what it would do, five minutes before the weekly peak of %s/%s", fleet.ShopNamespace, fleet.ShopName)
	decisions, err := d.reports(ctx, f, url)
	if err != nil {
		return err
	}
	d.steps.end("the same with plots is in %s", d.report)
	d.steps.begin("comparing with tools that size by percentiles of the past")
	if err := d.compare(ctx, f, url, decisions); err != nil {
		return err
	}
	d.steps.end("compared")
	d.steps.begin("replaying %s/%s in the simulator", fleet.ShopNamespace, fleet.ShopName)
	if err := d.rightsize(ctx, d.stdout, "simulate", scenario, "--policies", d.policies); err != nil {
		return err
	}
	d.steps.end("replayed")
	return nil
}

// reports prints the dry-run report as a table, writes it as a page and
// returns the decisions of the weekly service's namespace.
func (d *demo) reports(ctx context.Context, f *fleet.Fleet, url string) ([]recommender.Decision, error) {
	args := []string{"report", "--prometheus", url, "--at", f.At().Format(time.RFC3339)}
	if err := d.rightsize(ctx, d.stdout, args...); err != nil {
		return nil, err
	}
	if err := d.rightsize(ctx, d.stdout, append(slices.Clone(args), "-o", "html", "-f", d.report)...); err != nil {
		return nil, err
	}
	var doc bytes.Buffer
	if err := d.rightsize(ctx, &doc, append(args, "-n", fleet.ShopNamespace, "-o", "json")...); err != nil {
		return nil, err
	}
	return decisionsOf(doc.Bytes())
}

// decisionsOf reads the decisions out of a report in JSON.
func decisionsOf(report []byte) ([]recommender.Decision, error) {
	var doc struct {
		Items []struct {
			Decision recommender.Decision `json:"decision"`
		} `json:"items"`
	}
	if err := json.Unmarshal(report, &doc); err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	decisions := make([]recommender.Decision, 0, len(doc.Items))
	for _, item := range doc.Items {
		decisions = append(decisions, item.Decision)
	}
	return decisions, nil
}

// rightsize runs a command line of rightsize in this process.
func (d *demo) rightsize(ctx context.Context, out io.Writer, args ...string) error {
	d.steps.line("      $ rightsize %s", strings.Join(args, " "))
	code := cli.Main(ctx, "rightsize", args, cli.Streams{In: strings.NewReader(""), Out: out, Err: d.stderr})
	if code != cli.ExitOK {
		return fmt.Errorf("rightsize %s: exit code %d", args[0], code)
	}
	return nil
}

// wait keeps the server up until the program is interrupted.
func (d *demo) wait(ctx context.Context, f *fleet.Fleet, url string) {
	at := f.At().Format(time.RFC3339)
	d.steps.line(`serving until interrupted; the history ends at %s, for example:
  rightsize explain Deployment/%s -n %s --prometheus %s --at %s
  curl -s '%s/api/v1/query?query=up&time=%s'`, at, fleet.ShopName, fleet.ShopNamespace, url, at, url, at)
	<-ctx.Done()
}
