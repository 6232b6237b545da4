package snapshot

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Policy is what a RightSize says, over base, which is what the settings of the
// cluster say about its target. What neither says stays zero, which means the
// default of [recommender.Policy]. The calendar is apart, in [Calendar].
//
// The schema has checked each value. An error here is about what a schema does
// not see, such as a minimum over the maximum of the settings; it names the path
// and the value of every field that is at fault, and no policy comes with it.
func Policy(spec v1alpha1.RightSizeSpec, base recommender.Policy) (recommender.Policy, error) {
	p, c := base, &conversion{}
	if spec.RiskPercent > 0 {
		p.Risk = percent(spec.RiskPercent)
	}
	if spec.Apply.ChangeCostMinutes > 0 {
		p.ChangeHours = float64(spec.Apply.ChangeCostMinutes) / 60
	}
	c.objective(&p.Objective, spec.Objective)
	c.horizontal(&p.Horizontal, spec.Horizontal)
	c.vertical(&p.Vertical, spec.Vertical)
	c.accelerators(&p, spec.Accelerators)
	if err := errors.Join(c.errs...); err != nil {
		return recommender.Policy{}, err
	}
	return p, nil
}

// Ignored are the paths of the fields that are set and that no decision looks
// at, for a condition to name.
func Ignored(spec v1alpha1.RightSizeSpec) []string {
	var out []string
	for _, r := range spec.Vertical.Containers {
		if r.Runtime != "" && r.Runtime != v1alpha1.RuntimeAuto {
			out = append(out, fmt.Sprintf("spec.vertical.containers[%s].runtime", r.Name))
		}
	}
	return out
}

// conversion collects what is wrong with a spec.
type conversion struct{ errs []error }

func (c *conversion) add(path, format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
}

// cores and bytes convert an amount, rounded up to whole milli-CPU and bytes;
// nil gives zero, which sets nothing.
func (c *conversion) cores(path string, q *resource.Quantity) recommender.MilliCPU {
	return recommender.FromCores(c.positive(path, q))
}

func (c *conversion) bytes(path string, q *resource.Quantity) recommender.Bytes {
	return recommender.FromBytes(c.positive(path, q))
}

func (c *conversion) positive(path string, q *resource.Quantity) float64 {
	if q == nil {
		return 0
	}
	if q.Sign() <= 0 {
		c.add(path, "must be more than 0, got %s", q)
	}
	return q.AsApproximateFloat64()
}

// percent is a share.
func percent(p int32) float64 { return float64(p) / 100 }

// objective replaces the objective of the settings by one of another kind; of
// these the percentile and the variation stay where the object has none.
func (c *conversion) objective(to *recommender.Objective, o v1alpha1.Objective) {
	if o.Type == "" {
		return
	}
	*to = recommender.Objective{Percentile: to.Percentile, ServiceCV: to.ServiceCV}
	switch o.Type {
	case v1alpha1.ObjectiveNone:
	case v1alpha1.ObjectiveLatency:
		to.LatencySeconds = float64(o.Latency.Milliseconds) / 1000
		if o.Latency.VariationPercent > 0 {
			to.ServiceCV = percent(o.Latency.VariationPercent)
		}
	case v1alpha1.ObjectiveQueueWait:
		to.WaitSeconds = float64(o.QueueWait.Seconds)
	case v1alpha1.ObjectiveInference:
		to.TTFTSeconds = float64(o.Inference.TimeToFirstTokenMilliseconds) / 1000
		to.ITLSeconds = float64(o.Inference.InterTokenLatencyMilliseconds) / 1000
	default:
		c.add("spec.objective.type", "is not known, got %q", o.Type)
	}
	if o.Percentile == "" {
		return
	}
	// The exponent makes the division exact: P99.9 is 0.999.
	share, err := strconv.ParseFloat(strings.TrimPrefix(o.Percentile, "P")+"e-2", 64)
	if err != nil || !(share >= 0.01 && share < 1) || o.Percentile[0] != 'P' {
		c.add("spec.objective.percentile", "must be P1 to P99.99, got %q", o.Percentile)
		return
	}
	to.Percentile = share
}

// horizontal has the mode of the object win over the settings: its default Auto
// is written into every object that says anything about replicas, and who does
// wants them chosen, by usage where no demand is known.
func (c *conversion) horizontal(to *recommender.HorizontalPolicy, h v1alpha1.Horizontal) {
	if h.Mode != "" {
		to.Fixed = h.Mode == v1alpha1.SizingFixed
		to.OnUsage = !to.Fixed
	}
	if h.MinReplicas != nil {
		// Zero pods are for ZeroPolicy to allow; while there are any, there is one.
		to.Min = max(1, int(*h.MinReplicas))
		if *h.MinReplicas == 0 {
			to.Zero = c.zero(h.ScaleToZero)
		} else {
			to.Zero = nil
		}
	}
	if h.MaxReplicas > 0 {
		to.Max = int(h.MaxReplicas)
	}
	if to.Max > 0 && to.Min > to.Max {
		if h.MinReplicas != nil {
			c.add("spec.horizontal.minReplicas", "must not exceed maxReplicas, got %d and a maximum of %d", to.Min, to.Max)
		} else {
			c.add("spec.horizontal.maxReplicas", "must not be below minReplicas, got %d and a minimum of %d", to.Max, to.Min)
		}
	}
	c.scaling("spec.horizontal.behavior.scaleUp", &to.Behavior.ScaleUp, h.Behavior.ScaleUp)
	c.scaling("spec.horizontal.behavior.scaleDown", &to.Behavior.ScaleDown, h.Behavior.ScaleDown)
	if d := h.Damping; d != (v1alpha1.Damping{}) {
		to.Damper = recommender.Damper{
			Off: d.Mode == v1alpha1.DampingOff, Reversals: int(d.Reversals), WindowSeconds: float64(d.WindowSeconds),
		}
	}
}

func (c *conversion) zero(z v1alpha1.ScaleToZero) *recommender.ZeroPolicy {
	out := &recommender.ZeroPolicy{IdleSeconds: float64(z.IdleSeconds), WakeReplicas: int(z.WakeReplicas)}
	if q := z.ColdStartPrice; q != nil {
		if q.Sign() < 0 {
			c.add("spec.horizontal.scaleToZero.coldStartPrice", "must not be negative, got %s", q)
		}
		out.ColdStartPrice = q.AsApproximateFloat64()
	}
	return out
}

// scaling converts the rules of one direction, where there are any.
func (c *conversion) scaling(path string, to **recommender.ScalingRules, r v1alpha1.ScalingRules) {
	if r.StabilizationWindowSeconds == nil && r.SelectPolicy == "" && len(r.Policies) == 0 && r.Tolerance == nil {
		return
	}
	out := &recommender.ScalingRules{SelectPolicy: recommender.SelectPolicy(r.SelectPolicy)}
	if s := r.StabilizationWindowSeconds; s != nil {
		seconds := float64(*s)
		out.StabilizationWindowSeconds = &seconds
	}
	for _, p := range r.Policies {
		out.Policies = append(out.Policies, recommender.ScalingPolicy{
			Type: recommender.ScalingPolicyType(p.Type), Value: int(p.Value), PeriodSeconds: float64(p.PeriodSeconds),
		})
	}
	if q := r.Tolerance; q != nil {
		out.Tolerance = q.AsApproximateFloat64()
		if !(out.Tolerance >= 0 && out.Tolerance <= 1) {
			c.add(path+".tolerance", "must be 0 to 1, got %s", q)
		}
	}
	*to = out
}

// accelerators converts the profiles. One without a price costs what the
// settings say of a GPU, for each that a pod has; a claim counts as one, since
// what its template asks for is not known here.
func (c *conversion) accelerators(p *recommender.Policy, a v1alpha1.Accelerators) {
	if len(a.Profiles) == 0 {
		return
	}
	p.Accelerators = make([]recommender.AcceleratorProfile, 0, len(a.Profiles))
	for _, from := range a.Profiles {
		path := fmt.Sprintf("spec.accelerators.profiles[%s]", from.Name)
		to := recommender.AcceleratorProfile{
			Name: from.Name, Resource: from.ExtendedResource.Name, Count: max(1, int(from.ExtendedResource.Count)),
			Throughput: percent(from.RelativeThroughputPercent), PrefillThroughput: percent(from.PrefillThroughputPercent),
			MemoryBytes: c.positive(path+".memory", from.Memory),
		}
		if e := from.Serving; e != (v1alpha1.ServingProfile{}) {
			to.Serving = recommender.ExpectedServer(int(e.MaxBatch), float64(e.KVCacheTokens), float64(e.PrefillTokensPerSecond), float64(e.DecodeTokensPerSecond))
		}
		to.PricePerHour = p.Prices.GPUHour * float64(to.Count)
		if q := from.PricePerHour; q != nil {
			if q.Sign() < 0 {
				c.add(path+".pricePerHour", "must not be negative, got %s", q)
			}
			to.PricePerHour = q.AsApproximateFloat64()
		}
		p.Accelerators = append(p.Accelerators, to)
	}
	p.ModelBytes = c.positive("spec.accelerators.modelMemory", a.ModelMemory)
}
