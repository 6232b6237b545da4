package forecaster

import "fmt"

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
func points(light bool, covariates int) []point {
	all := []point{
		{name: "level", at: byLevel, light: true},
		{name: "last", at: byLast, light: true},
		{name: "lag 1", at: byLag1},
		{name: "lag 2", at: byLag2},
		{name: "20 min", at: byTwentyMinutes},
		{name: "1 h", at: byHour, light: true},
		{name: "4 h", at: byFourHours},
		{name: "1 day", at: byDay},
		{name: "trend", at: byTrend},
		{name: "drift", at: byDrift},
		{name: "since shift", at: byShift},
		{name: "intermittent", at: byRare},
		{name: "recent peak", at: byRecentPeak, light: true},
		{name: "cycle", season: seasonCycle, at: byCycle},
		{name: "cycle, moved", season: seasonCycle, at: byCycleMoved},
		{name: "cycle, usual", season: seasonCycle, at: byCycleUsual},
		{name: "yesterday", season: seasonDay, at: byYesterday},
		{name: "yesterday, moved", season: seasonDay, at: byYesterdayMoved, light: true},
		{name: "yesterday, drift", season: seasonDay, at: byYesterdayDrift},
		{name: "daily, fast", season: seasonDay, at: byDailyFast},
		{name: "daily, slow", season: seasonDay, at: byDailySlow, light: true},
		{name: "daily, sharp", season: seasonDay, at: byDailySharp},
		{name: "daily, ratio", season: seasonDay, at: byDailyRatio},
		{name: "last week", season: seasonWeek, at: byLastWeek},
		{name: "weekly, fast", season: seasonWeek, at: byWeeklyFast},
		{name: "weekly, slow", season: seasonWeek, at: byWeeklySlow},
	}
	for i := range covariates {
		all = append(all, point{name: fmt.Sprintf("covariate %d", i+1), at: byPlan(i), light: true})
	}
	if !light {
		return all
	}
	var out []point
	for _, p := range all {
		if p.light {
			out = append(out, p)
		}
	}
	return out
}
