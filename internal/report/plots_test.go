package report

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// decode is the reading of encode, as page.js does it.
func decode(codes string, scale float64) []float64 {
	var out []float64
	for i := 0; i+1 < len(codes); i += 2 {
		v := strings.IndexByte(plotDigits, codes[i])*64 + strings.IndexByte(plotDigits, codes[i+1])
		if v == plotGap {
			out = append(out, math.NaN())
			continue
		}
		out = append(out, float64(v)/plotCodes*scale)
	}
	return out
}

func TestPlotKeepsPeaksAndGaps(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	s := forecaster.Series{Start: start, Step: time.Minute}
	for i := range 14 * 1440 {
		v := 1.0
		switch {
		case i == 5000:
			v = 42 // One minute of two weeks.
		case i >= 7000 && i < 9000:
			v = math.NaN()
		}
		s.Values = append(s.Values, v)
	}
	p := newPlot(Plot{Series: s, Unit: "cores"}, plotPoints)
	points, peak, gaps := 0, 0.0, 0
	for _, seg := range p.Segments {
		for _, v := range decode(seg[2].(string), p.Scale) {
			points++
			if math.IsNaN(v) {
				gaps++
			}
			peak = math.Max(peak, v)
		}
	}
	if points > plotPoints {
		t.Errorf("%d points, at most %d", points, plotPoints)
	}
	if math.Abs(peak-42) > 42.0/plotCodes+0.03 {
		t.Errorf("the peak is %g, want 42", peak)
	}
	if gaps == 0 {
		t.Error("the gap is lost")
	}
	last := p.Segments[len(p.Segments)-1]
	if got := time.Unix(last[0].(int64), 0).UTC(); !got.Equal(s.End().Add(-24*time.Hour + time.Minute)) {
		t.Errorf("the fine part starts at %s", got)
	}
	if step := last[1].(int64); step != 300 { // 1,440 minutes in at most 294 points: 5 minutes each.
		t.Errorf("the fine part has steps of %d s, want 300", step)
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		values []float64
		scale  float64
		want   string
	}{
		"ends":        {[]float64{0, 1}, 1, "AA_-"},
		"gaps":        {[]float64{math.NaN(), math.Inf(1)}, 1, "____"},
		"out of it":   {[]float64{-1, 2}, 1, "AA_-"},
		"all is zero": {[]float64{0, 0}, 0, "AAAA"},
	}
	for name, tc := range cases {
		if got := encode(tc.values, tc.scale); got != tc.want {
			t.Errorf("%s: got %s, want %s", name, got, tc.want)
		}
	}
}

func TestStepsAreBounded(t *testing.T) {
	t.Parallel()
	s := forecaster.Series{Step: time.Minute}
	for i := range 10_000 {
		s.Values = append(s.Values, float64(i%7))
	}
	if n := len(steps(s)); n > plotSteps || n == 0 {
		t.Errorf("%d steps, want 1 to %d", n, plotSteps)
	}
	flat := forecaster.Series{Step: time.Minute, Values: []float64{3, math.NaN(), 3, 3}}
	if got := steps(flat); len(got) != 1 || got[0][1] != 3 {
		t.Errorf("a flat line has steps %v", got)
	}
}

func TestBandStartsAtTheLastValue(t *testing.T) {
	t.Parallel()
	s := forecaster.Series{Start: time.Unix(0, 0), Step: time.Hour, Values: []float64{1, 2, math.NaN()}}
	f := forecaster.Forecast{
		Origin: s.Time(1), Horizons: []time.Duration{time.Hour}, Levels: []float64{0.1, 0.5, 0.9},
		Point: [][]float64{{1, 2, 3}}, Max: [][]float64{{1, 2, 3}},
	}
	got := band(Plot{Series: s, Forecast: f})
	if got == nil || got.Last != 2 || got.Origin != 3600 || len(got.Rows) != len(drawnLevels()) || got.Rows[3][0] != 2 {
		t.Errorf("got %+v", got)
	}
	if band(Plot{Series: s}) != nil {
		t.Error("a band without a forecast")
	}
}

func TestNoPointsAreNoPlot(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]Plot{
		"empty": {}, "gaps": {Series: forecaster.Series{Step: time.Minute, Values: []float64{math.NaN()}}},
	} {
		if got := newPlot(p, plotPoints); got.Scale != 0 || got.Forecast != nil {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
