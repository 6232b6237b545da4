package recommender

import (
	"fmt"
	"math"
	"slices"

	"github.com/rightsize-dev/rightsize/forecaster"
)

const (
	// gpuUtilization is the share of its GPUs that a pod may be busy for. With
	// one request at a time in a GPU, half of what 0.8 leaves waits for less
	// than four times its service (M/M/1: P(wait > 4s) = 0.8·exp(-0.8) = 0.36).
	gpuUtilization = 0.8
	// gpuSaturated is the share of busy time from which activity is cut off:
	// what was wanted is not known, only that it is more.
	gpuSaturated = 0.95
	// gpuGrowth is how much more than all GPUs is then asked for.
	gpuGrowth = 1.5
	// gpuVaries is the ratio of the 0.1 to the 0.9 quantile of the busy share
	// of a GPU below which it follows demand. A training loop or a server that
	// polls is as busy whatever arrives.
	gpuVaries = 0.75
	// gpuScaledLow and gpuScaledHigh enclose the busy share of GPUs whose number
	// follows demand already: neither idle nor at the end of it.
	gpuScaledLow, gpuScaledHigh = 0.2, 0.9
	// gpuLeastSamples is how many samples that takes: two days of five minutes.
	gpuLeastSamples = 576
)

// GPUActivity is the work of a service that computes on GPUs, in GPUs: busy
// GPU-seconds a second, summed over its pods.
type GPUActivity struct {
	Usage
	// Signal is the name of the metric. Coarse says that it counts the time in
	// which anything ran, however little, such as DCGM_FI_DEV_GPU_UTIL: it reads
	// high, so that it may ask for more than is needed and never for less.
	Signal string `json:"signal,omitempty"`
	Coarse bool   `json:"coarse,omitempty"`
	// Follows says that it follows demand (see [GPUFollows]).
	Follows bool `json:"follows,omitempty"`
}

// GPUFollows says whether the activity of GPUs can stand for demand: over two
// days or more the busy share of a GPU has to have varied, or all activity has
// while the share was neither small nor near 1, since pods were scaled with it.
// Activity and pods are on one grid.
func GPUFollows(activity, pods forecaster.Series, perPod int) bool {
	if perPod <= 0 {
		return false
	}
	var share, total []float64
	for i := range min(len(activity.Values), len(pods.Values)) {
		v := activity.Values[i]
		if s := v / (pods.Values[i] * float64(perPod)); pods.Values[i] >= 1 && s >= 0 && !math.IsInf(s, 1) {
			share, total = append(share, s), append(total, v)
		}
	}
	if len(share) < gpuLeastSamples {
		return false
	}
	low, high := deciles(share)
	if high > 0 && low < gpuVaries*high {
		return true
	}
	least, most := deciles(total)
	return most > 0 && least < gpuVaries*most && low >= gpuScaledLow && high <= gpuScaledHigh
}

// deciles are the 0.1 and 0.9 quantiles of values, which it sorts.
func deciles(values []float64) (low, high float64) {
	slices.Sort(values)
	return values[len(values)/10], values[len(values)*9/10]
}

// gpuServed says whether replicas can follow the activity of GPUs: not for
// language models, whose GPUs are busy with a batch of any size.
func (d *draft) gpuServed() bool {
	g := d.s.GPU
	return g != nil && d.s.Batch == nil && g.Samples > 0 && g.Follows && d.gpusPerPod() > 0
}

func (d *draft) gpusPerPod() float64 {
	n := 0
	for _, c := range d.s.Containers {
		n += c.GPUs
	}
	return float64(n)
}

// gpuNeed is the need of a service on GPUs in GPU-seconds a second,
//
//	pods = Q(max over ahead) / (0.8 · GPUs a pod)
//
// Activity of all GPUs for 95 % of the time, or any with work that waits, is
// cut off: then half more than all of them is asked for.
func (d *draft) gpuNeed(n *need, w windows) {
	g, perPod := d.s.GPU, d.gpusPerPod()
	there := perPod * float64(d.s.Replicas.pods())
	level := 1 - d.s.Policy.Risk
	n.gpusPerPod = gpuUtilization * perPod
	n.gpus = max(d.within(g.Forecast, w.ahead, level), g.Last)
	read := ""
	if g.Coarse {
		read = ", by a metric that reads high"
	}
	d.add(Reason{
		Code: ReasonForecast, Subject: "gpu", Unit: "GPUs", Before: g.Last, After: n.gpus,
		Message: fmt.Sprintf("keeps %s GPUs busy now%s; with probability %s it stays below %s within %s",
			num(g.Last), read, percent(level), num(n.gpus), span(w.ahead)),
	})
	if why := distrust(g.Forecast); why != "" {
		floor := g.Recent * (1 + reactiveMargin)
		d.add(Reason{
			Code: ReasonLowTrust, Subject: "gpu", Unit: "GPUs", Before: n.gpus, After: max(n.gpus, floor),
			Message: fmt.Sprintf("%s: at least the most of the last 15 minutes and %s more, %s GPUs", why, percent(reactiveMargin), num(floor)),
		})
		n.gpus = max(n.gpus, floor)
	}
	waits := d.s.Demand != nil && d.s.Demand.Backlog >= 1 && g.Last >= gpuUtilization*there
	if g.Last >= gpuSaturated*there || waits {
		cut := gpuGrowth * there * gpuUtilization
		d.add(Reason{
			Code: ReasonThrottled, Subject: "gpu", Unit: "GPUs", Before: n.gpus, After: max(n.gpus, cut),
			Message: fmt.Sprintf("%s of %s GPUs are busy: activity is cut off, so demand is taken to be above it", num(g.Last), num(there)),
		})
		n.gpus = max(n.gpus, cut)
	}
	d.add(Reason{
		Code: ReasonGPUSeconds, Subject: "replicas", Unit: "pods", Before: float64(d.s.Replicas.Desired), After: math.Ceil(n.gpus/n.gpusPerPod - 1e-9),
		Message: fmt.Sprintf("a pod of %s GPUs does %s GPU-seconds a second at %s", num(perPod), num(n.gpusPerPod), percent(gpuUtilization)),
	})
	from := d.inForce()
	d.chooseAccelerator(n.gpus, func(p AcceleratorProfile) (float64, string) {
		if p.MemoryBytes < from.MemoryBytes || p.MemoryBytes > 0 && from.MemoryBytes <= 0 {
			return 0, "whether the work fits into its memory is not known"
		}
		return n.gpusPerPod * p.decode() / from.decode(), ""
	})
}

// gpuShort is the share of the GPU-seconds that so many pods leave undone.
func (n need) gpuShort(replicas int) float64 {
	if n.gpusPerPod <= 0 {
		return 0
	}
	return lack(n.gpus, n.gpusPerPod*float64(max(1, replicas)))
}
