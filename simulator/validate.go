package simulator

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// maxSteps bounds a simulation, so that a step of a nanosecond is an error and
// not an endless run.
const maxSteps = 20_000_000

// FieldError says what is wrong with one field of a scenario.
type FieldError struct {
	// Path is the field's place in a scenario file, such as spec.demand.scale.
	Path    string
	Problem string
}

// Error names the field and the problem.
func (e *FieldError) Error() string { return e.Path + ": " + e.Problem }

// checker remembers the first problem found.
type checker struct{ err error }

func (c *checker) require(ok bool, path, format string, args ...any) {
	if c.err == nil && !ok {
		c.err = &FieldError{Path: path, Problem: fmt.Sprintf(format, args...)}
	}
}

func (c *checker) positiveSpan(path string, d time.Duration) {
	c.require(d > 0, path, "must be > 0, got %v", d)
}

func (c *checker) notNegativeSpan(path string, d time.Duration) {
	c.require(d >= 0, path, "must be >= 0, got %v", d)
}

// Validate returns the first problem of the scenario as a [*FieldError], or
// nil. Whoever builds a Scenario need not call it: [Run] does.
func (sc *Scenario) Validate() error {
	c := &checker{}
	c.require(sc.Name != "", "metadata.name", "must not be empty")
	c.notNegativeSpan("spec.warmup", sc.Warmup)
	c.positiveSpan("spec.step", sc.Step)
	c.positiveSpan("spec.duration", sc.Duration)
	if c.err == nil {
		steps := (min(SteeredWarmup, sc.Warmup) + sc.Duration) / sc.Step
		c.require(steps <= maxSteps, "spec.step", "%v makes %d steps, more than %d", sc.Step, steps, maxSteps)
		history := sc.Warmup / sc.Step
		c.require(history <= maxSteps, "spec.step", "%v makes %d steps of history, more than %d", sc.Step, history, maxSteps)
	}
	sc.checkService(c)
	sc.checkDemand(c)
	sc.checkInitial(c)
	sc.checkBounds(c)
	sc.checkCluster(c)
	sc.checkDisturbances(c)
	c.notNegative("spec.prices.cpuCoreHour", sc.Prices.CPUCoreHour)
	c.notNegative("spec.prices.memoryGiBHour", sc.Prices.MemoryGiBHour)
	c.notNegative("spec.prices.gpuHour", sc.Prices.GPUHour)
	return c.err
}

func (sc *Scenario) checkDemand(c *checker) {
	d := sc.Demand
	const path = "spec.demand"
	c.require(len(d.Offsets) > 0, path, "has no rows")
	c.require(len(d.Rate) == len(d.Offsets), path, "has %d rows and %d rates", len(d.Offsets), len(d.Rate))
	c.require(d.Memory == nil || len(d.Memory) == len(d.Offsets), path, "has %d rows and %d memory values", len(d.Offsets), len(d.Memory))
	tokens := len(d.Offsets)
	if d.Arrivals != nil {
		tokens = len(d.Arrivals)
	}
	c.require(d.PromptTokens == nil || len(d.PromptTokens) == tokens, path, "has %d rows and %d numbers of prompt tokens", tokens, len(d.PromptTokens))
	c.require(d.OutputTokens == nil || len(d.OutputTokens) == tokens, path, "has %d rows and %d numbers of output tokens", tokens, len(d.OutputTokens))
	c.require(slices.IsSorted(d.Offsets) && slices.IsSorted(d.Arrivals), path, "times are not ascending")
	if c.err != nil {
		return
	}
	c.require(d.Offsets[0] <= 0, path, "begins %v s after the history", d.Offsets[0])
	c.require(!math.IsNaN(d.Copies) && d.Copies >= 0 && d.Copies <= 1e6, path+".scale", "must be between 0 and 1e6 for a request trace, got %v", d.Copies)
	sc.checkValues(c, d.Rate, "demand")
	sc.checkValues(c, d.Memory, "memory")
	sc.checkTokens(c, d.PromptTokens, "prompt tokens")
	sc.checkTokens(c, d.OutputTokens, "output tokens")
	need := seconds(sc.Warmup + sc.Duration)
	c.require(d.End >= need-1e-6, "spec.duration", "the demand ends %s after its start, warmup and duration need %s",
		span(d.End), span(need))
}

func span(s float64) time.Duration {
	return time.Duration(math.Round(s)) * time.Second
}

// checkValues refuses what is negative, infinite or beyond any machine.
func (sc *Scenario) checkValues(c *checker, values []float64, what string) {
	for i, v := range values {
		if math.IsNaN(v) || (v >= 0 && v <= 1e18) {
			continue
		}
		c.require(false, "spec.demand", "%s at %s is %v, which is not an amount", what,
			sc.Demand.clock(sc.Demand.Offsets[i]).UTC().Format(time.RFC3339), v)
		return
	}
}

// checkTokens refuses what is no number of tokens.
func (sc *Scenario) checkTokens(c *checker, values []float64, what string) {
	for i, v := range values {
		if !math.IsNaN(v) && !(v >= 0 && v <= 1e9) {
			c.require(false, "spec.demand", "%s in row %d are %v, which is not a number of tokens", what, i+1, v)
			return
		}
	}
}

func (sc *Scenario) checkInitial(c *checker) {
	in := sc.Initial
	const path = "spec.initial."
	c.require(in.Replicas >= 0, path+"replicas", "must be at least 0, got %d", in.Replicas)
	c.require(in.Replicas <= 100_000, path+"replicas", "must be at most 100000, got %d", in.Replicas)
	if sc.Service.Inference == nil { // GPUs alone are enough for that one.
		c.positive(path+"requests.cpu", in.Requests.CPU.Cores())
		c.positive(path+"requests.memory", float64(in.Requests.Memory))
	}
	c.notNegative(path+"requests.cpu", in.Requests.CPU.Cores())
	c.notNegative(path+"requests.memory", float64(in.Requests.Memory))
	c.require(in.Limits.CPU == 0 || in.Limits.CPU >= in.Requests.CPU, path+"limits.cpu", "is below the request")
	c.require(in.Limits.Memory == 0 || in.Limits.Memory >= in.Requests.Memory, path+"limits.memory", "is below the request")
	c.require(in.Requests.CPU <= sc.Cluster.Node.CPU, path+"requests.cpu", "%v cores do not fit a node of %v",
		in.Requests.CPU.Cores(), sc.Cluster.Node.CPU.Cores())
	c.require(in.Requests.Memory <= sc.Cluster.Node.Memory, path+"requests.memory", "%v bytes do not fit a node of %v",
		in.Requests.Memory, sc.Cluster.Node.Memory)
}

func (sc *Scenario) checkBounds(c *checker) {
	b := sc.Bounds
	const path = "spec.bounds."
	c.require(b.MinReplicas >= 0, path+"minReplicas", "must be at least 0, got %d", b.MinReplicas)
	c.require(b.MaxReplicas >= max(1, b.MinReplicas), path+"maxReplicas", "must be at least 1 and minReplicas, got %d", b.MaxReplicas)
	c.require(b.MaxReplicas <= 100_000, path+"maxReplicas", "must be at most 100000, got %d", b.MaxReplicas)
	c.positive(path+"minAllowed.cpu", b.MinAllowed.CPU.Cores())
	c.positive(path+"minAllowed.memory", float64(b.MinAllowed.Memory))
	c.require(b.MaxAllowed.CPU >= b.MinAllowed.CPU, path+"maxAllowed.cpu", "is below minAllowed.cpu")
	c.require(b.MaxAllowed.Memory >= b.MinAllowed.Memory, path+"maxAllowed.memory", "is below minAllowed.memory")
	c.require(b.MaxAllowed.CPU <= 1_000_000_000, path+"maxAllowed.cpu", "is more than a million cores")
	c.require(b.MaxAllowed.Memory <= 1<<50, path+"maxAllowed.memory", "is more than a pebibyte")
}

func (sc *Scenario) checkCluster(c *checker) {
	k := sc.Cluster
	const path = "spec.cluster."
	c.require(k.Nodes >= 0, path+"nodes", "must be at least 0, got %d", k.Nodes)
	c.require(k.Nodes <= 1_000_000, path+"nodes", "must be at most 1000000, got %d", k.Nodes)
	c.positive(path+"nodeCPU", k.Node.CPU.Cores())
	c.positive(path+"nodeMemory", float64(k.Node.Memory))
	c.require(k.NodeGPUs >= 0, path+"nodeGPUs", "must be at least 0, got %d", k.NodeGPUs)
	c.require(k.NodeGPUs <= 1000, path+"nodeGPUs", "must be at most 1000, got %d", k.NodeGPUs)
	if sc.Service.Inference != nil {
		gpus := sc.Service.Inference.GPUsPerPod
		c.require(k.NodeGPUs >= gpus, path+"nodeGPUs", "a node of %d GPUs has no room for a pod of %d", k.NodeGPUs, gpus)
	}
	c.notNegativeSpan(path+"nodeProvisioning", k.NodeProvisioning)
	c.notNegativeSpan(path+"resizeDelay", k.ResizeDelay)
	c.notNegative(path+"burst", k.Burst)
	c.require(k.Burst <= 1000, path+"burst", "must be at most 1000, got %v", k.Burst)
}

// pricePerSecond is what an amount costs.
func pricePerSecond(p recommender.Prices, cores, bytes float64) float64 {
	return (p.CPUCoreHour*cores + p.MemoryGiBHour*bytes/float64(recommender.GiB)) / 3600
}
