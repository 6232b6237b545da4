package config

import (
	"bytes"
	stdjson "encoding/json"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/rightsize-dev/rightsize/recommender"
)

// file is the settings file as written. Pointers tell a field that is absent
// from one that is zero.
type file struct {
	APIVersion string             `json:"apiVersion"`
	Kind       string             `json:"kind"`
	Prometheus stdjson.RawMessage `json:"prometheus"`
	Prices     *pricesFile        `json:"prices"`
	Policy     *policyFile        `json:"policy"`
	Overrides  []override         `json:"overrides"`
	Budgets    *budgetsFile       `json:"budgets"`
	KillSwitch bool               `json:"killSwitch"`
}

type budgetsFile struct {
	ResizesPerMinute *int `json:"resizesPerMinute"`
	EvictionsPerHour *int `json:"evictionsPerHour"`
}

type pricesFile struct {
	Currency      *string  `json:"currency"`
	CPUCoreHour   *float64 `json:"cpuCoreHour"`
	MemoryGiBHour *float64 `json:"memoryGiBHour"`
	GPUHour       *float64 `json:"gpuHour"`
	DominantShare *bool    `json:"dominantShare"`
}

// override is a policy for the workloads that match all of its patterns.
type override struct {
	Cluster   string     `json:"cluster"`
	Namespace string     `json:"namespace"`
	Kind      string     `json:"kind"`
	Name      string     `json:"name"`
	Policy    policyFile `json:"policy"`
}

type policyFile struct {
	Risk       *float64        `json:"risk"`
	Hold       *string         `json:"hold"`
	ChangeCost *string         `json:"changeCost"`
	Objective  *objectiveFile  `json:"objective"`
	Horizontal *horizontalFile `json:"horizontal"`
	Vertical   *verticalFile   `json:"vertical"`
}

type objectiveFile struct {
	LatencySeconds *float64 `json:"latencySeconds"`
	Percentile     *float64 `json:"percentile"`
	ServiceCV      *float64 `json:"serviceCV"`
	WaitSeconds    *float64 `json:"waitSeconds"`
	TTFTSeconds    *float64 `json:"ttftSeconds"`
	ITLSeconds     *float64 `json:"itlSeconds"`
}

type horizontalFile struct {
	Fixed         *bool   `json:"fixed"`
	OnUsage       *bool   `json:"onUsage"`
	Min           *int    `json:"min"`
	Max           *int    `json:"max"`
	Stabilization *string `json:"stabilization"`
	// Zero lets the last pod go after a time without demand.
	ZeroAfter *string `json:"zeroAfter"`
}

type verticalFile struct {
	Fixed          *bool          `json:"fixed"`
	MinAllowed     *resourcesFile `json:"minAllowed"`
	MaxAllowed     *resourcesFile `json:"maxAllowed"`
	CPUUtilization *float64       `json:"cpuUtilization"`
	MemoryMargin   *float64       `json:"memoryMargin"`
	InPlace        *bool          `json:"inPlace"`
	CPULimits      *string        `json:"cpuLimits"`
	MemoryLimits   *string        `json:"memoryLimits"`
	Burst          *float64       `json:"burst"`
	StepUp         *float64       `json:"stepUp"`
	StepDown       *float64       `json:"stepDown"`
}

type resourcesFile struct {
	CPU    *quantity `json:"cpu"`
	Memory *quantity `json:"memory"`
}

// quantity is an amount as Kubernetes writes them; a plain number needs no
// quotes.
type quantity string

// UnmarshalJSON reads a string or a number. Anything else is kept as it stands
// and told later, together with the path of the field.
func (q *quantity) UnmarshalJSON(data []byte) error {
	*q = quantity(bytes.Trim(data, `"`))
	return nil
}

// apply writes the fields that are present over those of p. The file has been
// checked before.
func (f policyFile) apply(p *recommender.Policy) {
	set(&p.Risk, f.Risk)
	setSeconds(&p.HoldSeconds, f.Hold)
	var change float64
	if setSeconds(&change, f.ChangeCost); change > 0 {
		p.ChangeHours = change / time.Hour.Seconds()
	}
	if o := f.Objective; o != nil {
		set(&p.Objective.LatencySeconds, o.LatencySeconds)
		set(&p.Objective.Percentile, o.Percentile)
		set(&p.Objective.ServiceCV, o.ServiceCV)
		set(&p.Objective.WaitSeconds, o.WaitSeconds)
		set(&p.Objective.TTFTSeconds, o.TTFTSeconds)
		set(&p.Objective.ITLSeconds, o.ITLSeconds)
	}
	if h := f.Horizontal; h != nil {
		set(&p.Horizontal.Fixed, h.Fixed)
		set(&p.Horizontal.OnUsage, h.OnUsage)
		set(&p.Horizontal.Min, h.Min)
		set(&p.Horizontal.Max, h.Max)
		setSeconds(&p.Horizontal.StabilizationSeconds, h.Stabilization)
		if h.ZeroAfter != nil {
			p.Horizontal.Zero = &recommender.ZeroPolicy{}
			setSeconds(&p.Horizontal.Zero.IdleSeconds, h.ZeroAfter)
		}
	}
	if v := f.Vertical; v != nil {
		v.apply(&p.Vertical)
	}
}

func (f verticalFile) apply(v *recommender.VerticalPolicy) {
	set(&v.Fixed, f.Fixed)
	f.MinAllowed.apply(&v.MinAllowed)
	f.MaxAllowed.apply(&v.MaxAllowed)
	set(&v.CPUUtilization, f.CPUUtilization)
	set(&v.MemoryMargin, f.MemoryMargin)
	set(&v.InPlace, f.InPlace)
	set(&v.Burst, f.Burst)
	set(&v.StepUp, f.StepUp)
	set(&v.StepDown, f.StepDown)
	if f.CPULimits != nil {
		v.CPULimits = recommender.LimitPolicy(*f.CPULimits)
	}
	if f.MemoryLimits != nil {
		v.MemoryLimits = recommender.LimitPolicy(*f.MemoryLimits)
	}
}

// apply rounds up to whole milli-CPU and bytes.
func (f *resourcesFile) apply(r *recommender.Resources) {
	if f == nil {
		return
	}
	if f.CPU != nil {
		if q, err := resource.ParseQuantity(string(*f.CPU)); err == nil {
			r.CPU = recommender.MilliCPU(q.MilliValue())
		}
	}
	if f.Memory != nil {
		if q, err := resource.ParseQuantity(string(*f.Memory)); err == nil {
			r.Memory = recommender.Bytes(q.Value())
		}
	}
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func setSeconds(to *float64, from *string) {
	if from == nil {
		return
	}
	if d, err := time.ParseDuration(*from); err == nil {
		*to = d.Seconds()
	}
}
