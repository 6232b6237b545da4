package forecaster

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Score is how good the forecasts of one series were at one horizon.
type Score struct {
	Horizon time.Duration
	// Max says that the maxima over the windows were scored, not the values at
	// their ends.
	Max bool
	// Rows is the number of targets that were not gaps; without any, all the
	// figures are NaN.
	Rows int
	// WQL is the weighted quantile loss: the mean over targets and levels of
	// twice the pinball loss, over the mean of the targets' absolute values.
	// NaN if all targets are 0.
	WQL float64
	// ReferenceWQL is that of the seasonal naive forecast on the targets it
	// reaches, and Relative our loss on the same targets over its loss. Both
	// are NaN if it reaches none, Relative also if its loss is 0.
	ReferenceWQL float64
	Relative     float64
	// ZeroReference says that the reference made no error at all.
	ZeroReference bool
	// Coverage is, per level, the share of targets that the quantile was not
	// below.
	Coverage []float64
}

// Pinball is the pinball loss of the quantile q of a level: level·(y-q) where
// y is above it, else (1-level)·(q-y). Its expectation is least at the true
// quantile.
func Pinball(level, q, y float64) float64 {
	if y >= q {
		return level * (y - q)
	}
	return (1 - level) * (q - y)
}

// Scorer adds up the steps of one backtest.
type Scorer struct {
	backtest *Backtest
	point    []tally
	peak     []tally
}

// tally holds sums over the targets of one horizon.
type tally struct {
	rows       int
	loss, size float64 // Over all targets.
	hits       []int   // Per level.
	// Over the targets that the reference reaches.
	sharedRows            int
	sharedLoss, sharedAbs float64
	reference             float64
}

// NewScorer scores the steps of a backtest.
func NewScorer(b *Backtest) *Scorer {
	return &Scorer{backtest: b, point: make([]tally, len(b.Horizons)), peak: make([]tally, len(b.Horizons))}
}

// Add takes one step of the backtest into account.
func (s *Scorer) Add(step BacktestStep) {
	for i := range s.backtest.Horizons {
		s.point[i].add(s.backtest.Levels, step.Point[i], step.Forecast.Point[i], step.PointReference[i])
		s.peak[i].add(s.backtest.Levels, step.Max[i], step.Forecast.Max[i], step.MaxReference[i])
	}
}

func (t *tally) add(levels []float64, y float64, ours, reference []float64) {
	if math.IsNaN(y) {
		return
	}
	if t.hits == nil {
		t.hits = make([]int, len(levels))
	}
	loss := 0.0
	for j, level := range levels {
		loss += 2 * Pinball(level, ours[j], y)
		if y <= ours[j] {
			t.hits[j]++
		}
	}
	t.rows++
	t.loss += loss / float64(len(levels))
	t.size += math.Abs(y)
	if reference == nil {
		return
	}
	t.sharedRows++
	t.sharedAbs += math.Abs(y)
	t.sharedLoss += loss / float64(len(levels))
	loss = 0
	for j, level := range levels {
		loss += 2 * Pinball(level, reference[j], y)
	}
	t.reference += loss / float64(len(levels))
}

// Scores returns the figures so far: for every horizon first those of the
// values, then those of the maxima.
func (s *Scorer) Scores() []Score {
	var out []Score
	for i, h := range s.backtest.Horizons {
		out = append(out, s.point[i].score(h, false, len(s.backtest.Levels)),
			s.peak[i].score(h, true, len(s.backtest.Levels)))
	}
	return out
}

func (t *tally) score(h time.Duration, peak bool, levels int) Score {
	out := Score{Horizon: h, Max: peak, Rows: t.rows, Coverage: make([]float64, levels)}
	for j := range out.Coverage {
		out.Coverage[j] = math.NaN()
		if t.rows > 0 {
			out.Coverage[j] = float64(t.hits[j]) / float64(t.rows)
		}
	}
	out.WQL = ratio(t.loss, t.size)
	out.ReferenceWQL = ratio(t.reference, t.sharedAbs)
	out.Relative = ratio(t.sharedLoss, t.reference)
	out.ZeroReference = t.sharedRows > 0 && t.reference == 0
	return out
}

// ratio is a/b, NaN where b is 0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

// Summary is the scores of many series at one horizon.
type Summary struct {
	Horizon time.Duration
	Max     bool
	// Series had a relative loss and are in the figures below. ZeroReference
	// were left out because the reference made no error, Unscored because
	// there was no target or no reference.
	Series        int
	ZeroReference int
	Unscored      int
	// Relative is the geometric mean of the relative losses, NaN without any.
	// A relative loss below 0.001 counts as that, since one forecast without
	// any error would else make the mean 0.
	Relative float64
	// Coverage is the mean over the series per level, WorstCoverage the
	// lowest.
	Coverage      []float64
	WorstCoverage []float64
}

// relativeFloor is the smallest relative loss that enters a geometric mean.
const relativeFloor = 1e-3

// Summarize returns the geometric means of the scores of several series, one
// element per horizon and kind of target, ascending, values before maxima.
func Summarize(series ...[]Score) []Summary {
	type key struct {
		horizon time.Duration
		peak    bool
	}
	groups := map[key][]Score{}
	var keys []key
	for _, scores := range series {
		for _, s := range scores {
			k := key{s.Horizon, s.Max}
			if groups[k] == nil {
				keys = append(keys, k)
			}
			groups[k] = append(groups[k], s)
		}
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.peak != b.peak {
			if b.peak {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.horizon, b.horizon)
	})
	out := make([]Summary, 0, len(keys))
	for _, k := range keys {
		out = append(out, summarize(groups[k]))
	}
	return out
}

func summarize(scores []Score) Summary {
	out := Summary{Horizon: scores[0].Horizon, Max: scores[0].Max}
	levels := len(scores[0].Coverage)
	out.Coverage, out.WorstCoverage = make([]float64, levels), make([]float64, levels)
	logs := 0.0
	for _, s := range scores {
		switch {
		case s.ZeroReference:
			out.ZeroReference++
			continue
		case math.IsNaN(s.Relative):
			out.Unscored++
			continue
		}
		logs += math.Log(max(s.Relative, relativeFloor))
		for j, c := range s.Coverage {
			out.Coverage[j] += c
			if out.Series == 0 || c < out.WorstCoverage[j] {
				out.WorstCoverage[j] = c
			}
		}
		out.Series++
	}
	out.Relative = math.NaN()
	if out.Series > 0 {
		out.Relative = math.Exp(logs / float64(out.Series))
	}
	for j := range out.Coverage {
		out.Coverage[j] = ratio(out.Coverage[j], float64(out.Series))
		if out.Series == 0 {
			out.WorstCoverage[j] = math.NaN()
		}
	}
	return out
}
