package actuator

import "github.com/rightsize-dev/rightsize/recommender"

// Size is what a container requests and what it is limited to. A zero limit is
// none.
type Size struct {
	Requests recommender.Resources `json:"requests,omitzero"`
	Limits   recommender.Resources `json:"limits,omitzero"`
}

// NamedSize is the size of the container of that name.
type NamedSize struct {
	Name string `json:"name"`
	Size
}

// orHave is the size with what it leaves unset as it is in have: a request or a
// limit that was set can never be removed from a pod. Limits are at least the
// requests.
func (s Size) orHave(have Size) Size {
	out := Size{Requests: orResources(s.Requests, have.Requests), Limits: orResources(s.Limits, have.Limits)}
	if out.Limits.CPU > 0 {
		out.Limits.CPU = max(out.Limits.CPU, out.Requests.CPU)
	}
	if out.Limits.Memory > 0 {
		out.Limits.Memory = max(out.Limits.Memory, out.Requests.Memory)
	}
	return out
}

// raising is the size without what it would lower of have. A limit is not added
// where there was none, since that lowers, too.
func (s Size) raising(have Size) Size {
	out := Size{Requests: mostOf(s.Requests, have.Requests), Limits: mostOf(s.Limits, have.Limits)}
	if have.Limits.CPU == 0 {
		out.Limits.CPU = 0
	}
	if have.Limits.Memory == 0 {
		out.Limits.Memory = 0
	}
	return out
}

// lowers says whether going from have to s takes anything away: a smaller
// request, a smaller limit, or a limit where there was none.
func (s Size) lowers(have Size) bool {
	return s.Requests.CPU < have.Requests.CPU || s.Requests.Memory < have.Requests.Memory ||
		limitLowers(int64(have.Limits.CPU), int64(s.Limits.CPU)) || limitLowers(int64(have.Limits.Memory), int64(s.Limits.Memory))
}

// grows says whether going from have to s gives anything more.
func (s Size) grows(have Size) bool { return have.lowers(s) }

// limitLowers says whether a limit goes down, where zero is none.
func limitLowers(from, to int64) bool { return to > 0 && (from == 0 || to < from) }

func orResources(r, or recommender.Resources) recommender.Resources {
	if r.CPU <= 0 {
		r.CPU = or.CPU
	}
	if r.Memory <= 0 {
		r.Memory = or.Memory
	}
	return r
}

func mostOf(a, b recommender.Resources) recommender.Resources {
	return recommender.Resources{CPU: max(a.CPU, b.CPU), Memory: max(a.Memory, b.Memory)}
}

func leastOf(a, b recommender.Resources) recommender.Resources {
	return recommender.Resources{CPU: min(a.CPU, b.CPU), Memory: min(a.Memory, b.Memory)}
}

// less is a minus b, which may be negative. Amounts of pods are far from the
// ends of their range.
func less(a, b recommender.Resources) recommender.Resources {
	return recommender.Resources{CPU: a.CPU - b.CPU, Memory: a.Memory - b.Memory}
}

// times multiplies and saturates.
func times(r recommender.Resources, n int) recommender.Resources {
	const most = 1<<63 - 1
	out := recommender.Resources{}
	if n <= 0 {
		return out
	}
	out.CPU, out.Memory = most, most
	if int64(r.CPU) <= most/int64(n) {
		out.CPU = r.CPU * recommender.MilliCPU(n)
	}
	if int64(r.Memory) <= most/int64(n) {
		out.Memory = r.Memory * recommender.Bytes(n)
	}
	return out
}

// within says whether a is no more than b in both resources.
func within(a, b recommender.Resources) bool { return a.CPU <= b.CPU && a.Memory <= b.Memory }

// qosOf is the class that Kubernetes gives a pod with these sizes, which are in
// the order of its containers with the initial ones among them: Guaranteed where
// requests and limits of both resources are set and equal everywhere,
// BestEffort where none is set at all. A limit without a request counts as
// both.
func qosOf(sizes []Size) recommender.QoSClass {
	guaranteed, none := true, true
	one := func(request, limit int64) {
		if request == 0 {
			request = limit
		}
		guaranteed = guaranteed && limit > 0 && request == limit
		none = none && request == 0 && limit == 0
	}
	for _, s := range sizes {
		one(int64(s.Requests.CPU), int64(s.Limits.CPU))
		one(int64(s.Requests.Memory), int64(s.Limits.Memory))
	}
	switch {
	case none:
		return recommender.QoSBestEffort
	case guaranteed:
		return recommender.QoSGuaranteed
	default:
		return recommender.QoSBurstable
	}
}
