package report

import (
	"math"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

const (
	// plotPoints is the most history points of a plot: more than its pixels
	// show.
	plotPoints = 700
	// plotPointsLeast is the least, for reports on very many workloads.
	plotPointsLeast = 200
	// pagePoints is how many points a page should hold, two bytes each.
	pagePoints = 4_000_000
	// plotRecent is the end of the history that is drawn in more detail, and
	// plotRecentShare the share of the points that it gets.
	plotRecent      = 24 * time.Hour
	plotRecentShare = 0.42
	// plotSteps is the most steps of the line of what was requested.
	plotSteps = 300
	// plotCodes is the resolution of a point, and plotGap the code of a gap.
	plotCodes = 4094
	plotGap   = 4095
	// plotDigits are the digits of a point's code, two of them a point.
	plotDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

// plotJSON is a plot as the page draws it. Times are in Unix seconds.
type plotJSON struct {
	Title string `json:"title"`
	Unit  string `json:"unit"`
	Pods  bool   `json:"pods,omitempty"`
	// Scale is the value of the largest code of the segments, and Segments
	// are [start, step, codes].
	Scale    float64  `json:"scale"`
	Segments [][3]any `json:"segments"`
	// Asked is [time, value] where what was requested changes.
	Asked       [][2]float64  `json:"asked,omitempty"`
	Forecast    *forecastJSON `json:"forecast,omitempty"`
	Requested   float64       `json:"requested,omitempty"`
	Recommended float64       `json:"recommended,omitempty"`
}

// forecastJSON holds one row of quantiles per level, over the horizons.
type forecastJSON struct {
	Origin int64 `json:"origin"`
	// Season is the period in seconds that helped the most, 0 for none.
	Season   int64       `json:"season,omitempty"`
	Last     float64     `json:"last"`
	Horizons []int64     `json:"horizons"`
	Levels   []float64   `json:"levels"`
	Rows     [][]float64 `json:"rows"`
}

// drawnLevels are the quantiles that the page shades and draws, symmetric.
func drawnLevels() []float64 { return []float64{0.01, 0.05, 0.1, 0.5, 0.9, 0.95, 0.99} }

// pointsPerPlot divides what a page should hold between its plots.
func pointsPerPlot(r Report) int {
	n := 0
	for _, item := range r.Items {
		n += len(item.History)
	}
	return min(plotPoints, max(plotPointsLeast, pagePoints/max(n, 1)))
}

func plots(item Item, points int) []plotJSON {
	out := make([]plotJSON, 0, len(item.History))
	for _, p := range item.History {
		out = append(out, newPlot(p, points))
	}
	return out
}

func newPlot(p Plot, points int) plotJSON {
	out := plotJSON{
		Title: p.Title, Unit: p.Unit, Pods: p.Unit == UnitPods, Segments: [][3]any{},
		Requested: rounded(p.Requested), Recommended: rounded(p.Recommended), Asked: steps(p.Capacity),
	}
	if peak := p.Series.Peak(); peak > 0 && !math.IsInf(peak, 0) {
		out.Scale = rounded(peak * 1.0005) // Rounding to four digits may not go below the peak.
	}
	older, recent := split(p.Series, points)
	for _, s := range []forecaster.Series{older, recent} {
		if len(s.Values) > 0 {
			out.Segments = append(out.Segments, [3]any{s.Start.Unix(), int64(s.Step.Seconds()), encode(s.Values, out.Scale)})
		}
	}
	out.Forecast = band(p)
	return out
}

// split downsamples a series to at most that many points, the last day finer
// than what was before.
func split(s forecaster.Series, points int) (older, recent forecaster.Series) {
	if s.Step <= 0 || len(s.Values) <= points {
		return forecaster.Series{}, s
	}
	n := min(len(s.Values), int(plotRecent/s.Step))
	cut := len(s.Values) - n
	older = forecaster.Series{Start: s.Start, Step: s.Step, Values: s.Values[:cut]}
	recent = forecaster.Series{Start: s.Time(cut), Step: s.Step, Values: s.Values[cut:]}
	share := int(float64(points) * plotRecentShare)
	return Downsample(older, points-share), Downsample(recent, share)
}

// Downsample returns the series with at most that many values. Each is the
// largest of the values it stands for, so that no peak is lost; it is a gap
// where all of them are.
func Downsample(s forecaster.Series, points int) forecaster.Series {
	if points < 1 || len(s.Values) <= points {
		return s
	}
	width := (len(s.Values) + points - 1) / points
	out := forecaster.Series{Start: s.Start, Step: s.Step * time.Duration(width)}
	for i := 0; i < len(s.Values); i += width {
		bucket := forecaster.Series{Values: s.Values[i:min(i+width, len(s.Values))]}
		out.Values = append(out.Values, bucket.Peak())
	}
	return out
}

// encode writes every value as two digits of base 64, in 4,094ths of scale;
// what is not a number is a gap.
func encode(values []float64, scale float64) string {
	var b strings.Builder
	b.Grow(2 * len(values))
	for _, v := range values {
		code := plotGap
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			code = 0
			if scale > 0 {
				code = int(math.Round(min(max(v/scale, 0), 1) * plotCodes))
			}
		}
		b.WriteByte(plotDigits[code/64])
		b.WriteByte(plotDigits[code%64])
	}
	return b.String()
}

// steps are the changes of a series, at most plotSteps of them.
func steps(s forecaster.Series) [][2]float64 {
	var out [][2]float64
	for width := 1; ; width *= 2 {
		out = out[:0]
		thin := s
		if width > 1 {
			thin = Downsample(s, (len(s.Values)+width-1)/width)
		}
		last := math.NaN()
		for i, v := range thin.Values {
			if math.IsNaN(v) || v == last {
				continue
			}
			last = v
			out = append(out, [2]float64{float64(thin.Time(i).Unix()), rounded(v)})
		}
		if len(out) <= plotSteps {
			return out
		}
	}
}

// band is the forecast of a plot; nil where there is none.
func band(p Plot) *forecastJSON {
	f := p.Forecast
	if !f.Valid() {
		return nil
	}
	last, _, ok := p.Series.Until(f.Origin).Last()
	if !ok {
		last = f.At(0, 0.5)
	}
	out := &forecastJSON{Origin: f.Origin.Unix(), Season: int64(f.Season.Seconds()), Last: rounded(last), Levels: drawnLevels()}
	for _, h := range f.Horizons {
		out.Horizons = append(out.Horizons, int64(h.Seconds()))
	}
	for _, level := range out.Levels {
		row := make([]float64, 0, len(f.Horizons))
		for _, h := range f.Horizons {
			row = append(row, rounded(f.At(h, level)))
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// rounded keeps four digits, and makes what is not a number zero.
func rounded(x float64) float64 {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(x))))
	if r := math.Round(x*scale) / scale; !math.IsInf(scale, 0) && !math.IsNaN(r) && !math.IsInf(r, 0) {
		return r
	}
	return x
}
