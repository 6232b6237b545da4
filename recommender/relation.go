package recommender

import (
	"cmp"
	"math"
	"slices"

	"github.com/sajari/regression"
)

const (
	// relationSamples bounds what a fit looks at: evenly taken, more of them move
	// the coefficients by less than the drift corrects.
	relationSamples = 120
	// relationGroups bounds what the library is given, whose cost grows with the
	// square of it: means of samples that are alike. 16 of them have the slope of
	// 120 samples to a ninth of its standard error (TestFitRelationAgreesWithGonum)
	// and take 0.1 MB of memory instead of 3.4.
	relationGroups = 16
	// relationLeast is the least number of samples a relation is believed
	// from.
	relationLeast = 20
	// relationR2 is the least share of variance that demand has to explain.
	relationR2 = 0.5
	// relationOutlier is how many scaled median absolute deviations a sample
	// may lie off one fit to count in the next, relationRounds how often that
	// is done.
	relationOutlier = 4.0
	relationRounds  = 3
)

// Relation is how a workload's CPU follows its demand,
//
//	CPU = PerReplica·replicas + PerUnit·demand + e
//
// with CPU in cores, demand in units a second and e of standard deviation
// Residual. The zero Relation is not valid and says that none was found.
type Relation struct {
	// PerReplica is the CPU in cores that a pod uses without demand.
	PerReplica float64 `json:"perReplica"`
	// PerUnit is the CPU in core-seconds that one unit of demand takes.
	PerUnit float64 `json:"perUnit"`
	// Residual is in cores over all pods.
	Residual float64 `json:"residual"`
	// R2 is the share of the variance of the CPU per pod that demand explains.
	R2 float64 `json:"r2"`
	// Drift is what the newest observations used over what the fit to all of
	// them says, 0.5 to 3: a new version that costs more is answered before the
	// fit knows of it. PerReplica and PerUnit have it in them. 0 counts as 1.
	Drift float64 `json:"drift,omitempty"`
	// Samples is how many observations were used.
	Samples int  `json:"samples"`
	Valid   bool `json:"valid"`
}

// RelationSample is one observation of a workload.
type RelationSample struct {
	// Demand is in units a second, Replicas in pods, CPU in cores over all
	// pods.
	Demand   float64
	Replicas float64
	CPU      float64
}

// FitRelation fits a Relation by least squares to at most 120 of the samples,
// evenly taken, as a regression of the CPU per pod on the demand per pod:
// intercept and slope are the two coefficients. Samples that are not finite or
// have no pods are left out, and so are, in further fits, those far off the
// fit before. A negative intercept is set to zero. The result is not valid where
// fewer than 20 samples remain, where demand does not vary, or where it
// explains less than half of the variance or less than nothing.
func FitRelation(samples []RelationSample) Relation {
	samples, newest := thin(samples, relationSamples)
	a, b, ok := fitLine(samples)
	if !ok {
		return Relation{Samples: len(samples)}
	}
	for range relationRounds {
		kept := withoutOutliers(samples, a, b)
		if len(kept) == len(samples) {
			break
		}
		a2, b2, ok := fitLine(kept)
		if !ok {
			break
		}
		samples, a, b = kept, a2, b2
	}
	r := Relation{PerReplica: a, PerUnit: b, Samples: len(samples)}
	r.Residual, r.R2 = r.quality(samples)
	r.Valid = r.PerUnit > 0 && r.R2 >= relationR2
	if r.Valid {
		r.Drift = r.drift(newest)
		r.PerReplica, r.PerUnit = r.PerReplica*r.Drift, r.PerUnit*r.Drift
	}
	return r
}

const (
	// driftUp and driftDown are the numbers of the newest samples that have to
	// agree that CPU is above or below the fit. At a sample every five minutes,
	// growth is believed after a quarter of an hour and saving after an hour.
	driftUp   = 3
	driftDown = 12
	// driftLeast is the share by which they have to be off to mean anything.
	driftLeast = 0.1
	// driftLow and driftHigh bound the correction, as NVIDIA's Dynamo bounds its
	// own of observed over predicted.
	driftLow, driftHigh = 0.5, 3.0
)

// drift is the factor between the fit and the newest samples, which are in the
// order of time: the least of the last three where all are above the
// fit, the largest of the last twelve where all are below, else 1.
func (r Relation) drift(samples []RelationSample) float64 {
	ratio := func(s RelationSample) float64 {
		if expected := r.CPU(s.Demand, s.Replicas); expected > 0 {
			return s.CPU / expected
		}
		return 1
	}
	least, most := math.Inf(1), 0.0
	for i, s := range slices.Backward(samples) {
		most = max(most, ratio(s))
		if len(samples)-i <= driftUp {
			least = min(least, ratio(s))
		}
	}
	switch {
	case len(samples) >= driftUp && least > 1+driftLeast:
		return min(least, driftHigh)
	case len(samples) >= driftDown && most < 1-driftLeast:
		return max(most, driftLow)
	default:
		return 1
	}
}

func (s RelationSample) unusable() bool {
	bad := func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) || x < 0 }
	return bad(s.Demand) || bad(s.Replicas) || bad(s.CPU) || s.Replicas < 1
}

// thin takes at most n of the usable samples at even distances, the newest among
// them; and apart from these the newest, as many as the drift is told from.
func thin(samples []RelationSample, n int) (even, newest []RelationSample) {
	usable := 0
	for _, s := range samples {
		if !s.unusable() {
			usable++
		}
	}
	n = min(n, usable)
	even, newest = make([]RelationSample, 0, n), make([]RelationSample, 0, driftDown)
	at := 0
	for _, s := range samples {
		if s.unusable() {
			continue
		}
		if at++; at == (len(even)+1)*usable/max(n, 1) {
			even = append(even, s)
		}
		if at > usable-driftDown {
			newest = append(newest, s)
		}
	}
	return even, newest
}

// fitLine regresses CPU per pod on demand per pod. The slope may come out
// negative, the intercept not: then the line goes through the origin. It is
// not ok for fewer than relationLeast samples or a constant regressor, which
// the library would answer with arbitrary coefficients.
//
// Samples are put in order of their demand and averaged in groups of equal size:
// grouped least squares, which is unbiased, and as good as the samples
// themselves where groups are narrow.
func fitLine(samples []RelationSample) (intercept, slope float64, ok bool) {
	if len(samples) < relationLeast {
		return 0, 0, false
	}
	type point struct{ x, y float64 }
	var room [relationSamples]point
	points := room[:0]
	var xy, xx float64
	for _, s := range samples {
		p := point{s.Demand / s.Replicas, s.CPU / s.Replicas}
		points = append(points, p)
		xy, xx = xy+p.x*p.y, xx+p.x*p.x
	}
	slices.SortFunc(points, func(a, b point) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	n := len(points)
	if lo, hi := points[0].x, points[n-1].x; hi-lo <= 1e-9*hi {
		return 0, 0, false
	}
	var reg regression.Regression
	groups := min(n, relationGroups)
	for g := range groups {
		group := points[g*n/groups : (g+1)*n/groups]
		var mean point
		for _, p := range group {
			mean.x, mean.y = mean.x+p.x/float64(len(group)), mean.y+p.y/float64(len(group))
		}
		reg.Train(regression.DataPoint(mean.y, []float64{mean.x}))
	}
	if err := reg.Run(); err != nil {
		return 0, 0, false
	}
	intercept, slope = reg.Coeff(0), reg.Coeff(1)
	if math.IsNaN(intercept) || math.IsNaN(slope) {
		return 0, 0, false
	}
	if intercept < 0 {
		return 0, xy / xx, true
	}
	return intercept, slope, true
}

// withoutOutliers drops the samples whose residual per pod is far off.
func withoutOutliers(samples []RelationSample, a, b float64) []RelationSample {
	off := make([]float64, len(samples))
	for i, s := range samples {
		off[i] = math.Abs(s.CPU/s.Replicas - a - b*s.Demand/s.Replicas)
	}
	sorted := slices.Clone(off)
	slices.Sort(sorted)
	// 1.4826 makes the median absolute deviation of a normal distribution its
	// standard deviation.
	limit := relationOutlier * 1.4826 * sorted[len(sorted)/2]
	kept := make([]RelationSample, 0, len(samples))
	for i, s := range samples {
		if off[i] <= limit {
			kept = append(kept, s)
		}
	}
	return kept
}

// quality is the standard deviation of the residuals over all pods, and the
// share of the variance of the CPU per pod that is explained.
func (r Relation) quality(samples []RelationSample) (residual, r2 float64) {
	var sum, squares, within, total float64
	for _, s := range samples {
		sum += s.CPU / s.Replicas
	}
	average := sum / float64(len(samples))
	for _, s := range samples {
		e := s.CPU - r.CPU(s.Demand, s.Replicas)
		squares += e * e
		within += e * e / (s.Replicas * s.Replicas)
		total += (s.CPU/s.Replicas - average) * (s.CPU/s.Replicas - average)
	}
	residual = math.Sqrt(squares / float64(len(samples)))
	if total == 0 {
		return residual, 0
	}
	return residual, 1 - within/total
}

// CPU is the CPU in cores that the demand is expected to take on that many
// pods.
func (r Relation) CPU(demand, replicas float64) float64 {
	return r.PerReplica*replicas + r.PerUnit*demand
}
