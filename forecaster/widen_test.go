package forecaster

import (
	"math"
	"testing"
)

// What changes from one horizon to the next beside steady growth.
func TestChange(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		values     []float64
		first, lag int
		want       float64
	}{
		"nothing":             {nil, 0, 1, 0},
		"too few":             {[]float64{1, 9, 3}, 1, 2, 0},
		"constant":            {[]float64{4, 4, 4, 4}, 0, 1, 0},
		"growth":              {[]float64{1, 3, 5, 7, 9}, 0, 2, 0},
		"to and fro":          {[]float64{0, 2, 0, 2, 0}, 0, 1, 2},
		"to and fro, by two":  {[]float64{0, 2, 0, 2, 0}, 0, 2, 0},
		"a step, once in two": {[]float64{100, 0, 0, 6}, 1, 1, 3}, // Changes of 0 and 6, 3 from their mean.
	} {
		if got := change(tc.values, tc.first, tc.lag); math.Abs(got-tc.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// The outer quantiles of a day's maximum move towards what days usually do: narrow ones
// out, wide ones in; an hour ahead nothing moves.
func TestOutward(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		maximum         bool
		hours, usual    float64
		level, q, wants float64 // The centre is 10.
	}{
		"an hour":             {true, 1, 5, 0.99, 11, 11},
		"no change":           {true, 24, 0, 0.99, 11, 11},
		"lower quantile":      {true, 24, 5, 0.1, 9, 9},
		"on the centre":       {true, 24, 5, 0.99, 10, 10},
		"below it":            {true, 24, 5, 0.99, 9, 9},
		"narrow, 0.99":        {true, 24, 2, 0.99, 11, 10 + math.Pow(31.820516, 0.8)}, // tan(0.49π).
		"narrow, 0.9":         {true, 24, 2, 0.9, 11, 10 + math.Pow(3.0776835, 0.4)},  // tan(0.4π).
		"wide, 0.9":           {true, 24, 2, 0.9, 20, 10 + math.Pow(10, 0.6)*math.Pow(3.0776835, 0.4)},
		"after a jump, 0.9":   {true, 24, 2, 0.9, 110, 60},
		"value, 0.9":          {false, 24, 3, 0.9, 11, 10 + math.Pow(3.0776835, 0.2)},
		"value, 0.99":         {false, 24, 3, 0.99, 11, 10 + math.Pow(31.820516, 0.4)},
		"half a day":          {true, 12, 2, 0.9, 11, 10 + math.Pow(3.0776835, 0.1)},
		"a week":              {true, 168, 2, 0.9, 11, 10 + math.Pow(3.0776835, 0.4)},
		"as far as it can be": {true, 24, 2, 1 - 1e-9, 11, 10 + math.Tan(math.Pi*(0.5-1e-9))},
	} {
		f := &fit{aim: &aim{maximum: tc.maximum, hours: tc.hours}, usual: tc.usual}
		if got := f.outward(tc.level, 10, tc.q); math.Abs(got/tc.wants-1) > 1e-6 {
			t.Errorf("%s: %v, want %v", name, got, tc.wants)
		}
	}
}

// The record of a week: of windows that end at the same time of day.
func TestRecord(t *testing.T) {
	t.Parallel()
	const day = 4
	targets := make([]float64, 10*day) // The last index is 39.
	targets[3], targets[39-6*day], targets[38], targets[37] = 9, 7, 8, 6
	for name, tc := range map[string]struct {
		targets []float64
		steps   int
		want    float64
	}{
		"a day":                       {targets, day, 7},     // 39, 35, ... 15.
		"more than a day":             {targets, day + 3, 8}, // Ends as 38 did.
		"half a day":                  {targets, day / 2, 6}, // Ends as 37 did.
		"less than a day of history":  {[]float64{5, 3}, day, 3},
		"no window that ends like it": {[]float64{5, 3}, 2, math.Inf(-1)},
		"none":                        {nil, day, math.Inf(-1)},
	} {
		if got := record(tc.targets, tc.steps, day); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// Outer quantiles of a day's maximum reach the record of the last week.
func TestBeyond(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		maximum            bool
		days               float64
		hours, level, want float64 // The quantile is 10, the record 20, the usual change 4.
	}{
		"value":                {false, 14, 24, 0.99, 10},
		"an hour":              {true, 14, 1, 0.99, 10},
		"0.9":                  {true, 3, 24, 0.9, 10},
		"0.99":                 {true, 14, 24, 0.99, 24},
		"0.999":                {true, 14, 24, 0.999, 24},
		"0.99 of half a day":   {true, 14, 12, 0.99, 13.5},
		"0.99 of two days":     {true, 14, 48, 0.99, 24},
		"0.95, three days":     {true, 3, 24, 0.95, 20},
		"0.95, a week":         {true, 7, 24, 0.95, 20},
		"0.95, eleven days":    {true, 10.5, 24, 0.95, 15},
		"0.95, two weeks":      {true, 14, 24, 0.95, 10},
		"between, two weeks":   {true, 14, 24, 1 - 0.05/math.Sqrt(5), 16}, // o = 1/2.
		"between, three days":  {true, 3, 24, 1 - 0.1/math.Sqrt2, 15},     // y = 1/2.
		"beyond it already":    {true, 3, 24, 0.95, 30},
		"no record":            {true, 3, 24, 0.99, 10},
		"lower than the least": {true, 3, 24, 1e-9, 10},
	} {
		q, f := 10.0, &fit{aim: &aim{maximum: tc.maximum, hours: tc.hours, ahead: 12 * tc.hours}, at: int(288*tc.days) - 1, record: 20, usual: 4}
		switch name {
		case "beyond it already":
			q = 30
		case "no record":
			f.record = math.Inf(-1)
		}
		if got := f.beyond(tc.level, q); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// Values soon to come are known less well from a day of history than from many.
func TestFewDays(t *testing.T) {
	t.Parallel()
	const fiveMinutes, day = 1.0 / 12, 288
	for name, tc := range map[string]struct {
		a    aim
		last int
		want float64
	}{
		"an hour of history": {aim{hours: fiveMinutes, ahead: 1}, 11, 1.06},
		"a day":              {aim{hours: fiveMinutes, ahead: 1}, day - 1, 1.06},
		"two days, 15 min":   {aim{hours: 3 * fiveMinutes, ahead: 3}, 2*day - 1, 1.03},
		"an hour ahead":      {aim{hours: 1, ahead: 12}, 2*day - 1, 1},
		"a maximum":          {aim{hours: 3 * fiveMinutes, ahead: 3, maximum: true}, day - 1, 1},
	} {
		if got := (&fit{aim: &tc.a, at: tc.last}).fewDays(); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// Bounds of what the prior says of a young series: further out for the outer
// quantiles of a day's maximum, the same for all else.
func TestClampPrior(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		maximum            bool
		hours, level, want float64
	}{
		"value":               {false, 24, 0.99, 6},
		"median":              {true, 24, 0.5, 6},
		"0.9":                 {true, 24, 0.9, 6},
		"0.95":                {true, 24, 0.95, 6 * math.Sqrt(2)},
		"0.99":                {true, 24, 0.99, 6 * math.Sqrt(10)},
		"0.99 of two days":    {true, 48, 0.99, 6 * math.Sqrt(10)},
		"0.99 of six hours":   {true, 6, 0.99, 6 * math.Pow(10, 0.125)},
		"0.99 of half a week": {true, 84, 0.99, 6 * math.Sqrt(10)},
	} {
		f := &fit{aim: &aim{maximum: tc.maximum, hours: tc.hours}, high: 6, low: 0}
		if got := f.clampPrior(tc.level, 1000); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
		if low := f.clampPrior(tc.level, -1); low != 0 {
			t.Errorf("%s: below the bounds: %v", name, low)
		}
	}
}

// Bounds of the outermost quantiles of a day's maximum are wider for short histories.
func TestClampOuter(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		maximum            bool
		days               int
		hours, level, want float64
	}{
		"value":              {false, 7, 24, 0.99, 2},
		"0.95":               {true, 7, 24, 0.95, 2},
		"two weeks":          {true, 14, 24, 0.99, 2.5},
		"a week":             {true, 7, 24, 0.99, 3},
		"10 days":            {true, 10, 24, 0.99, 2 * 14 / 10.0},
		"an hour":            {true, 7, 1, 0.99, 2 * (1 + 0.5/24)},
		"more than two days": {true, 7, 72, 0.99, 3},
	} {
		f := &fit{aim: &aim{maximum: tc.maximum, hours: tc.hours, ahead: 12 * tc.hours}, at: 288*tc.days - 1, high: 2, low: -1}
		if got := f.clampOuter(tc.level, 1000); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
		if low := f.clampOuter(tc.level, -2); low != -1 {
			t.Errorf("%s: below the bounds: %v", name, low)
		}
	}
}
