package recommender

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

const (
	// variantReach is how many replicas below those that would carry all of the
	// rest are tried of a variant where there are two, and variantNear where
	// there are more.
	variantReach, variantNear = 60, 8
)

// Variant is one of several workloads that serve the same model on different
// profiles, such as base load on large GPUs and bursts on small ones.
type Variant struct {
	// Name is that of the workload.
	Name string `json:"name"`
	// Batch is how one of its pods serves. Its tokens are not looked at: those
	// of the demand hold.
	Batch BatchServer `json:"batch"`
	// Evidence is what that was learned from; nil where it is given.
	Evidence     *BatchEvidence `json:"evidence,omitempty"`
	PricePerHour float64        `json:"pricePerHour"`
	// Min and Max bound its replicas; a Max of zero is no bound.
	Min     int `json:"min,omitempty"`
	Max     int `json:"max,omitempty"`
	Desired int `json:"desired,omitempty"`
}

// filling is a number of replicas for each variant.
type filling struct {
	counts  []int
	cost    float64
	short   float64 // Of the rate, in its unit.
	changes int
}

// FillVariants returns replicas of each variant that carry a rate for the
// least, where a pod of variant i carries perPod[i]. They are filled in the
// order of their price for what they carry, cheapest first; how many of the
// first are best is tried out, since the last pod of a large one may carry less
// than a small one costs. The rate that the bounds leave uncovered comes second.
// A variant that carries nothing stays at its minimum.
func FillVariants(rate float64, variants []Variant, perPod []float64) (counts []int, short float64) {
	f := variantFiller{variants: variants, perPod: perPod, near: variantReach}
	if len(variants) > 2 {
		f.near = variantNear
	}
	base := filling{counts: make([]int, len(variants))}
	for i, v := range variants {
		base.counts[i] = max(0, v.Min)
		rate -= float64(base.counts[i]) * f.carries(i)
		if f.carries(i) > 0 {
			f.order = append(f.order, i)
		}
	}
	slices.SortStableFunc(f.order, func(a, b int) int {
		return cmp.Compare(variants[a].PricePerHour/perPod[a], variants[b].PricePerHour/perPod[b])
	})
	f.best.short = math.Inf(1)
	f.try(0, rate, base.counts)
	return f.best.counts, max(0, f.best.short)
}

type variantFiller struct {
	variants []Variant
	perPod   []float64
	order    []int
	near     int
	best     filling
}

func (f *variantFiller) carries(i int) float64 {
	if c := f.perPod[i]; c > 0 && !math.IsInf(c, 1) {
		return c
	}
	return 0
}

// try gives the rest of the rate to the variants from the k-th of the order on.
func (f *variantFiller) try(k int, rest float64, counts []int) {
	if k == len(f.order) {
		f.take(rest, counts)
		return
	}
	i := f.order[k]
	least := counts[i]
	full := least
	if rest > 1e-9 {
		full = least + int(min(math.Ceil(rest/f.perPod[i]-1e-9), 1e6))
	}
	if most := f.variants[i].Max; most > 0 {
		full = max(least, min(full, most))
	}
	down := full
	if k < len(f.order)-1 {
		down = max(least, full-f.near)
	}
	for n := full; n >= down; n-- {
		counts[i] = n
		f.try(k+1, rest-float64(n-least)*f.perPod[i], counts)
	}
	counts[i] = least
}

// take keeps a filling that is better than the best so far.
func (f *variantFiller) take(rest float64, counts []int) {
	c := filling{short: max(0, rest)}
	if c.short < 1e-9 {
		c.short = 0
	}
	for i, n := range counts {
		c.cost += float64(n) * f.variants[i].PricePerHour
		c.changes += max(n-f.variants[i].Desired, f.variants[i].Desired-n)
	}
	const same = 1e-9
	b := &f.best
	switch {
	case c.short != b.short:
		if c.short > b.short {
			return
		}
	case math.Abs(c.cost-b.cost) > same:
		if c.cost > b.cost {
			return
		}
	case c.changes >= b.changes:
		return
	}
	c.counts = slices.Clone(counts)
	*b = c
}

// variantShare is the number of this workload's pods where it is one of several
// variants of a model; false where it is not.
func (d *draft) variantShare(m mixture, perPod float64) (pods float64, ok bool) {
	own := slices.IndexFunc(d.s.Variants, func(v Variant) bool { return v.Name == d.s.Workload.Name })
	if own < 0 || len(d.s.Variants) < 2 {
		return 0, false
	}
	carried := make([]float64, len(d.s.Variants))
	for i, v := range d.s.Variants {
		b := v.Batch
		b.PromptTokens, b.OutputTokens = m.prompt, m.output
		if b.usable() {
			carried[i] = v.Evidence.carries(b.within(d.s.Policy))
		}
	}
	carried[own] = perPod
	counts, short := FillVariants(m.rate, d.s.Variants, carried)
	lines := make([]string, len(counts))
	for i, v := range d.s.Variants {
		lines[i] = fmt.Sprintf("%s: %d pods that carry %s each for %s an hour", v.Name, counts[i], num(carried[i]), num(v.PricePerHour))
	}
	message := strings.Join(lines, "; ")
	if short > 0 {
		message += fmt.Sprintf("; %s %s stay uncovered", num(short), d.unit())
	}
	d.add(Reason{
		Code: ReasonVariants, Subject: "replicas", Unit: "pods", Before: float64(d.s.Variants[own].Desired), After: float64(counts[own]), Message: message,
	})
	return float64(counts[own]), true
}
