package recommender

import (
	"fmt"
	"math"
	"strings"
)

// leastBatch is the number of mean requests that the cache of a profile has to
// have room for: with fewer at a time a step's weights are read for too little.
const leastBatch = 8

// AcceleratorProfile is one way to give a pod accelerators: whole GPUs, a MIG
// slice, a time-slice share, or devices of a DRA class. Which one a pod has is
// fixed for its life, so profiles are discrete choices.
type AcceleratorProfile struct {
	Name string `json:"name"`
	// Resource is the extended resource, such as nvidia.com/mig-3g.40gb, or
	// DeviceClass the DRA device class, of which a pod gets Count.
	Resource    string `json:"resource,omitempty"`
	DeviceClass string `json:"deviceClass,omitempty"`
	Count       int    `json:"count,omitempty"`
	// Throughput is how fast a pod writes (for other services, works) relative
	// to a profile with 1; zero means 1. PrefillThroughput is the same for
	// reading prompts; zero means Throughput. For MIG slices the first goes with
	// the share of the memory, the second with that of the compute units.
	Throughput        float64 `json:"throughput,omitempty"`
	PrefillThroughput float64 `json:"prefillThroughput,omitempty"`
	// MemoryBytes and PricePerHour are those of all the accelerators of a pod.
	MemoryBytes  float64 `json:"memoryBytes,omitempty"`
	PricePerHour float64 `json:"pricePerHour"`
	// Serving is how the owner expects a pod of the profile to serve a language
	// model; zero where nothing is expected.
	Serving BatchServer `json:"serving,omitzero"`
}

func (p AcceleratorProfile) decode() float64  { return orDefault(p.Throughput, 1) }
func (p AcceleratorProfile) prefill() float64 { return orDefault(p.PrefillThroughput, p.decode()) }

// Serve is how a pod of the profile serves what b serves on the profile from,
// for weights of that many bytes (zero where unknown), or why it does not:
//
//	speeds × throughput ratio,  cache tokens × (0.9·memory - weights) / (0.9·from's memory - weights)
//
// Where a memory or the weights are unknown, only a profile with no less memory
// is taken to do. Where the owner says of both profiles how they serve, the ratios
// are those of what is said.
func (p AcceleratorProfile) Serve(b BatchServer, from AcceleratorProfile, weights float64) (BatchServer, string) {
	if p.Serving.usable() && from.Serving.usable() {
		return b.as(p.Serving, from.Serving)
	}
	b.PrefillTokensPerSecond *= p.prefill() / from.prefill()
	b.DecodeTokensPerSecond *= p.decode() / from.decode()
	b.StepSecondsPerToken *= from.decode() / p.decode()
	if p.MemoryBytes != from.MemoryBytes {
		free := memoryShareOfGPU*from.MemoryBytes - weights
		switch {
		case from.MemoryBytes > 0 && weights > 0 && free > 0 && p.MemoryBytes > 0:
			b.KVCacheTokens *= max(0, memoryShareOfGPU*p.MemoryBytes-weights) / free
		case from.MemoryBytes <= 0 || p.MemoryBytes < from.MemoryBytes:
			return b, "whether the weights fit into its memory is not known"
		}
	}
	return b, b.cramped()
}

// as is the server as it would be if it had been expected to be one and not the
// other: what was measured of it counts for both.
func (b BatchServer) as(to, from BatchServer) (BatchServer, string) {
	b.MaxBatch = max(1, int(math.Round(float64(b.MaxBatch)*float64(to.MaxBatch)/float64(from.MaxBatch))))
	b.DecodeTokensPerSecond *= to.DecodeTokensPerSecond / from.DecodeTokensPerSecond
	b.StepSecondsPerToken *= to.StepSecondsPerToken / max(1e-12, from.StepSecondsPerToken)
	b.PrefillTokensPerSecond *= to.PrefillTokensPerSecond / from.PrefillTokensPerSecond
	b.KVCacheTokens *= to.KVCacheTokens / from.KVCacheTokens
	return b, b.cramped()
}

// cramped says why the cache is too small to serve; empty where it is not.
func (b BatchServer) cramped() string {
	if need := leastBatch * (b.PromptTokens + max(1, b.OutputTokens)); b.KVCacheTokens < need {
		return fmt.Sprintf("its memory holds %s tokens beside the weights, of %s for %d requests", num(max(0, b.KVCacheTokens)), num(need), leastBatch)
	}
	return ""
}

// AcceleratorChoice is the profile that would carry the need for the least. It
// is advice: a pod's accelerators are in its template, and replicas are those
// of the profile in force.
type AcceleratorChoice struct {
	Name     string `json:"name"`
	Current  string `json:"current,omitempty"`
	Replicas int    `json:"replicas"`
	// CostPerHour is that of the accelerators alone, CurrentCostPerHour that of
	// the profile in force with as many pods as it needs.
	CostPerHour        float64 `json:"costPerHour"`
	CurrentCostPerHour float64 `json:"currentCostPerHour,omitempty"`
}

// offer is what a profile would cost.
type offer struct {
	profile  AcceleratorProfile
	perPod   float64
	replicas int
	cost     float64
	short    float64
	refused  string
}

// offers works out what every profile would cost for the rate, where perPod is
// what a pod of it carries or why it does not.
func (d *draft) offers(rate float64, perPod func(AcceleratorProfile) (float64, string)) []offer {
	h := d.s.Policy.Horizontal
	out := make([]offer, 0, len(d.s.Policy.Accelerators))
	for _, p := range d.s.Policy.Accelerators {
		o := offer{profile: p}
		if o.perPod, o.refused = perPod(p); o.refused == "" && !(o.perPod > 0) {
			o.refused = "a pod of it carries nothing"
		}
		if o.refused == "" {
			n := math.Ceil(rate/o.perPod - 1e-9)
			o.replicas = int(min(max(n, float64(h.Min)), float64(h.Max)))
			o.short = lack(rate, o.perPod*float64(o.replicas))
			o.cost = float64(o.replicas) * max(0, p.PricePerHour)
		}
		out = append(out, o)
	}
	return out
}

// chooseAccelerator picks the cheapest profile that is the least short, the
// one in force of several, and tells what each would have cost.
func (d *draft) chooseAccelerator(rate float64, perPod func(AcceleratorProfile) (float64, string)) {
	offers := d.offers(rate, perPod)
	best, now := -1, -1
	var lines []string
	for i, o := range offers {
		if o.refused != "" {
			lines = append(lines, o.profile.Name+": "+o.refused)
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: %d pods that carry %s each, %s an hour", o.profile.Name, o.replicas, num(o.perPod), num(o.cost)))
		current := o.profile.Name == d.s.Accelerator
		if current {
			now = i
		}
		if best < 0 || better(o, offers[best], current) {
			best = i
		}
	}
	if best < 0 {
		return
	}
	o := offers[best]
	d.accelerator = &AcceleratorChoice{Name: o.profile.Name, Current: d.s.Accelerator, Replicas: o.replicas, CostPerHour: o.cost}
	before := o.cost
	if now >= 0 {
		before = offers[now].cost
		d.accelerator.CurrentCostPerHour = before
	}
	d.add(Reason{
		Code: ReasonAccelerator, Subject: "accelerator", Unit: d.currency() + "/h", Before: before, After: o.cost,
		Message: fmt.Sprintf("for %s %s %s is the cheapest (%s)", num(rate), d.unit(), o.profile.Name, strings.Join(lines, "; ")),
	})
}

// better says whether an offer goes before another; current that it is the one
// in force.
func better(a, b offer, current bool) bool {
	const same = 1e-9
	switch {
	case a.short < b.short-same:
		return true
	case a.short > b.short+same:
		return false
	case a.cost < b.cost-same:
		return true
	default:
		return current && a.cost <= b.cost+same
	}
}

// inForce is the profile that pods have now; one with nothing known but its
// speed of 1 where it is not listed.
func (d *draft) inForce() AcceleratorProfile {
	for _, p := range d.s.Policy.Accelerators {
		if p.Name == d.s.Accelerator {
			return p
		}
	}
	return AcceleratorProfile{}
}

// modelAccelerator chooses among the profiles for a language model.
func (d *draft) modelAccelerator(m mixture) {
	from := d.inForce()
	d.chooseAccelerator(m.rate, func(p AcceleratorProfile) (float64, string) {
		b := *d.s.Batch
		b.PromptTokens, b.OutputTokens = m.prompt, m.output
		b, refused := p.Serve(b, from, d.s.Policy.ModelBytes)
		return b.within(d.s.Policy), refused
	})
}

func (d *draft) unit() string {
	if d.s.Demand != nil {
		return d.s.Demand.Unit
	}
	return "GPUs"
}
