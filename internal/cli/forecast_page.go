package cli

import (
	_ "embed" // The page's template.
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

//go:embed forecast_page.html
var forecastPageText string

// The chart's size in its own units, with room for labels.
const (
	chartWidth, chartHeight = 960.0, 380.0
	chartLeft, chartBottom  = 70.0, 30.0
	chartTop, chartRight    = 12.0, 10.0
	// chartHistory is how many past values are drawn at most.
	chartHistory = 1200
	// chartLines is how many steps the grid has at most, but for rounding.
	chartLines = 5
)

// forecastPage is what the template shows. Paths are in the chart's units.
type forecastPage struct {
	Series, Column, Origin, Step, Season string
	Confidence                           string
	Width, Height                        float64
	History, Median, MaxLine             string
	MaxLevel                             string
	Bands                                []forecastBand
	Ticks                                []forecastTick
	Days                                 []forecastTick
	NowX, Top, Bottom, Left, Right       string
	Levels                               []string
	Rows                                 []forecastRow
}

// forecastBand is the area between two quantiles.
type forecastBand struct{ Label, Path string }

// forecastTick is a line of the grid with its label.
type forecastTick struct{ At, Label string }

// forecastRow is one line of the table.
type forecastRow struct {
	Time, Horizon string
	Point, Max    []string
}

// chart maps instants and values to the plane. The lines of its grid are at
// round values, step apart, from low to top.
type chart struct {
	from, to       time.Time
	low, top, step float64
}

func (c chart) x(at time.Time) float64 {
	return chartLeft + (chartWidth-chartLeft-chartRight)*float64(at.Sub(c.from))/float64(c.to.Sub(c.from))
}

func (c chart) y(v float64) float64 {
	return chartHeight - chartBottom - (chartHeight-chartBottom-chartTop)*(v-c.low)/(c.top-c.low)
}

func (c chart) point(at time.Time, v float64) string {
	return coordinate(c.x(at)) + "," + coordinate(c.y(v))
}

func coordinate(v float64) string { return fmt.Sprintf("%.1f", v) }

// writeForecastPage writes a page that needs nothing but itself.
func writeForecastPage(w io.Writer, p pickedSeries, f forecaster.Forecast) error {
	page, err := template.New("forecast").Parse(forecastPageText)
	if err != nil {
		return err
	}
	history := p.series.Tail(max(4*f.Reach(), 24*time.Hour))
	c := newChart(history, f)
	data := forecastPage{
		Series: p.name, Column: p.label, Origin: f.Origin.UTC().Format(time.RFC3339),
		Step: shortDuration(p.series.Step), Season: "none", Confidence: fmt.Sprintf("%.2f", f.Confidence),
		Width: chartWidth, Height: chartHeight, History: c.history(history), NowX: coordinate(c.x(f.Origin)),
		Top: coordinate(chartTop), Bottom: coordinate(chartHeight - chartBottom),
		Left: coordinate(chartLeft), Right: coordinate(chartWidth - chartRight),
	}
	if f.Season > 0 {
		data.Season = shortDuration(f.Season)
	}
	c.bands(&data, history, f)
	c.grid(&data)
	data.table(f)
	return page.Execute(w, data)
}

// newChart chooses bounds that hold the history and the forecast.
func newChart(history forecaster.Series, f forecaster.Forecast) chart {
	c := chart{from: history.Start, to: f.Origin.Add(f.Reach()), low: math.Inf(1), top: math.Inf(-1)}
	grow := func(v float64) {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			c.low, c.top = min(c.low, v), max(c.top, v)
		}
	}
	for _, v := range history.Values {
		grow(v)
	}
	for i := range f.Horizons {
		for j := range f.Levels {
			grow(f.Point[i][j])
			grow(f.Max[i][j])
		}
	}
	if c.low > 0 && c.low < c.top/2 {
		c.low = 0
	}
	if c.top <= c.low {
		c.top = c.low + max(1, math.Abs(c.low))
	}
	c.step = roundStep((c.top - c.low) / chartLines)
	c.low, c.top = math.Floor(c.low/c.step)*c.step, math.Ceil(c.top/c.step)*c.step
	return c
}

// roundStep is the smallest of 1, 2 and 5 times a power of ten that is at least
// v, which is above zero.
func roundStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 5} {
		if f*power >= v {
			return f * power
		}
	}
	return 10 * power
}

// axisText is a value of a grid with lines step apart, in few characters.
func axisText(v, step float64) string {
	size, unit := 1.0, ""
	for _, s := range []struct {
		size float64
		unit string
	}{{1e3, "k"}, {1e6, "M"}, {1e9, "G"}, {1e12, "T"}} {
		if math.Abs(v) >= s.size {
			size, unit = s.size, s.unit
		}
	}
	digits := max(0, -int(math.Floor(math.Log10(step/size)+1e-9)))
	text := strconv.FormatFloat(v/size, 'f', min(digits, 12), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + unit
}

// cellText has five digits, or all those before the point.
func cellText(v float64) string {
	if math.Abs(v) >= 1e4 && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return fmt.Sprintf("%.5g", v)
}

// history is the path of the past, broken at gaps, thinned to its maxima where
// it is dense.
func (c chart) history(s forecaster.Series) string {
	group := (s.Len() + chartHistory - 1) / chartHistory
	var path strings.Builder
	pen := "M"
	for i := 0; i < s.Len(); i += group {
		top, at := math.Inf(-1), i
		for k := i; k < min(i+group, s.Len()); k++ {
			if v := s.Values[k]; v > top && !math.IsInf(v, 0) {
				top, at = v, k
			}
		}
		if math.IsInf(top, -1) {
			pen = "M"
			continue
		}
		path.WriteString(pen + c.point(s.Time(at), top))
		pen = "L"
	}
	return path.String()
}

// bands draws, from the outermost quantile inwards, the areas down to its
// mirror image (or the lowest quantile, where that is missing), the median and the highest quantile of the maximum.
func (c chart) bands(data *forecastPage, history forecaster.Series, f forecaster.Forecast) {
	last, _, _ := history.Last()
	line := func(pick func(i int) float64) []string {
		points := []string{c.point(f.Origin, last)}
		for i, h := range f.Horizons {
			points = append(points, c.point(f.Origin.Add(h), pick(i)))
		}
		return points
	}
	at := func(level float64) []string {
		return line(func(i int) float64 { return forecaster.Interpolate(f.Levels, f.Point[i], level) })
	}
	n := len(f.Levels)
	for j := n - 1; j >= 0 && f.Levels[j] > 0.5 && n > 1; j-- {
		mirror, _ := slices.BinarySearch(f.Levels, 1-f.Levels[j]+1e-9)
		mirror = max(0, mirror-1)
		low, high := at(f.Levels[mirror]), at(f.Levels[j])
		slices.Reverse(high)
		data.Bands = append(data.Bands, forecastBand{
			Label: formatFloat(f.Levels[mirror]) + " to " + formatFloat(f.Levels[j]),
			Path:  "M" + strings.Join(low, "L") + "L" + strings.Join(high, "L") + "Z",
		})
	}
	data.Median = "M" + strings.Join(at(0.5), "L")
	data.MaxLine = "M" + strings.Join(line(func(i int) float64 { return f.Max[i][n-1] }), "L")
	data.MaxLevel = formatFloat(f.Levels[n-1])
}

// grid adds some round values and up to ten instants to read the chart by.
func (c chart) grid(data *forecastPage) {
	for k := range int(math.Round((c.top-c.low)/c.step)) + 1 {
		v := c.low + c.step*float64(k)
		data.Ticks = append(data.Ticks, forecastTick{At: coordinate(c.y(v)), Label: axisText(v, c.step)})
	}
	spacing := time.Minute
	for _, d := range []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour} {
		if c.to.Sub(c.from)/spacing > 10 {
			spacing = d
		}
	}
	layout := "15:04"
	if spacing >= 24*time.Hour {
		layout = "Jan 2"
	} else if spacing >= 6*time.Hour {
		layout = "Jan 2 15:04"
	}
	for at := c.from.Truncate(spacing).Add(spacing); at.Before(c.to); at = at.Add(spacing) {
		data.Days = append(data.Days, forecastTick{At: coordinate(c.x(at)), Label: at.UTC().Format(layout)})
		if len(data.Days) > 60 {
			return
		}
	}
}

// table lists the quantiles behind the chart.
func (d *forecastPage) table(f forecaster.Forecast) {
	for _, level := range f.Levels {
		d.Levels = append(d.Levels, formatFloat(level))
	}
	for i, h := range f.Horizons {
		row := forecastRow{Time: f.Origin.Add(h).UTC().Format(time.RFC3339), Horizon: shortDuration(h)}
		for j := range f.Levels {
			row.Point = append(row.Point, cellText(f.Point[i][j]))
			row.Max = append(row.Max, cellText(f.Max[i][j]))
		}
		d.Rows = append(d.Rows, row)
	}
}
