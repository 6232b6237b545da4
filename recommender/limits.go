package recommender

import (
	"fmt"
	"math"
)

// cfsPeriod is the period in seconds over which the kernel counts a CPU limit.
const cfsPeriod = 0.1

// targetLimits are the limits that go with the chosen sizes, for containers
// whose requests change. They follow the owner's policy; LimitRanges and quotas
// move them, but never below the requests; and the QoS class of the pod stays
// what it is, since a running pod cannot change it.
func (d *draft) targetLimits(z *sizer) []Resources {
	out := make([]Resources, len(d.s.Containers))
	for i, c := range d.s.Containers {
		out[i] = c.Limits
		if target := d.chosen.sizes[i]; target != c.Requests {
			out[i] = d.limits(i, target, z.throttleFloor(i, d.chosen.replicas))
		}
	}
	d.cutLimits(out)
	d.keepQoS(out)
	return out
}

// limits returns the limits of container i that go with a target request.
func (d *draft) limits(i int, target Resources, throttled float64) Resources {
	c, rules := d.s.Containers[i], d.rules(i)
	is, limits, to := c.Requests.amounts(), c.Limits.amounts(), target.amounts()
	got := amounts{}
	for r, rule := range []Limit{rules.CPULimit, rules.MemoryLimit} {
		got[r] = rule.of(is[r], limits[r], to[r])
		if r == ofCPU && rule.Policy == LimitHeadroom {
			got[r] = max(got[r], int64(FromCores(throttled)))
		}
		if ranged := d.rangedLimit(got[r], to[r], r); ranged != got[r] {
			d.limitReason(c.Name, r, got[r], ranged, "LimitRange or quota")
			got[r] = ranged
		}
	}
	return got.resources()
}

// of is the limit for one target. A limit without a request keeps the ratio 1,
// since Kubernetes then takes the limit for the request.
func (l Limit) of(request, limit, target int64) int64 {
	switch l.Policy {
	case LimitNone:
		return 0
	case LimitEqual:
		return target
	case LimitHeadroom:
		return addSaturating(target, ceilInt64(float64(max(0, l.Headroom))+float64(target)*max(0, l.HeadroomShare)))
	case LimitRatio:
		fallthrough
	default:
		switch {
		case limit == 0:
			return 0
		case l.Ratio > 0:
			return max(target, ceilInt64(float64(target)*l.Ratio))
		case request == 0:
			return target
		default:
			return max(target, ceilInt64(float64(target)*(float64(limit)/float64(request))))
		}
	}
}

// throttleFloor is the CPU limit in cores under which container i is throttled
// in at most the accepted share θ of CFS periods. Within a period of T seconds
// the work that arrives is compound Poisson, so that
//
//	limit ≥ a + λb + z·b·sqrt(λ(1+cv²)/T),  z = Φ⁻¹(1-θ/2)
//
// with λ the rate of a pod, b the CPU seconds a unit takes and a what a pod uses
// by itself. Half of θ, since the work is skew: at a nominal 1 % simulation
// found 1.6 to 3.7 %. It is 0 where θ is not set or demand does not decide.
func (z *sizer) throttleFloor(i, replicas int) float64 {
	theta := z.d.rules(i).CPULimit.ThrottledShare
	dem := z.d.s.Demand
	if !(theta > 0) || z.n.rate <= 0 || dem == nil || replicas < 1 {
		return 0
	}
	main, part := z.d.mainContainer()
	if i != main {
		return 0
	}
	b, cv := dem.Relation.PerUnit*part, z.d.s.Policy.Objective.ServiceCV
	rate := z.n.rate / float64(replicas)
	quantile := math.Sqrt2 * math.Erfinv(1-min(theta, 0.5))
	return z.n.containers[i].perReplica + rate*b + quantile*b*math.Sqrt(rate*(1+cv*cv)/cfsPeriod)
}

// rangedLimit moves a limit to what LimitRanges and quotas ask for: where the
// namespace gives containers without a limit one, or counts limits, there has to
// be one; it is not above the most allowed, nor above the request by more than
// the ratio allowed, and not below the request.
func (d *draft) rangedLimit(limit, request int64, r int) int64 {
	most := int64(boundless)
	for _, l := range d.s.LimitRanges {
		if l.Type != LimitRangeContainer {
			continue
		}
		top, def := l.Max.bounds()[r], l.Default.amounts()[r]
		ratio := []float64{l.MaxLimitRequestRatioCPU, l.MaxLimitRequestRatioMemory}[r]
		if limit == 0 && (def > 0 || top < boundless || ratio > 0) {
			limit = max(def, request)
		}
		most = min(most, top)
		if ratio >= 1 {
			most = min(most, floorInt64(float64(request)*ratio))
		}
	}
	if limit == 0 {
		for _, q := range d.s.Quotas {
			for _, item := range q.Items {
				if item.Resource == [...]QuotaResource{QuotaLimitsCPU, QuotaLimitsMemory}[r] {
					return request
				}
			}
		}
		return 0
	}
	return max(request, min(limit, most))
}

// cutLimits lowers limits towards their requests where their sum exceeds what a
// quota or the LimitRange of pods leaves.
func (d *draft) cutLimits(limits []Resources) {
	requests := amountsOf(d.chosen.sizes)
	for _, q := range d.s.Quotas {
		for _, item := range q.Items {
			r := ofCPU
			switch item.Resource {
			case QuotaLimitsCPU:
			case QuotaLimitsMemory:
				r = ofMemory
			case QuotaRequestsCPU, QuotaRequestsMemory, QuotaPods, QuotaGPUs:
				continue
			default:
				continue
			}
			_, own, _ := d.ownUse(d.frame, item.Resource)
			left := item.left(own) / int64(max(1, d.chosen.replicas))
			d.cutTo(limits, requests, r, left, "quota "+q.Name)
		}
	}
	for _, l := range d.s.LimitRanges {
		if l.Type == LimitRangePod {
			for r, most := range l.Max.bounds() {
				d.cutTo(limits, requests, r, most, "LimitRange "+l.Name)
			}
		}
	}
}

// cutTo takes the same share of its distance to the request from each limit
// that changes anyway, until their sum is within left.
func (d *draft) cutTo(limits []Resources, requests []amounts, r int, left int64, name string) {
	var total, least int64
	cut := make([]bool, len(limits))
	for i, c := range d.s.Containers {
		l := limits[i].amounts()[r]
		total = addSaturating(total, l)
		if cut[i] = d.chosen.sizes[i] != c.Requests && l > requests[i][r]; cut[i] {
			l = requests[i][r]
		}
		least = addSaturating(least, l)
	}
	if total <= left || total <= least {
		return
	}
	share := max(0, float64(left-least)/float64(total-least))
	for i, c := range d.s.Containers {
		if !cut[i] {
			continue
		}
		l := limits[i].amounts()
		was := l[r]
		l[r] = requests[i][r] + int64(float64(was-requests[i][r])*share)
		limits[i] = l.resources()
		d.limitReason(c.Name, r, was, l[r], name)
	}
}

func (d *draft) limitReason(container string, r int, was, is int64, by string) {
	d.add(Reason{
		Code: ReasonLimitBound, Container: container, Subject: subject(r) + " limit", Unit: unit(r),
		Before: inUnit(r, was), After: inUnit(r, is),
		Message: fmt.Sprintf("%s sets the limit to %s", by, amountOf(r, is)),
	})
}
