// Package library makes the demand of the scenarios in simulator/testdata/
// scenarios. All of it is generated, from seeds that stand here: nothing of it
// was measured anywhere. Each scenario file says what it is there for.
package library

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
)

//go:generate go run ./write ../../../simulator/testdata/scenarios

// Files are the series by file name, the same bytes every time.
func Files() map[string][]byte {
	files := basics()
	for name, rows := range map[string]func(t *table){
		"weekly-peak.csv":  weeklyPeak,
		"cliff.csv":        cliff,
		"death-spiral.csv": deathSpiral,
		"oom-tail.csv":     oomTail,
		"flapping.csv":     flapping,
		"bursty.csv":       bursty,
		"growth.csv":       growth,
		"deferred.csv":     deferred,
		"night.csv":        night,
		"gpu.csv":          gpu,
	} {
		t := newTable(name)
		rows(t)
		files[name] = t.out.Bytes()
	}
	return files
}

// table is a series under way.
type table struct {
	out bytes.Buffer
	rng *rand.Rand
}

// newTable makes one whose random numbers depend on its name alone.
func newTable(name string) *table {
	seed := uint64(0)
	for _, b := range []byte(name) {
		seed = seed*131 + uint64(b)
	}
	return &table{rng: rand.New(rand.NewPCG(2026, seed))}
}

// row writes one line.
func (t *table) row(format string, args ...any) { fmt.Fprintf(&t.out, format+"\n", args...) }

// noise is a factor of 1, give or take the share.
func (t *table) noise(share float64) float64 { return 1 + share*(2*t.rng.Float64()-1) }

const (
	minutesADay  = 24 * 60
	minutesAWeek = 7 * minutesADay
	// monday is 2026-01-05T00:00:00Z.
	monday = 1767571200
)

// daily rises from 0 at midnight to 1 at noon.
func daily(minute int) float64 { return 0.5 - 0.5*math.Cos(2*math.Pi*float64(minute)/minutesADay) }

// weeklyPeak is quiet but on Monday mornings, for four weeks.
func weeklyPeak(t *table) {
	t.row("timestamp_s,cpu_cores,memory_mib")
	const step = 30
	for m := 0; m < 4*minutesAWeek; m += step {
		cpu, memory := 0.2, 300.0
		if in := m % minutesAWeek; in >= 9*60 && in < 12*60 {
			cpu, memory = 2, 900
		}
		t.row("%d,%.3f,%.0f", monday+60*m, cpu*t.noise(0.1), memory*t.noise(0.02))
	}
}

// cliff bursts for seven minutes of every hour, for five days.
func cliff(t *table) {
	t.row("timestamp_s,cpu_cores")
	const burst = 7
	for m := range 5 * minutesADay {
		if m%60 < burst {
			t.row("%d,1", 60*m)
		} else {
			t.row("%d,0.2", 60*m)
		}
	}
}

// deathSpiral is a daily rhythm, eight days long.
func deathSpiral(t *table) {
	t.row("timestamp_s,requests_per_s")
	const step = 10
	for m := 0; m < 8*minutesADay; m += step {
		t.row("%d,%.2f", monday+60*m, (40+80*daily(m))*t.noise(0.1))
	}
}

// oomTail is steady memory with ten minutes above the limit, once.
func oomTail(t *table) {
	t.row("timestamp_s,cpu_cores,memory_mib")
	for hour := range 9 * 24 {
		t.row("%d,%.3f,%.0f", monday+3600*hour, 0.2*t.noise(0.1), 600*t.noise(0.02))
		if hour == 3*24+10 {
			t.row("%d,0.200,1100", monday+3600*hour+600)
			t.row("%d,0.200,600", monday+3600*hour+1200)
		}
	}
}

// flapping swings by a third every quarter of an hour.
func flapping(t *table) {
	t.row("timestamp_s,requests_per_s")
	for m := range minutesADay + 12*60 {
		if m%3 != 0 {
			continue
		}
		rate := 60.0
		if m/15%2 == 0 {
			rate = 80
		}
		t.row("%d,%.1f", monday+60*m, rate*t.noise(0.05))
	}
}

// bursty switches between calm and bursts at random: calm for half an hour in
// the mean, bursts of five minutes in the mean at up to eight times of it.
func bursty(t *table) {
	t.row("timestamp_s,requests_per_min")
	const calm, burst = 30.0, 5.0
	left, high := 10, 1.0
	for m := range 2 * minutesADay {
		if left == 0 {
			mean := calm
			if high = 1; t.rng.Float64() < 0.6 {
				high, mean = 2+6*t.rng.Float64(), burst
			}
			left = 1 + int(t.rng.ExpFloat64()*mean)
		}
		left--
		t.row("%d,%.0f", monday+60*m, 600*high*(0.7+0.6*daily(m))*t.noise(0.1))
	}
}

// growth doubles in ten days and leaves what there was in its history behind.
func growth(t *table) {
	t.row("timestamp_s,requests_per_min")
	const step, days = 10, 10
	for m := 0; m < days*minutesADay; m += step {
		grown := math.Pow(2, float64(m)/(days*minutesADay))
		if m >= 8*minutesADay {
			grown *= 1.5 // A campaign.
		}
		t.row("%d,%.0f", monday+60*m, 1200*grown*(0.4+1.2*daily(m))*t.noise(0.08))
	}
}

// deferred grows in steps on nodes that are nearly full.
func deferred(t *table) {
	t.row("timestamp_s,cpu_cores,memory_mib")
	const step = 5
	for m := 0; m < minutesADay+8*60; m += step {
		cpu, memory := 2.0, 2000.0
		if m >= minutesADay {
			cpu, memory = 2+1.5*float64((m-minutesADay)/120), 2000+700*float64((m-minutesADay)/120)
		}
		t.row("%d,%.3f,%.0f", monday+60*m, cpu*t.noise(0.05), memory*t.noise(0.01))
	}
}

// night is next to nothing but for two hours of work a day.
func night(t *table) {
	t.row("timestamp_s,requests_per_min")
	const step = 10
	for m := 0; m < 4*minutesADay; m += step {
		rate := 30 * t.noise(0.3)
		if in := m % minutesADay; in >= 2*60 && in < 4*60 {
			rate = 6000 * t.noise(0.1)
		}
		t.row("%d,%.0f", monday+60*m, rate)
	}
}

// gpu is three days of work on pictures: office hours, a pause at noon, and one
// burst a day as an album is handed in.
func gpu(t *table) {
	t.row("timestamp_s,requests_per_s")
	const step = 5
	for m := 0; m < 3*minutesADay; m += step {
		rate := 3.0
		if in := m % minutesADay; in >= 8*60 && in < 18*60 {
			rate = 12 + 16*daily(2*(in-3*60)+minutesADay/2) // Peaks at nine and at three.
		}
		if in := m % minutesADay; in >= 20*60 && in < 20*60+15 {
			rate += 25
		}
		t.row("%d,%.2f", monday+60*m, rate*t.noise(0.12))
	}
}
