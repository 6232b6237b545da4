// Memorypolicies compares rules for memory requests on recorded machines: each
// day at the hour of the first sample a request is made from what was before,
// and held against the day that follows. Then rightsize with and without
// resizes in place: each fifth hour a request for the hour that follows. It
// prints two Markdown tables.
//
//	go run ./hack/memorypolicies FOLDER
package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/scenario"
	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

const (
	day = 24 * time.Hour
	// history is what rightsize sees, warmup what comes before the first
	// request, window what simple rules look back.
	history = 14 * day
	warmup  = 8
	window  = 8
	// least is the smallest request of any rule, in bytes.
	least = 32 << 20
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "memorypolicies:", err)
		os.Exit(1)
	}
}

// machine is the memory of one machine in bytes.
type machine struct {
	memory forecaster.Series
	perDay int
}

func (m machine) days() int { return m.memory.Len() / m.perDay }

// of is one day's values, past what came before it.
func (m machine) of(d int) []float64 { return m.memory.Values[d*m.perDay : (d+1)*m.perDay] }

func (m machine) past(d int) forecaster.Series {
	return forecaster.Series{Start: m.memory.Start, Step: m.memory.Step, Values: m.memory.Values[:d*m.perDay]}
}

// policy makes the requests of a machine, one for each day from the warm-up on.
type policy struct {
	name     string
	requests func(m machine) []float64
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("give the folder with the series")
	}
	machines, err := read(args[0])
	if err != nil {
		return err
	}
	fmt.Printf("%d machines, %d days each after %d days of warm-up.\n\n", len(machines), machines[0].days()-warmup, warmup)
	fmt.Println("| rule | days with an excess | mean slack |")
	fmt.Println("|---|---|---|")
	for _, p := range policies() {
		var s score
		for _, m := range machines {
			for i, r := range p.requests(m) {
				s.add(m.of(warmup+i), max(r, least))
			}
		}
		fmt.Printf("| %s | %.2f %% | %.2f %% |\n", p.name, 100*s.excess/s.days, 100*s.slack/s.days)
	}
	return runHours(machines)
}

// runHours compares what an accepted season makes of memory with the window
// maximum, from the third week on.
func runHours(machines []machine) error {
	var always, inPlace score
	accepted := 0
	for _, m := range machines {
		perHour := m.perDay / 24
		for at := 14 * m.perDay; at+perHour <= m.memory.Len(); at += 5 * perHour {
			past := forecaster.Series{Start: m.memory.Start, Step: m.memory.Step, Values: m.memory.Values[:at]}
			next := m.memory.Values[at : at+perHour]
			s := snapshot(past, 0.05, time.Hour)
			stays := target(s)
			s.Policy.Vertical.InPlace = true
			moves := target(s)
			if moves < stays {
				accepted++
			}
			always.add(next, max(stays, least))
			inPlace.add(next, max(moves, least))
		}
	}
	fmt.Printf("\n%.0f hours of the third week and later, each with a decision at its beginning; in %.1f %% of them a season lowered it.\n\n",
		always.days, 100*float64(accepted)/always.days)
	fmt.Println("| rightsize, risk 0.05 | hours with an excess | mean slack |")
	fmt.Println("|---|---|---|")
	fmt.Printf("| the window maximum always | %.2f %% | %.2f %% |\n", 100*always.excess/always.days, 100*always.slack/always.days)
	fmt.Printf("| its season where one is accepted, sizes in place | %.2f %% | %.2f %% |\n", 100*inPlace.excess/inPlace.days, 100*inPlace.slack/inPlace.days)
	return nil
}

func read(folder string) ([]machine, error) {
	files, err := filepath.Glob(filepath.Join(folder, "cpu_bitbrains_*.csv.gz"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(err, fmt.Errorf("no series of machines in %q", folder))
	}
	var out []machine
	for _, f := range files {
		table, err := scenario.ReadTable(f)
		if err != nil {
			return nil, err
		}
		s, err := table.SeriesAtLeast("mem_usage_kib", time.Minute)
		if err != nil {
			return nil, err
		}
		for i := range s.Values {
			s.Values[i] *= 1024
		}
		out = append(out, machine{memory: s, perDay: int(day / s.Step)})
	}
	return out, nil
}

// score adds up days or hours: whether usage exceeded the request at any time, and the
// share of it that was not used on average.
type score struct{ days, excess, slack float64 }

func (s *score) add(values []float64, request float64) {
	unused, known, over := 0.0, 0.0, false
	for _, v := range values {
		if !math.IsNaN(v) {
			unused += max(0, 1-v/request)
			known++
			over = over || v > request
		}
	}
	if known == 0 {
		return
	}
	s.days++
	s.slack += unused / known
	if over {
		s.excess++
	}
}

func policies() []policy {
	out := []policy{{name: "VPA: decayed P90 of daily peaks x 1.15, the real recommender", requests: vpa}}
	for _, margin := range []float64{1.05, 1.1, 1.15, 1.2, 1.3} {
		out = append(out, policy{name: fmt.Sprintf("8-day max x %.2f", margin), requests: func(m machine) []float64 {
			return each(m, func(d int) float64 { return m.past(d).Tail(window*day-m.memory.Step).Peak() * margin })
		}})
	}
	for _, risk := range []float64{0.1, 0.05, 0.03, 0.02} {
		out = append(out, policy{name: fmt.Sprintf("rightsize, risk %.2f", risk), requests: func(m machine) []float64 {
			return each(m, func(d int) float64 { return rightsize(m.past(d), risk) })
		}})
	}
	return out
}

func each(m machine, request func(day int) float64) []float64 {
	var out []float64
	for d := warmup; d < m.days(); d++ {
		out = append(out, request(d))
	}
	return out
}

// vpa asks upstream's recommender at the beginning of each day.
func vpa(m machine) []float64 {
	sizer, fed := baseline.NewVPASizer(), 0
	return each(m, func(d int) float64 {
		for ; fed < d*m.perDay; fed++ {
			sizer.Add(m.memory.Time(fed), 0.1, m.memory.Values[fed])
		}
		return float64(sizer.Target().Memory)
	})
}

// rightsize asks for a decision that has to last for a day.
func rightsize(past forecaster.Series, risk float64) float64 {
	return target(snapshot(past, risk, day))
}

// snapshot is of one pod whose sizes need a restart, before a decision that has
// to last for so long.
func snapshot(past forecaster.Series, risk float64, hold time.Duration) recommender.Snapshot {
	s := recommender.Snapshot{
		Now:      past.End(),
		Workload: recommender.Workload{Namespace: "traces", Kind: "StatefulSet", Name: "machine"},
		Policy: recommender.Policy{
			Risk: risk, HoldSeconds: hold.Seconds(), Horizontal: recommender.HorizontalPolicy{Fixed: true},
		},
		Replicas: recommender.Replicas{Desired: 1, Ready: 1},
	}
	memory := recommender.SummarizeMemory(past.Tail(history-past.Step), s.Now, recommender.Horizons(s, past.Step))
	s.Containers = []recommender.Container{{Name: "machine", CPU: recommender.Usage{Samples: 1}, Memory: memory}}
	return s
}

// target is the request in bytes, 0 where nothing is known.
func target(s recommender.Snapshot) float64 {
	if s.Containers[0].Memory.Samples == 0 {
		return 0
	}
	var r recommender.Recommender
	return float64(r.Decide(s).Containers[0].Target.Memory)
}
