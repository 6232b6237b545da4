package forecaster

import (
	"errors"
	"math"
	"slices"
	"time"
)

// Predict returns quantiles of what the series does after its end.
func Predict(s Series, o Options) (Forecast, error) {
	if s.Step <= 0 {
		return Forecast{}, errors.New("forecaster: the step of a series has to be positive")
	}
	steps, err := o.steps(s.Step)
	if err != nil {
		return Forecast{}, err
	}
	levels, err := o.levels()
	if err != nil {
		return Forecast{}, err
	}
	y := make([]float64, 0, len(s.Values))
	for _, v := range s.Values {
		switch {
		case !math.IsNaN(v) && !math.IsInf(v, 0):
			y = append(y, v)
		case len(y) > 0:
			y = append(y, y[len(y)-1])
		}
	}
	if len(y) == 0 {
		return Forecast{}, ErrTooShort
	}
	f := Forecast{Origin: s.End(), Levels: levels, Span: time.Duration(len(y)-1) * s.Step, Confidence: 0.5}
	now, lo, hi := y[len(y)-1], min(0, slices.Min(y)), 2*slices.Max(y)
	for _, h := range steps {
		var point, peak []float64
		for i := 0; i+h < len(y); i++ {
			point = append(point, y[i+h]-y[i])
			peak = append(peak, slices.Max(y[i+1:i+h+1])-y[i])
		}
		point, peak = append(point, 0), append(peak, 0)
		slices.Sort(point)
		slices.Sort(peak)
		rows := [2][]float64{}
		for _, l := range levels {
			k := int(l * float64(len(point)-1))
			p := min(max(now+point[k], lo), hi)
			rows[0] = append(rows[0], p)
			rows[1] = append(rows[1], max(p, min(max(now+peak[k], lo), hi)))
		}
		f.Horizons = append(f.Horizons, time.Duration(h)*s.Step)
		f.Point = append(f.Point, rows[0])
		f.Max = append(f.Max, rows[1])
	}
	for i := 1; i < len(f.Max); i++ {
		for j := range f.Max[i] {
			f.Max[i][j] = max(f.Max[i][j], f.Max[i-1][j])
		}
	}
	return f, nil
}
