package actuator

import (
	"fmt"

	"github.com/rightsize-dev/rightsize/recommender"
)

// memoryMargin is by how much a memory limit stays above the most that was in
// use: below that the kubelet refuses to lower it, or kills.
const memoryMargin = 1.1

// check is one thing that the API server or a node would refuse a size for. It
// returns an empty code where there is nothing to say against it.
type check func(*planner, Pod, []Size) (recommender.ReasonCode, string)

// preflight says whether the API server and the node will accept a size, as
// far as can be known, and if not, why.
func (p *planner) preflight(pod Pod, to []Size) (recommender.ReasonCode, string) {
	for _, c := range []check{
		(*planner).checkResizable, (*planner).checkQoS, (*planner).checkLimitRanges, (*planner).checkNode, (*planner).checkRefused,
		(*planner).checkQuotas,
	} {
		if code, message := c(p, pod, to); code != "" {
			return code, message
		}
	}
	return "", ""
}

func (p *planner) checkResizable(pod Pod, _ []Size) (recommender.ReasonCode, string) {
	switch {
	case pod.Unresizable:
		return ReasonUnresizable, "the API server refuses resizes of this pod"
	case pod.PodLevel:
		return ReasonUnresizable, "resources are set for the pod as a whole"
	case !p.in.Features.Resize:
		return ReasonUnresizable, "the cluster cannot resize pods in place"
	}
	return "", ""
}

func (p *planner) checkQoS(pod Pod, to []Size) (recommender.ReasonCode, string) {
	is, becomes := qosOf(pod.specs()), qosOf(to)
	if pod.QoS != "" {
		is = pod.QoS
	}
	if is != becomes {
		return ReasonQoS, fmt.Sprintf("a %s pod would become %s", is, becomes)
	}
	return "", ""
}

func (p *planner) checkLimitRanges(pod Pod, to []Size) (recommender.ReasonCode, string) {
	requests, limits := pod.total(to)
	for _, l := range p.in.LimitRanges {
		if l.Type == recommender.LimitRangePod {
			if why := breaks(l, Size{Requests: requests, Limits: limits}); why != "" {
				return ReasonLimitRange, fmt.Sprintf("the pod %s of LimitRange %s", why, l.Name)
			}
			continue
		}
		for i, c := range pod.Containers {
			if why := breaks(l, to[i]); why != "" {
				return ReasonLimitRange, fmt.Sprintf("container %s %s of LimitRange %s", c.Name, why, l.Name)
			}
			if why := injects(l, to[i]); why != "" {
				return ReasonLimitRange, fmt.Sprintf("LimitRange %s would add %s to container %s, for good", l.Name, why, c.Name)
			}
		}
	}
	return "", ""
}

// breaks says which bound of a LimitRange a size breaks. A minimum needs a
// request, a maximum a limit, a ratio both.
func breaks(l recommender.LimitRange, s Size) string {
	one := func(request, limit, lo, hi int64, ratio float64, resource string) string {
		switch {
		case request < lo:
			return "is below the least " + resource
		case hi > 0 && (limit > hi || request > hi || limit == 0):
			return "is above the most " + resource
		case ratio > 0 && (request == 0 || limit == 0 || float64(limit) > ratio*float64(request)):
			return "is above the ratio of limit to request of " + resource
		}
		return ""
	}
	if why := one(int64(s.Requests.CPU), int64(s.Limits.CPU), int64(l.Min.CPU), int64(l.Max.CPU), l.MaxLimitRequestRatioCPU, "cpu"); why != "" {
		return why
	}
	return one(int64(s.Requests.Memory), int64(s.Limits.Memory), int64(l.Min.Memory), int64(l.Max.Memory), l.MaxLimitRequestRatioMemory, "memory")
}

// injects says what a LimitRange would add to a size as it is written: defaults
// are added on a resize, too, and can never be removed again.
func injects(l recommender.LimitRange, s Size) string {
	switch {
	case s.Limits.CPU == 0 && l.Default.CPU > 0:
		return "a cpu limit"
	case s.Limits.Memory == 0 && l.Default.Memory > 0:
		return "a memory limit"
	case s.Requests.CPU == 0 && l.DefaultRequest.CPU > 0:
		return "a cpu request"
	case s.Requests.Memory == 0 && l.DefaultRequest.Memory > 0:
		return "a memory request"
	}
	return ""
}

func (p *planner) checkNode(pod Pod, to []Size) (recommender.ReasonCode, string) {
	requests, _ := pod.total(to)
	had, _ := pod.total(pod.specs())
	for _, n := range p.in.Nodes {
		if n.Name == pod.Node && !within(requests, mostOf(n.Allocatable, had)) {
			return ReasonNodeCapacity, fmt.Sprintf("node %s offers %v cores and %.0f MiB, the pod would request %v and %.0f",
				n.Name, n.Allocatable.CPU.Cores(), mib(n.Allocatable), requests.CPU.Cores(), mib(requests))
		}
	}
	return "", ""
}

// checkRefused does not ask a node again for what it refused, nor for more,
// unless the pod gets smaller by that. Nodes that pin CPUs or memory refuse
// smaller sizes, too.
func (p *planner) checkRefused(pod Pod, to []Size) (recommender.ReasonCode, string) {
	requests, _ := pod.total(to)
	had, _ := pod.total(pod.haves())
	for _, r := range p.state.Refused {
		if r.Node == pod.Node && (r.Asked == requests && requests != had || within(r.Asked, requests) && !within(requests, had)) {
			return ReasonInfeasible, fmt.Sprintf("node %s refused %v cores and %.0f MiB: not asked again until %s",
				r.Node, r.Asked.CPU.Cores(), mib(r.Asked), r.Until.UTC().Format("15:04"))
		}
	}
	return "", ""
}

// extra is what the size adds to what scheduler and quotas count for the pod.
func (p *planner) extra(pod Pod, to []Size) (requests, limits recommender.Resources) {
	requests, limits = pod.total(to)
	hadRequests, hadLimits := pod.reserved()
	zero := recommender.Resources{}
	return mostOf(less(requests, hadRequests), zero), mostOf(less(limits, hadLimits), zero)
}

func (p *planner) checkQuotas(pod Pod, to []Size) (recommender.ReasonCode, string) {
	requests, limits := p.extra(pod, to)
	for i, q := range p.in.Quotas {
		for j, item := range q.Items {
			if more := quotaShare(item.Resource, requests, limits); more > 0 && more > p.left[i][j] {
				return ReasonQuota, fmt.Sprintf("quota %s leaves %d of %s, the pod needs %d more", q.Name, max(0, p.left[i][j]), item.Resource, more)
			}
		}
	}
	return "", ""
}

// charge takes what a size adds from what nodes and quotas have left. What a
// smaller size frees is there only once the kubelet has actuated it.
func (p *planner) charge(pod Pod, to []Size) {
	requests, limits := p.extra(pod, to)
	for i, q := range p.in.Quotas {
		for j, item := range q.Items {
			p.left[i][j] -= quotaShare(item.Resource, requests, limits)
		}
	}
	if free, known := p.free[pod.Node]; known {
		p.free[pod.Node] = less(free, requests)
	}
}

func quotaShare(r recommender.QuotaResource, requests, limits recommender.Resources) int64 {
	switch r {
	case recommender.QuotaRequestsCPU:
		return int64(requests.CPU)
	case recommender.QuotaRequestsMemory:
		return int64(requests.Memory)
	case recommender.QuotaLimitsCPU:
		return int64(limits.CPU)
	case recommender.QuotaLimitsMemory:
		return int64(limits.Memory)
	case recommender.QuotaPods, recommender.QuotaGPUs:
	}
	return 0
}

// fits says whether the node has room now for what the size adds.
func (p *planner) fits(pod Pod, to []Size) bool {
	free, known := p.free[pod.Node]
	requests, _ := p.extra(pod, to)
	return !known || requests == recommender.Resources{} ||
		(requests.CPU == 0 || requests.CPU <= free.CPU) && (requests.Memory == 0 || requests.Memory <= free.Memory)
}
