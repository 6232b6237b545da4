package snapshot_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// The traces on which the recommender of the Vertical Pod Autoscaler 1.8.1
// fails, replayed to it (the real one, at one sample a minute) and to decisions
// that have to last for an hour, as those of `rightsize report`, on the 5-minute
// means of CPU and maxima of memory that a Prometheus range query gives.
//
// The tables of docs/algorithms/sizing.md are what these tests log:
//
//	go test -count 1 -v -run 'TestVPATrace' ./internal/snapshot

// begin is the Monday on which the traces start.
func begin() time.Time { return time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC) }

// trace is what one pod uses at an instant, in cores and bytes.
type trace struct{ cpu, memory func(t time.Time) float64 }

func always(v float64) func(time.Time) float64 { return func(time.Time) float64 { return v } }

// fives puts each five minutes until now into one value.
func fives(now time.Time, value func(t time.Time) float64, fold func(sum, most float64) float64) forecaster.Series {
	s := forecaster.Series{Start: begin().Add(5 * time.Minute), Step: 5 * time.Minute}
	for t := begin(); !t.Add(5 * time.Minute).After(now); t = t.Add(5 * time.Minute) {
		sum, most := 0.0, 0.0
		for m := range 5 {
			v := value(t.Add(time.Duration(m) * time.Minute))
			sum, most = sum+v, max(most, v)
		}
		s.Values = append(s.Values, fold(sum, most))
	}
	return s.Tail(14*24*time.Hour - s.Step)
}

// workload is one pod with that usage.
func (tr trace) workload(now time.Time) collector.Workload {
	mean := func(sum, _ float64) float64 { return sum / 5 }
	peak := func(_, most float64) float64 { return most }
	one := fives(now, always(1), mean)
	return collector.Workload{
		ID:      recommender.Workload{Namespace: "peers", Kind: "Deployment", Name: "trace"},
		Desired: one, Ready: one, StartupSeconds: 60,
		Containers: []collector.Container{{
			Name: "app", CPU: fives(now, tr.cpu, mean), CPUMaxPod: fives(now, tr.cpu, mean), Memory: fives(now, tr.memory, peak),
		}},
	}
}

// decide is what a decision for the next hour says.
func decide(w collector.Workload, now time.Time, inPlace bool) recommender.Decision {
	var r recommender.Recommender
	return r.Decide(snapshot.Build(w, now, recommender.Policy{
		HoldSeconds: 3600, Vertical: recommender.VerticalPolicy{InPlace: inPlace},
	}))
}

// vpa feeds the trace by the minute from the one instant up to the other.
func (tr trace) vpa(v *baseline.VPASizer, from, to time.Time) {
	for t := from; t.Before(to); t = t.Add(time.Minute) {
		v.Add(t, tr.cpu(t), tr.memory(t))
	}
}

func megabytes(b recommender.Bytes) string { return fmt.Sprintf("%.0f MB", float64(b)/1e6) }

// Bursts to one core for some minutes of every hour. Up to 6 minutes VPA's
// 90th percentile does not see them, from 7 on it asks for them whole.
func TestVPATraceBursts(t *testing.T) {
	t.Parallel()
	now := begin().AddDate(0, 0, 28).Add(8*time.Hour + 30*time.Minute)
	rows := []string{"| burst each hour | VPA | rightsize |", "|---|---|---|"}
	var before recommender.MilliCPU
	for burst := 3; burst <= 12; burst++ {
		tr := trace{memory: always(3e8), cpu: func(at time.Time) float64 {
			if at.Minute() < burst {
				return 1
			}
			return 0.2
		}}
		v := baseline.NewVPASizer()
		tr.vpa(v, now.AddDate(0, 0, -8), now)
		got := decide(tr.workload(now), now, false).Containers[0].Target.CPU
		rows = append(rows, fmt.Sprintf("| %d min | %d m | %d m |", burst, v.Target().CPU, got))
		// The largest 5-minute mean of a burst of 3 minutes is 0.68 cores.
		if least := math.Min(1, 0.2+0.8*float64(burst)/5) * 1000; float64(got) < least || got > 1500 {
			t.Errorf("bursts of %d minutes: %d milli-CPU, want %.0f to 1500", burst, got, least)
		}
		if before > 0 && (float64(got) > 1.3*float64(before) || float64(got) < 0.97*float64(before)) {
			t.Errorf("bursts of %d minutes: %d milli-CPU after %d, a cliff", burst, got, before)
		}
		before = got
	}
	t.Log("\n" + strings.Join(rows, "\n"))
}

// peak is Monday 09:00 to 12:00.
func peak(t time.Time) bool { return t.Weekday() == time.Monday && t.Hour() >= 9 && t.Hour() < 12 }

// Two cores and 900 MB on Monday mornings, else 0.2 cores and 300 MB. VPA is
// small before the peak, every week, and keeps the memory of it for days.
func TestVPATraceWeeklyPeak(t *testing.T) {
	t.Parallel()
	high := func(low, high float64) func(time.Time) float64 {
		return func(t time.Time) float64 {
			if peak(t) {
				return high
			}
			return low
		}
	}
	tr := trace{cpu: high(0.2, 2), memory: high(3e8, 9e8)}
	monday := begin().AddDate(0, 0, 28)
	v, fed := baseline.NewVPASizer(), monday.AddDate(0, 0, -28)
	rows := []string{"| week 5 | used by the next decision | VPA | rightsize | rightsize, sizes in place |", "|---|---|---|---|---|"}
	for hour := 5; hour <= 33; hour++ {
		now := monday.Add(time.Duration(hour) * time.Hour)
		tr.vpa(v, fed, now)
		fed = now
		w := tr.workload(now)
		most := recommender.Resources{}
		for m := range 60 {
			at := now.Add(time.Duration(m) * time.Minute)
			most.CPU = max(most.CPU, recommender.FromCores(tr.cpu(at)))
			most.Memory = max(most.Memory, recommender.FromBytes(tr.memory(at)))
		}
		steady, inPlace := decide(w, now, false).Containers[0].Target, decide(w, now, true).Containers[0].Target
		for name, got := range map[string]recommender.Resources{"steady": steady, "in place": inPlace} {
			if got.CPU < most.CPU || got.Memory < most.Memory {
				t.Errorf("%s, %s: %v, and the next hour uses %v", now.Format("Mon 15:04"), name, got, most)
			}
		}
		if hour < 6 || hour > 13 {
			if inPlace.CPU > 400 || inPlace.Memory > 4e8 || steady.CPU > 400 {
				t.Errorf("%s: %v in place, %v else, want to be small", now.Format("Mon 15:04"), inPlace, steady)
			}
		}
		if steady.Memory > 12e8 || inPlace.Memory > 12e8 {
			t.Errorf("%s: %v and %v, want at most 1200 MB", now.Format("Mon 15:04"), steady, inPlace)
		}
		text := func(r recommender.Resources) string { return fmt.Sprintf("%d m, %s", r.CPU, megabytes(r.Memory)) }
		if hour >= 6 && hour <= 14 || hour == 33 {
			rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s | %s |", now.Format("Mon 15:04"), text(most), text(v.Target()), text(steady), text(inPlace)))
		}
	}
	t.Log("\n" + strings.Join(rows, "\n"))
}

// A steady 300 MB, and one kill at a limit of 500 MB that no sample has seen.
func TestVPATraceOneOOM(t *testing.T) {
	t.Parallel()
	tr := trace{cpu: always(0.2), memory: always(3e8)}
	killed := begin().AddDate(0, 0, 20)
	v, fed := baseline.NewVPASizer(), begin()
	rows := []string{"| days after the kill | VPA | rightsize |", "|---|---|---|"}
	var tail [2]float64 // In MB-days above what was asked for before.
	for day := -1; day <= 9; day++ {
		now := killed.AddDate(0, 0, day).Add(time.Hour)
		if day == 0 {
			tr.vpa(v, fed, killed)
			v.OOMKill(killed, 500e6)
			fed = killed
		}
		tr.vpa(v, fed, now)
		fed = now
		w := tr.workload(now)
		if day >= 0 {
			c := &w.Containers[0]
			c.OOMKills, c.FirstOOMKill, c.LastOOMKill, c.OOMLimit = 1, killed, killed, 500e6
		}
		d := decide(w, now, false)
		got := d.Containers[0].Target.Memory
		rows = append(rows, fmt.Sprintf("| %d | %s | %s |", day, megabytes(v.Target().Memory), megabytes(got)))
		explained := false
		for _, r := range d.Reasons {
			explained = explained || r.Code == recommender.ReasonOOMKilled && strings.Contains(r.Message, "until 2026-02-25 00:00")
		}
		bound := day >= 0 && day < 3
		if bound && (got < 6e8 || got > 6.2e8 || !explained) || !bound && (got < 3e8 || got > 3.5e8 || explained) {
			t.Errorf("day %d: %s, explained %t", day, megabytes(got), explained)
		}
		tail[0] += max(0, float64(v.Target().Memory)/1e6-351)
		tail[1] += max(0, float64(got)/1e6-315)
	}
	if tail[1] >= tail[0] {
		t.Errorf("the tail costs %.0f MB-days, that of VPA %.0f", tail[1], tail[0])
	}
	rows = append(rows, fmt.Sprintf("| in all, above the days before | %.0f MB-days | %.0f MB-days |", tail[0], tail[1]))
	t.Log("\n" + strings.Join(rows, "\n"))
}
