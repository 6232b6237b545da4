package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"

	"github.com/rightsize-dev/rightsize/demo/fleet"
)

// Of the hour after the report, what was needed is the largest mean over five
// minutes.
const (
	needSpan   = time.Hour
	needWindow = 5 * time.Minute
)

// answer is what one tool says the weekly service should get.
type answer struct {
	name     string
	replicas int
	pod      size
}

// need is what the weekly service really came to use.
type need struct {
	// cpu is in cores over all pods, memory in bytes of a pod when there are
	// as many as there were.
	cpu      float64
	memory   float64
	replicas int
}

// compare prints what the others and rightsize ask for before the weekly peak,
// beside what the peak then took.
func (d *demo) compare(ctx context.Context, f *fleet.Fleet, url string, decisions []recommender.Decision) error {
	truth, err := f.Truth(fleet.ShopNamespace, fleet.ShopName)
	if err != nil {
		return err
	}
	until := f.At().Add(needSpan)
	n := need{
		cpu:      fleet.Peak(truth.CPU, f.At(), until, needWindow),
		memory:   fleet.Peak(truth.Memory, f.At(), until, needWindow),
		replicas: truth.Replicas,
	}
	r, err := newRivals(url, f.At())
	if err != nil {
		return err
	}
	krr, err := r.krr(ctx)
	if err != nil {
		return err
	}
	vpa, err := r.vpa(ctx)
	if err != nil {
		return err
	}
	ours, current, err := shopAnswers(decisions)
	if err != nil {
		return err
	}
	answers := []answer{
		current,
		{name: "p95 of 14 days (KRR)", replicas: current.replicas, pod: krr},
		{name: "decayed p90 + 15 % (VPA)", replicas: current.replicas, pod: vpa},
		ours,
	}
	return printAnswers(d.stdout, f.At(), n, answers)
}

// shopAnswers finds what rightsize says about the weekly service, and what the
// service requests now.
func shopAnswers(decisions []recommender.Decision) (ours, current answer, err error) {
	for _, d := range decisions {
		if d.Workload.Namespace != fleet.ShopNamespace || d.Workload.Name != fleet.ShopName || len(d.Containers) == 0 {
			continue
		}
		c := d.Containers[0]
		ours = answer{name: "rightsize", replicas: d.DesiredReplicas, pod: size{cpu: c.Target.CPU.Cores(), memory: float64(c.Target.Memory)}}
		current = answer{name: "requested now", replicas: d.CurrentReplicas, pod: size{cpu: c.Requests.CPU.Cores(), memory: float64(c.Requests.Memory)}}
		return ours, current, nil
	}
	return ours, current, fmt.Errorf("the report has no %s/%s", fleet.ShopNamespace, fleet.ShopName)
}

// memoryAt is what a pod needs when the work is spread over n pods: the part
// beyond its base follows its share of the work.
func (n need) memoryAt(replicas int) float64 {
	if replicas == 0 {
		return n.memory
	}
	return fleet.ShopBaseMemory + (n.memory-fleet.ShopBaseMemory)*float64(n.replicas)/float64(replicas)
}

// printAnswers prints one row per tool and the truth below.
func printAnswers(out io.Writer, at time.Time, n need, answers []answer) error {
	const mb = 1e6
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) } // Flush reports what went wrong.
	p("\nWho was right about %s/%s? Asked at %s; its peak begins at 09:00.\n\n", fleet.ShopNamespace, fleet.ShopName, at.Format("Monday 15:04"))
	p("SIZED BY\tPODS\tCPU/POD\tMEMORY/POD\tALL PODS\tCPU COVERED\tMEMORY COVERED\n")
	for _, a := range answers {
		total := a.pod.cpu * float64(a.replicas)
		p("%s\t%d\t%.0fm\t%.0f MB\t%.2f cores\t%.0f %%\t%.0f %%\n", a.name, a.replicas, 1000*a.pod.cpu, a.pod.memory/mb,
			total, 100*total/n.cpu, 100*a.pod.memory/n.memoryAt(a.replicas))
	}
	p("needed %s-%s\t%d\t%.0fm\t%.0f MB\t%.2f cores\t100 %%\t100 %%\n", at.Format("15:04"), at.Add(needSpan).Format("15:04"),
		n.replicas, 1000*n.cpu/float64(n.replicas), n.memory/mb, n.cpu)
	p("\n")
	return w.Flush()
}
