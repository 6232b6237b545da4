package recommender

import (
	"cmp"
	"math"
	"slices"
)

// MilliCPU is an amount of CPU in thousandths of a core. Zero means none was
// set.
type MilliCPU int64

// Bytes is an amount of memory. Zero means none was set.
type Bytes int64

// Memory units.
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
)

// Cores converts to cores.
func (m MilliCPU) Cores() float64 { return float64(m) / 1000 }

// GiB converts to gibibytes.
func (b Bytes) GiB() float64 { return float64(b) / float64(GiB) }

// FromCores rounds cores up to whole milli-CPU; NaN and negative values give
// 0, values out of range the largest amount.
func FromCores(cores float64) MilliCPU { return MilliCPU(ceilInt64(cores * 1000)) }

// FromBytes rounds up to whole bytes; NaN and negative values give 0, values
// out of range the largest amount.
func FromBytes(bytes float64) Bytes { return Bytes(ceilInt64(bytes)) }

// ceilInt64 rounds up and saturates. A millionth is forgiven, so that 0.3 of a
// core is 300 milli-CPU and not 301.
func ceilInt64(x float64) int64 {
	if math.IsNaN(x) || x <= 0 {
		return 0
	}
	c := math.Ceil(x - 1e-6)
	if c >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(c)
}

// Resources is an amount of each resource of one container or pod. A zero
// field means that none was set.
type Resources struct {
	CPU    MilliCPU `json:"cpuMillis,omitempty"`
	Memory Bytes    `json:"memoryBytes,omitempty"`
}

// Add returns the sum, saturating at the largest amount.
func (r Resources) Add(o Resources) Resources {
	return Resources{
		CPU:    MilliCPU(addSaturating(int64(r.CPU), int64(o.CPU))),
		Memory: Bytes(addSaturating(int64(r.Memory), int64(o.Memory))),
	}
}

func addSaturating(a, b int64) int64 {
	if s := a + b; s >= a || b < 0 {
		return s
	}
	return math.MaxInt64
}

// Clamp returns the amounts moved into [lo, hi] per resource; a zero bound
// does not bind.
func (r Resources) Clamp(lo, hi Resources) Resources {
	return Resources{
		CPU:    MilliCPU(clampInt64(int64(r.CPU), int64(lo.CPU), int64(hi.CPU))),
		Memory: Bytes(clampInt64(int64(r.Memory), int64(lo.Memory), int64(hi.Memory))),
	}
}

func clampInt64(v, lo, hi int64) int64 {
	if hi > 0 {
		v = min(v, hi)
	}
	return max(v, lo)
}

// Enough is how many pods of these sizes have what is needed whichever of them are
// left: as many of the smallest as it takes. 0 where nothing is needed, otherwise if
// all of them do not have it.
func Enough(sizes []Resources, need Resources, otherwise int) int {
	var cpu []MilliCPU
	var memory []Bytes
	for _, s := range sizes {
		cpu, memory = append(cpu, s.CPU), append(memory, s.Memory)
	}
	return max(enough(cpu, need.CPU, otherwise), enough(memory, need.Memory, otherwise))
}

func enough[T cmp.Ordered](amounts []T, need T, otherwise int) int {
	slices.Sort(amounts)
	var sum, zero T
	if need <= zero {
		return 0
	}
	for i, a := range amounts {
		sum += a
		if sum >= need {
			return i + 1
		}
	}
	return otherwise
}
