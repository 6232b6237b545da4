package recommender

// VerticalPolicy bounds the sizes of the containers.
type VerticalPolicy struct {
	// Fixed keeps the sizes as they are.
	Fixed bool `json:"fixed,omitempty"`
	// MinAllowed and MaxAllowed bound the target of each container. Zero
	// means 10 milli-CPU and 32 MiB, and no upper bound.
	MinAllowed Resources `json:"minAllowed"`
	MaxAllowed Resources `json:"maxAllowed"`
	// CPUUtilization is the share of its requested CPU that a container without
	// a latency objective may use, in (0, 1]: averages over minutes hide what
	// happens within them. Zero means 0.9.
	CPUUtilization float64 `json:"cpuUtilization,omitempty"`
	// Burst is the CPU that a container may count on beyond its request, as a
	// share of it: what its node leaves it where it has no limit, or its limit
	// allows it. Zero counts on requests alone. A request is never below what is
	// expected to be used.
	Burst float64 `json:"burst,omitempty"`
	// MemoryMargin is the share added to the memory a container is expected
	// to reach. Zero means that it is learned (see [WindowMargin]).
	MemoryMargin float64 `json:"memoryMargin,omitempty"`
	// InPlace says that sizes can change without a restart, so that they may
	// follow demand.
	InPlace bool `json:"inPlace,omitempty"`
	// CPULimits says what to do with CPU limits. Empty means LimitRatio.
	CPULimits LimitPolicy `json:"cpuLimits,omitempty"`
	// MemoryLimits says what to do with memory limits. Empty means LimitRatio.
	MemoryLimits LimitPolicy `json:"memoryLimits,omitempty"`
	// StepUp and StepDown are the largest share by which one decision raises or
	// lowers a request: 0.5 allows half as much again. Zero sets no limit.
	// Kills for want of memory are answered whatever StepUp says.
	StepUp   float64 `json:"stepUp,omitempty"`
	StepDown float64 `json:"stepDown,omitempty"`
	// Containers say more about single containers.
	Containers []ContainerPolicy `json:"containers,omitempty"`
}

// ContainerPolicy says how one container may be sized. What it leaves zero is
// as VerticalPolicy has it.
type ContainerPolicy struct {
	// Name is that of the container, or "*" for all that are not named.
	Name string `json:"name"`
	// Fixed leaves the container as it is, FixedCPU and FixedMemory one of its
	// resources.
	Fixed       bool `json:"fixed,omitempty"`
	FixedCPU    bool `json:"fixedCPU,omitempty"`
	FixedMemory bool `json:"fixedMemory,omitempty"`

	MinAllowed     Resources `json:"minAllowed,omitzero"`
	MaxAllowed     Resources `json:"maxAllowed,omitzero"`
	CPUUtilization float64   `json:"cpuUtilization,omitempty"`
	MemoryMargin   float64   `json:"memoryMargin,omitempty"`
	CPULimit       Limit     `json:"cpuLimit,omitzero"`
	MemoryLimit    Limit     `json:"memoryLimit,omitzero"`
	// MemoryPerCore bounds the memory for a core. What is too small for it is
	// raised.
	MemoryPerCore MemoryPerCore `json:"memoryPerCore,omitzero"`
	// CPUStep and MemoryStep are what requests are multiples of: 1000 for whole
	// cores, as the static CPU manager wants them. Zero means any amount.
	CPUStep    MilliCPU `json:"cpuStepMillis,omitempty"`
	MemoryStep Bytes    `json:"memoryStepBytes,omitempty"`
	// Sizes are the only sizes allowed: the cheapest that is enough is taken,
	// the one that lacks the least where none is. They stand for MemoryPerCore
	// and the steps.
	Sizes []Resources `json:"sizes,omitempty"`
	// Boost says whether the container may get more CPU while it starts.
	Boost BoostPolicy `json:"boost,omitzero"`
}

// MemoryPerCore bounds the memory requested for each core requested; zero does
// not bind.
type MemoryPerCore struct {
	Min Bytes `json:"minBytes,omitempty"`
	Max Bytes `json:"maxBytes,omitempty"`
}

// BoostPolicy bounds what a container gets while it starts.
type BoostPolicy struct {
	Off bool `json:"off,omitempty"`
	// MaxCPU bounds the CPU; zero means MaxAllowed.
	MaxCPU MilliCPU `json:"maxCPUMillis,omitempty"`
	// MaxSeconds bounds how long it lasts; zero means 600.
	MaxSeconds float64 `json:"maxSeconds,omitempty"`
}

// Limit says how a limit follows its request.
type Limit struct {
	Policy LimitPolicy `json:"policy,omitempty"`
	// Ratio is limit over request under LimitRatio, at least 1; zero means that
	// which is there.
	Ratio float64 `json:"ratio,omitempty"`
	// Headroom is how much more than the request the limit is under
	// LimitHeadroom, in milli-CPU or bytes, and HeadroomShare the same as a
	// share of the request. They add up.
	Headroom      int64   `json:"headroom,omitempty"`
	HeadroomShare float64 `json:"headroomShare,omitempty"`
	// ThrottledShare is the share of CFS periods in which a CPU limit under
	// LimitHeadroom may throttle, in (0, 0.5]; it counts where the demand and
	// the CPU it takes are known. Zero asks for nothing.
	ThrottledShare float64 `json:"throttledShare,omitempty"`
}

// LimitPolicy names how a limit follows its request.
type LimitPolicy string

// The limit policies.
const (
	// LimitRatio keeps the ratio of limit to request; no limit stays no limit.
	LimitRatio LimitPolicy = "Ratio"
	// LimitEqual sets the limit to the request.
	LimitEqual LimitPolicy = "Equal"
	// LimitHeadroom sets the limit some way above the request.
	LimitHeadroom LimitPolicy = "Headroom"
	// LimitNone removes the limit.
	LimitNone LimitPolicy = "None"
)

// containerRules returns what holds for a container, with every field that has
// a default filled in.
func (v VerticalPolicy) containerRules(name string) ContainerPolicy {
	rules := ContainerPolicy{}
	for _, c := range v.Containers {
		if c.Name == name {
			rules = c
			break
		}
		if c.Name == "*" {
			rules = c
		}
	}
	rules.Name = name
	rules.Fixed = rules.Fixed || v.Fixed
	rules.MinAllowed = rules.MinAllowed.or(v.MinAllowed)
	rules.MaxAllowed = rules.MaxAllowed.or(v.MaxAllowed)
	rules.CPUUtilization = orDefault(min(rules.CPUUtilization, 1), v.CPUUtilization)
	rules.MemoryMargin = orDefault(rules.MemoryMargin, v.MemoryMargin)
	if rules.CPULimit.Policy == "" {
		rules.CPULimit.Policy = v.CPULimits
	}
	if rules.MemoryLimit.Policy == "" {
		rules.MemoryLimit.Policy = v.MemoryLimits
	}
	return rules
}

// or returns r with the amounts of o where r has none.
func (r Resources) or(o Resources) Resources {
	if r.CPU <= 0 {
		r.CPU = o.CPU
	}
	if r.Memory <= 0 {
		r.Memory = o.Memory
	}
	return r
}
