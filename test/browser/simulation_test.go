package browser_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/rightsize-dev/rightsize/internal/judge"
	"github.com/rightsize-dev/rightsize/internal/report/scores"
	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// simulated is what two hours of a web service with a surge came to.
func simulated(t *testing.T, o judge.Options) judge.ShardFile {
	t.Helper()
	sc := simulator.Scenario{
		Name: "shop", Seed: 1, Warmup: 10 * time.Minute, Step: 15 * time.Second, Duration: 2 * time.Hour,
		Service: simulator.Service{HTTP: &simulator.HTTPService{
			CPUSecondsPerRequest: 0.02, CPUCV: 1, BaseCPU: 50, BaseMemory: 100 * recommender.MiB, ConcurrencyPerPod: 50, Startup: 30 * time.Second,
		}},
		Objective: simulator.Objective{LatencySeconds: 0.3, Percentile: 0.95},
		Initial:   simulator.Initial{Replicas: 2, Requests: recommender.Resources{CPU: 1000, Memory: 256 * recommender.MiB}},
		Bounds: simulator.Bounds{
			MinReplicas: 1, MaxReplicas: 20, MinAllowed: recommender.Resources{CPU: 100, Memory: 64 * recommender.MiB},
			MaxAllowed: recommender.Resources{CPU: 4000, Memory: 4 * recommender.GiB},
		},
		Cluster: simulator.Cluster{Nodes: 5, Node: recommender.Resources{CPU: 8000, Memory: 32 * recommender.GiB}},
		Prices:  recommender.Prices{CPUCoreHour: 0.031, MemoryGiBHour: 0.004},
	}
	sc.Demand = simulator.Demand{Epoch: time.Unix(1767571200, 0).UTC(), End: 130 * 60}
	for i := range 130 {
		rate := 30 + 10*math.Sin(float64(i)/15)
		if i >= 60 && i < 80 {
			rate *= 5
		}
		sc.Demand.Offsets = append(sc.Demand.Offsets, 60*float64(i))
		sc.Demand.Rate = append(sc.Demand.Rate, rate)
	}
	p, err := judge.NewPlan([]simulator.Scenario{sc}, o)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := p.Run(t.Context(), p.Part(judge.Shard{}), 2, func(int, float64) {})
	if err != nil {
		t.Fatal(err)
	}
	return p.File(judge.Shard{}, runs)
}

func simulationPage(t *testing.T) []byte {
	t.Helper()
	f := simulated(t, judge.Options{Mode: judge.Scores, Policies: []string{"static", "hpa", "rightsize"}, Series: true, Course: true})
	return render(t, func(b *bytes.Buffer) error { return scores.HTML(b, f, f.Lists()) })
}

// drawn waits until the charts of the page are there and returns how many
// pixels of each are drawn.
func drawn(t *testing.T, tb *tab) []int {
	t.Helper()
	tb.do(t, chromedp.WaitVisible(chromedp.CSS(".course[data-drawn] .plot canvas")))
	return eval[[]int](t, tb, `Array.from(document.querySelectorAll('.plot canvas'), (c) => {
		const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
		let n = 0;
		for (let i = 3; i < d.length; i += 4) if (d[i]) n++;
		return n;
	})`)
}

// point moves the mouse to a share of a chart's width.
func point(t *testing.T, tb *tab, chart int, share float64) {
	t.Helper()
	eval[bool](t, tb, fmt.Sprintf(`(() => {
		const o = document.querySelectorAll('.plot .u-over')[%d], r = o.getBoundingClientRect();
		for (const type of ['mouseenter', 'mousemove']) o.dispatchEvent(new MouseEvent(type, {
			bubbles: true, clientX: r.left + r.width * %v, clientY: r.top + r.height / 2, view: window }));
		return true;
	})()`, chart, share))
	time.Sleep(100 * time.Millisecond)
}

func TestSimulationShowsCourses(t *testing.T) {
	t.Parallel()
	tb := open(t, simulationPage(t))
	charts := drawn(t, tb)
	if len(charts) != 7 { // Demand, replicas, size, CPU, memory, latency, violations.
		t.Errorf("%d charts, want 7", len(charts))
	}
	for i, n := range charts {
		if n < 1500 {
			t.Errorf("chart %d has %d pixels drawn", i, n)
		}
	}
	point(t, tb, 1, 0.6)
	text := eval[string](t, tb, `document.querySelector('.readout').innerText`)
	for _, want := range []string{"demand", "requests/s", "static", "hpa", "rightsize", "replicas", "→", "ForecastQuantile: "} {
		if !strings.Contains(text, want) {
			t.Errorf("the readout does not say %q: %s", want, text)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "undefined") {
		t.Errorf("the readout says %s", text)
	}
	tb.quiet(t)
}

func TestSimulationZoomsAllChartsTogether(t *testing.T) {
	t.Parallel()
	tb := open(t, simulationPage(t))
	drawn(t, tb)
	const hidden = `document.querySelector('.reset').hidden`
	if !eval[bool](t, tb, hidden) {
		t.Error("the whole span is offered while it is shown")
	}
	before := eval[string](t, tb, `document.querySelectorAll('.plot canvas')[5].toDataURL()`)
	eval[bool](t, tb, `(() => { // Drag over the middle of the second chart.
		const o = document.querySelectorAll('.plot .u-over')[1], r = o.getBoundingClientRect();
		const send = (to, type, x) => to.dispatchEvent(new MouseEvent(type, { bubbles: true, button: 0, clientX: r.left + r.width * x, clientY: r.top + 20, view: window,
			movementX: 5, movementY: 0 }));
		send(o, 'mouseenter', 0.3); send(o, 'mousemove', 0.3); send(o, 'mousedown', 0.3); send(o, 'mousemove', 0.6); send(document, 'mousemove', 0.6); send(document, 'mouseup', 0.6);
		return true;
	})()`)
	time.Sleep(300 * time.Millisecond)
	if eval[bool](t, tb, hidden) {
		t.Error("a drag does not zoom")
	}
	if eval[string](t, tb, `document.querySelectorAll('.plot canvas')[5].toDataURL()`) == before {
		t.Error("another chart does not follow the zoom")
	}
	tb.do(t, chromedp.Click(chromedp.CSS(".reset")))
	time.Sleep(300 * time.Millisecond)
	if !eval[bool](t, tb, hidden) {
		t.Error("the whole span is not back")
	}
	tb.quiet(t)
}

func TestSimulationPolicyChipsAndLog(t *testing.T) {
	t.Parallel()
	tb := open(t, simulationPage(t))
	drawn(t, tb)
	const sizes = `document.querySelectorAll('.plot canvas')[2].toDataURL()`
	before := eval[string](t, tb, sizes)
	tb.do(t, chromedp.Click(chromedp.CSS(".chips button:nth-child(3)")))
	time.Sleep(200 * time.Millisecond)
	if eval[string](t, tb, sizes) == before {
		t.Error("hiding a policy changes nothing")
	}
	if got := eval[string](t, tb, `document.querySelector('.chips button:nth-child(3)').getAttribute('aria-pressed')`); got != "false" {
		t.Errorf("aria-pressed is %q", got)
	}
	tb.do(t, chromedp.Click(chromedp.CSS(".log summary")))
	time.Sleep(200 * time.Millisecond)
	rows := eval[[]string](t, tb, `Array.from(document.querySelectorAll('.log tbody tr'), (r) => r.innerText)`)
	if len(rows) == 0 || !strings.Contains(rows[0], "ForecastQuantile") {
		t.Errorf("the log of rightsize: %q", rows)
	}
	tb.quiet(t)
}

func TestParetoPage(t *testing.T) {
	t.Parallel()
	f := simulated(t, judge.Options{Mode: judge.Pareto, Policies: []string{"hpa", "keda"}, Bursts: []float64{0}})
	tb := open(t, render(t, func(b *bytes.Buffer) error { return scores.ParetoHTML(b, judge.NewParetoReport(f)) }))
	if n := eval[int](t, tb, `document.querySelectorAll('svg.scatter circle title').length`); n < 2*(18+8) {
		t.Errorf("%d points, want those of 19 settings of hpa and 9 of keda twice", n)
	}
	if n := eval[int](t, tb, `Array.from(document.querySelectorAll('svg.scatter circle')).filter((c) => !isFinite(c.cx.baseVal.value) || c.cx.baseVal.value < 0).length`); n > 0 {
		t.Errorf("%d points are off the plot", n)
	}
	tb.quiet(t)
}
