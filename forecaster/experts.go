package forecaster

import (
	"fmt"
	"slices"
	"strings"
)

// A point forecast says what the target will be, given a context. The experts
// are built on these; each stands in one of the files expert_*.go.
type point struct {
	name string
	at   func(*context) float64
	// season says which rhythm it follows.
	season rhythm
	// light is set for those of the light mode.
	light bool
}

// rhythm is what a point forecast takes its pattern from.
type rhythm int

const (
	seasonNone rhythm = iota
	seasonDay
	seasonWeek
	seasonCycle
)

// points returns the point forecasts, the level first: others are regressed as
// differences from it; last one for each covariate.
func points(o Options) []point {
	all := slices.DeleteFunc(allPoints(), func(p point) bool { return o.Light && !p.light || !o.has(p.name) })
	for i := range o.Covariates {
		all = append(all, point{name: fmt.Sprintf("covariate-%d", i+1), at: byPlan(i), light: true})
	}
	return append(make([]point, 0, len(all)), all...)
}

func allPoints() []point {
	return []point{
		{name: "level", at: byLevel, light: true},
		{name: "last", at: byLast, light: true},
		{name: "lag1", at: byLag1},
		{name: "lag2", at: byLag2},
		{name: "20m", at: byTwentyMinutes},
		{name: "1h", at: byHour, light: true},
		{name: "4h", at: byFourHours},
		{name: "1d", at: byDay},
		{name: "trend", at: byTrend},
		{name: "drift", at: byDrift},
		{name: "shift", at: byShift},
		{name: "intermittent", at: byRare},
		{name: "recent-peak", at: byRecentPeak, light: true},
		{name: "cycle", season: seasonCycle, at: byCycle},
		{name: "cycle-moved", season: seasonCycle, at: byCycleMoved},
		{name: "cycle-usual", season: seasonCycle, at: byCycleUsual},
		{name: "yesterday", season: seasonDay, at: byYesterday},
		{name: "yesterday-moved", season: seasonDay, at: byYesterdayMoved, light: true},
		{name: "yesterday-drift", season: seasonDay, at: byYesterdayDrift},
		{name: "daily-fast", season: seasonDay, at: byDailyFast},
		{name: "daily-slow", season: seasonDay, at: byDailySlow, light: true},
		{name: "daily-sharp", season: seasonDay, at: byDailySharp},
		{name: "daily-ratio", season: seasonDay, at: byDailyRatio},
		{name: "alike", season: seasonDay, at: byAlike},
		{name: "alike-moved", season: seasonDay, at: byAlikeMoved},
		{name: "holt-winters", season: seasonDay, at: byHoltWinters},
		{name: "last-week", season: seasonWeek, at: byLastWeek},
		{name: "weekly-fast", season: seasonWeek, at: byWeeklyFast},
		{name: "weekly-slow", season: seasonWeek, at: byWeeklySlow},
	}
}

// Parts of the forecast that are no point forecasts, by the names that
// [Options.Without] knows.
const (
	partRidge     = "ridge"     // The regression of values.
	partRidgeLog  = "ridge-log" // The regression of logarithms.
	partStack     = "stack"     // The weighted mean of the point forecasts.
	partPlain     = "plain"     // The distribution of targets as such.
	partWeights   = "weights"   // Weights by level: without, experts count the same.
	partCondition = "condition" // Errors of situations like the present count more.
	partEcho      = "echo"      // Errors at the same time of day or week count more.
	partCalibrate = "calibration"
)

// Parts returns the names of everything that [Options.Without] can leave out:
// first the point forecasts, which [Options.Only] knows too, then the rest.
func Parts() (points, rest []string) {
	for _, p := range allPoints() {
		points = append(points, p.name)
	}
	return append(points, partRidge, partRidgeLog),
		[]string{partStack, partPlain, partWeights, partCondition, partEcho, partCalibrate}
}

// CheckParts returns an error if the options name a part that does not exist,
// or leave out the level, which all others start from.
func (o Options) CheckParts() error {
	points, rest := Parts()
	for _, name := range o.Without {
		if name == points[0] {
			return fmt.Errorf("forecaster: %s cannot be left out", name)
		}
		if !slices.Contains(points, name) && !slices.Contains(rest, name) {
			return fmt.Errorf("forecaster: no part is called %q; there are %s", name, strings.Join(append(points[1:], rest...), ", "))
		}
	}
	if o.Only != "" && !slices.Contains(points, o.Only) {
		return fmt.Errorf("forecaster: no point forecast is called %q; there are %s", o.Only, strings.Join(points, ", "))
	}
	return nil
}

// has says whether a part is in use.
func (o Options) has(part string) bool { return !slices.Contains(o.Without, part) }
