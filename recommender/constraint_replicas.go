package recommender

import (
	"fmt"
	"math"
)

// replicaBound is something that bounds the number of pods.
type replicaBound struct {
	pods  int
	upper bool
	why   why
}

// constrain works out what bounds this decision before anything is chosen. The
// bounds of the number of pods become those of the policy.
func (d *draft) constrain() {
	d.rulesOf()
	d.state.Refused = d.refusals()
	d.state.Scales = d.s.State.observed(d.s.Now, d.s.Replicas.Desired, d.s.Policy.Horizontal)
	d.state.Turns = d.s.State.Turns
	if d.fixedReplicas() != "" {
		return
	}
	d.scheduledReplicas()
	d.spreadReplicas()
	d.quotaReplicas()
	h := &d.s.Policy.Horizontal
	least, most := h.Min, h.Max
	for _, b := range d.bounds {
		if b.upper {
			most = min(most, b.pods)
		} else {
			least = max(least, min(b.pods, h.Max))
		}
	}
	h.Max = max(most, 1)
	h.Min = min(least, h.Max)
}

// rulesOf resolves the policies of the containers.
func (d *draft) rulesOf() {
	for _, c := range d.s.Containers {
		d.ruled = append(d.ruled, d.s.Policy.Vertical.containerRules(c.Name))
	}
}

func (d *draft) rules(i int) ContainerPolicy { return d.ruled[i] }

func (d *draft) atLeast(pods int, code ReasonCode, name string) {
	d.bounds = append(d.bounds, replicaBound{pods: pods, why: why{code, name}})
}

func (d *draft) atMost(pods int, code ReasonCode, name string) {
	d.bounds = append(d.bounds, replicaBound{pods: pods, upper: true, why: why{code, name}})
}

// spreadReplicas are the floors that zones and disruption budgets set. What has
// to be there (DoNotSchedule over a number of zones, minAvailable) is a floor in
// any case; what is only good to have (a pod in every zone, one pod that may be
// evicted) stops a workload from shrinking below it, but does not grow one.
func (d *draft) spreadReplicas() {
	now := d.s.Replicas.Desired
	if z := d.s.Spread; z != nil && z.Zones > 0 {
		if z.Hard {
			d.atLeast(z.Zones, ReasonReplicaFloor, fmt.Sprintf("%d zones", z.Zones))
		} else {
			d.atLeast(min(z.Zones, now), ReasonReplicaFloor, fmt.Sprintf("%d zones", z.Zones))
		}
	}
	b := d.s.Disruption
	if b == nil {
		return
	}
	name := "PodDisruptionBudget " + b.Name
	if b.MinAvailable > 0 {
		d.atLeast(b.MinAvailable, ReasonReplicaFloor, name)
	}
	if least := b.evictable(); least > 0 {
		d.atLeast(min(least, now), ReasonReplicaFloor, name+", which lets one pod be evicted")
	}
}

// evictable is the smallest number of pods n of which one may be evicted,
//
//	n - minAvailable ≥ 1, or n - ⌈p·n⌉ ≥ 1, which is n ≥ 1/(1-p)
//
// and 0 where no number lets one.
func (b DisruptionBudget) evictable() int {
	if b.MinAvailable > 0 {
		return b.MinAvailable + 1
	}
	if p := b.MinAvailablePercent / 100; p > 0 && p < 1 {
		return int(math.Ceil(1/(1-p) - 1e-9))
	}
	return 0
}

// quotaReplicas are the numbers of pods that quotas of pods and GPUs leave. What
// is there already is not taken away.
func (d *draft) quotaReplicas() {
	now, gpus := d.s.Replicas.Desired, 0
	for _, c := range d.s.Containers {
		gpus += c.GPUs
	}
	for _, q := range d.s.Quotas {
		for _, item := range q.Items {
			per := 0
			switch item.Resource {
			case QuotaPods:
				per = 1
			case QuotaGPUs:
				per = gpus
			case QuotaRequestsCPU, QuotaRequestsMemory, QuotaLimitsCPU, QuotaLimitsMemory:
			}
			if per > 0 {
				more := max(0, item.Hard-item.Used) / int64(per)
				d.atMost(now+int(min(more, math.MaxInt32)), ReasonQuota, q.Name)
			}
		}
	}
}

// replicaReasons tells what bounds the number of pods that was chosen, other
// than the policy itself.
func (d *draft) replicaReasons() {
	chosen, h := d.chosen.replicas, d.s.Policy.Horizontal
	for _, b := range d.bounds {
		message := fmt.Sprintf("no fewer than %d pods: %s", b.pods, b.why.name)
		binds := chosen == h.Min && b.pods >= chosen
		if b.upper {
			message = fmt.Sprintf("no more than %d pods: quota %s", b.pods, b.why.name)
			binds = chosen == h.Max && b.pods <= chosen
		}
		if binds {
			d.add(Reason{
				Code: b.why.code, Subject: "replicas", Unit: "pods", Before: float64(d.s.Replicas.Desired), After: float64(chosen), Message: message,
			})
		}
	}
}
