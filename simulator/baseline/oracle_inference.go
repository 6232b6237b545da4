package baseline

import (
	"math"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

const (
	// tokenRatio is the distance of the mean tokens, and batchRateRatio that of
	// the rates per pod, at which the oracle computes the share of requests
	// that miss an objective. Both are rounded up.
	tokenRatio     = 1.05
	batchRateRatio = 1.01
)

// inferencePods are pods of a language model: of one size, with an expected
// share of late requests from recommender.BatchServer, step by step as if the
// step lasted (its queues settle within seconds).
type inferencePods struct {
	sc    *simulator.Scenario
	cost  float64 // Of a pod a second.
	room  int     // Pods on the nodes that exist.
	known map[batchPoint]float64
}

// batchPoint is a point of the tables, in powers of the ratios.
type batchPoint struct{ rate, input, output int }

func newInferencePods(sc *simulator.Scenario) *inferencePods {
	in, gpus := sc.Initial.Requests, sc.Service.Inference.GPUsPerPod
	each := sc.Cluster.NodeGPUs / gpus
	if in.CPU > 0 {
		each = min(each, int(sc.Cluster.Node.CPU/in.CPU))
	}
	if in.Memory > 0 {
		each = min(each, int(sc.Cluster.Node.Memory/in.Memory))
	}
	room := each * sc.Cluster.Nodes
	if quota := sc.Cluster.Quota; quota.CPU > 0 && in.CPU > 0 {
		room = min(room, int(quota.CPU/in.CPU))
	}
	if quota := sc.Cluster.Quota; quota.Memory > 0 && in.Memory > 0 {
		room = min(room, int(quota.Memory/in.Memory))
	}
	return &inferencePods{
		sc: sc, room: room, known: map[batchPoint]float64{},
		cost: costOf(sc.Prices, in.CPU.Cores(), float64(in.Memory)) + sc.Prices.GPUHour*float64(gpus)/3600,
	}
}

// anywhere is the model with pods on nodes that are still to come.
func (p *inferencePods) anywhere() *inferencePods {
	other := *p
	other.room = math.MaxInt
	return &other
}

// price changes nothing: there is but one size.
func (p *inferencePods) price(float64) {}

func (p *inferencePods) pick(n int, l load) choice {
	c := choice{size: p.sc.Initial.Requests, cost: p.cost}
	if n > max(p.room, p.sc.Initial.Replicas) {
		c.cost = math.Inf(1)
	}
	if rate := l.rate / float64(n); rate > 0 {
		c.bad = rate * p.late(rate, l.input, l.output)
	}
	return c
}

func (p *inferencePods) late(rate, input, output float64) float64 {
	at := batchPoint{power(rate, batchRateRatio), power(max(1, input), tokenRatio), power(output, tokenRatio)}
	if v, ok := p.known[at]; ok {
		return v
	}
	s, o := p.sc.Service.Inference, p.sc.Objective
	v := batchServer(s, math.Pow(tokenRatio, float64(at.input)), math.Pow(tokenRatio, float64(at.output))).Late(math.Pow(batchRateRatio, float64(at.rate)), o.TTFTSeconds, o.ITLSeconds)
	p.known[at] = v
	return v
}

// power is the least power of the ratio that is not below x.
func power(x, ratio float64) int { return int(math.Ceil(math.Log(x)/math.Log(ratio) - 1e-9)) }

// batchServer is a pod that gets requests of those mean tokens.
func batchServer(s *simulator.InferenceService, prompt, output float64) recommender.BatchServer {
	return recommender.BatchServer{
		PrefillTokensPerSecond: s.PrefillTokensPerSecond, DecodeTokensPerSecond: s.DecodeTokensPerSecond,
		MaxBatch: s.MaxBatch, KVCacheTokens: s.KVCacheTokens, PromptTokens: prompt, OutputTokens: output,
	}
}
