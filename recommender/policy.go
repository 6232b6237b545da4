package recommender

// Defaults of a Policy's zero fields, and who chose them.
const (
	// defaultRisk is the quantile 0.95, which the tests of calibration in
	// docs/algorithms/forecasting.md are about.
	defaultRisk = 0.05
	// defaultHold is the control interval that a cautious operator of the
	// Horizontal Pod Autoscaler allows between scale-downs.
	defaultHold = 300
	// defaultChangeHours was measured: see docs/algorithms/sizing.md.
	defaultChangeHours = 0.02
	// defaultStabilization is that autoscaler's default for scaling down.
	defaultStabilization = 300
	// defaultStartup stands in for a start-up time that is not known.
	defaultStartup = 60
	// defaultResize stands in for a time to resize that is not known.
	defaultResize = 60
	// defaultUtilization leaves a tenth for what happens within a sample.
	defaultUtilization = 0.9
	// defaultMemoryMargin, that of the Vertical Pod Autoscaler, holds until
	// there are enough daily peaks to learn one from.
	defaultMemoryMargin = 0.15
	// defaultPercentile is the share of requests that has to meet an objective.
	defaultPercentile = 0.95
	// defaultGrowth bounds the replicas where no maximum is set.
	defaultGrowth = 10
)

// burstMost bounds what may be counted on beyond a request.
const burstMost = 10

const (
	defaultMinCPU    MilliCPU = 10
	defaultMinMemory Bytes    = 32 * MiB
)

// withDefaults returns the policy with zero fields filled in and impossible
// values moved to the nearest possible ones.
func (p Policy) withDefaults(replicas Replicas) Policy {
	p.Risk = orDefault(min(p.Risk, 0.5), defaultRisk)
	p.HoldSeconds = orDefault(p.HoldSeconds, defaultHold)
	p.ChangeHours = orDefault(p.ChangeHours, defaultChangeHours)
	p.Objective.Percentile = orDefault(min(p.Objective.Percentile, 0.9999), defaultPercentile)
	p.Objective.ServiceCV = orDefault(p.Objective.ServiceCV, 1)
	h, v := &p.Horizontal, &p.Vertical
	h.StabilizationSeconds = orDefault(h.StabilizationSeconds, defaultStabilization)
	if h.Min <= 0 {
		h.Min = 1
	}
	if h.Max <= 0 {
		h.Max = defaultGrowth * max(1, replicas.Desired)
	}
	h.Max = max(h.Max, h.Min)
	v.CPUUtilization = orDefault(min(v.CPUUtilization, 1), defaultUtilization)
	v.Burst = max(0, min(v.Burst, burstMost))
	if v.MinAllowed.CPU <= 0 {
		v.MinAllowed.CPU = defaultMinCPU
	}
	if v.MinAllowed.Memory <= 0 {
		v.MinAllowed.Memory = defaultMinMemory
	}
	if v.CPULimits == "" {
		v.CPULimits = LimitRatio
	}
	if v.MemoryLimits == "" {
		v.MemoryLimits = LimitRatio
	}
	return p
}

// orDefault returns x, or the default where x is not positive.
func orDefault(x, def float64) float64 {
	if x > 0 {
		return x
	}
	return def
}
