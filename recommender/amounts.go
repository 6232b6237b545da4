package recommender

import "math"

// The resources of an amounts.
const (
	ofCPU = iota
	ofMemory
)

// amounts are the milli-CPU and the bytes of a container or a pod, so that what
// holds for both is written once.
type amounts [2]int64

// shares are one for each resource, in the order of amounts.
type shares [2]float64

// boundless is more than anything.
const boundless = math.MaxInt64

func (r Resources) amounts() amounts { return amounts{int64(r.CPU), int64(r.Memory)} }

func (a amounts) resources() Resources {
	return Resources{CPU: MilliCPU(a[ofCPU]), Memory: Bytes(a[ofMemory])}
}

// bounds are the amounts with zero for no bound made boundless.
func (r Resources) bounds() amounts {
	a := r.amounts()
	for k, v := range a {
		if v <= 0 {
			a[k] = boundless
		}
	}
	return a
}

func (a amounts) plus(b amounts) amounts {
	return amounts{addSaturating(a[0], b[0]), addSaturating(a[1], b[1])}
}

// minus is at least zero.
func (a amounts) minus(b amounts) amounts {
	return amounts{max(0, a[0]-b[0]), max(0, a[1]-b[1])}
}

func (a amounts) atMost(b amounts) amounts { return amounts{min(a[0], b[0]), min(a[1], b[1])} }

func (a amounts) atLeast(b amounts) amounts { return amounts{max(a[0], b[0]), max(a[1], b[1])} }

// within says whether neither amount exceeds the other's.
func (a amounts) within(b amounts) bool { return a[0] <= b[0] && a[1] <= b[1] }

// mulSaturating is a·n for n ≥ 0, the largest amount where that overflows.
func mulSaturating(a int64, n int) int64 {
	if a <= 0 || n <= 0 {
		return 0
	}
	if a > math.MaxInt64/int64(n) {
		return math.MaxInt64
	}
	return a * int64(n)
}

// price is what the amounts cost an hour.
func (p Prices) of(a amounts) float64 {
	return float64(a[ofCPU])/1000*p.CPUCoreHour + float64(a[ofMemory])/float64(GiB)*p.MemoryGiBHour
}

// subject and unit name a resource in reasons, inUnit is an amount in it, and
// amountOf prints one.
func subject(r int) string { return [...]string{"cpu", "memory"}[r] }
func unit(r int) string    { return [...]string{"cores", "bytes"}[r] }

func inUnit(r int, v int64) float64 {
	if r == ofCPU {
		return float64(v) / 1000
	}
	return float64(v)
}

func amountOf(r int, v int64) string {
	if r == ofCPU {
		return num(float64(v)/1000) + " cores"
	}
	return size(float64(v))
}
