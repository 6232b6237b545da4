package recommender

import (
	"fmt"
	"slices"
)

// decideGroups sizes each group of pods by its own usage, and joins what comes
// out: the workload's own recommendation is the largest of each size, for
// whoever can only give all pods the same.
func (r *Recommender) decideGroups(s Snapshot) Decision {
	out := Decision{
		APIVersion: APIVersion, Kind: DecisionKind, At: s.Now, Workload: s.Workload, Action: ActionNone, Confidence: 1,
		CurrentReplicas: s.Replicas.Desired, DesiredReplicas: s.Replicas.Desired,
	}
	quotas, budget := cloneQuotas(s.Quotas), s.Budget
	for _, g := range s.Groups {
		sub := s
		sub.Groups, sub.Replicas, sub.Containers = nil, g.Replicas, g.Containers
		sub.Quotas, sub.Budget, sub.Policy.Horizontal.Fixed = quotas, budget, true
		if len(g.Nodes) > 0 {
			sub.Nodes = g.Nodes
		}
		sub.State = s.State.group(g.Name)
		d := r.Decide(sub)
		out.join(g, d)
		charge(quotas, g.Replicas.Desired, d.Containers)
		if d.Action != ActionHold && d.Action != ActionNone && budget != nil && budget.Pods != nil {
			left := *budget.Pods - g.Replicas.Desired
			budget = &ChangeBudget{Name: budget.Name, Changes: budget.Changes, Pods: &left}
		}
	}
	for i := range out.Containers {
		for _, c := range s.Containers {
			if c.Name == out.Containers[i].Name {
				out.Containers[i].Requests, out.Containers[i].Limits = c.Requests, c.Limits
			}
		}
	}
	return out
}

// group is the state of one group.
func (s State) group(name string) State {
	i := slices.IndexFunc(s.Groups, func(g GroupState) bool { return g.Name == name })
	if i < 0 {
		return State{}
	}
	return s.Groups[i].State
}

// join adds the decision about one group.
func (d *Decision) join(g Group, part Decision) {
	d.Groups = append(d.Groups, GroupDecision{
		Name: g.Name, Replicas: g.Replicas.Desired, Action: part.Action, Containers: part.Containers, Cost: part.Cost, Reasons: part.Reasons,
	})
	d.State.Groups = append(d.State.Groups, GroupState{Name: g.Name, State: part.State})
	d.Cost.CurrentPerHour += part.Cost.CurrentPerHour
	d.Cost.TargetPerHour += part.Cost.TargetPerHour
	d.Cost.Currency = part.Cost.Currency
	if d.RecheckAfterSeconds == 0 || part.RecheckAfterSeconds < d.RecheckAfterSeconds {
		d.RecheckAfterSeconds = part.RecheckAfterSeconds
	}
	switch part.Action {
	case ActionResize, ActionResizeAndScale, ActionScale:
		d.Action = ActionResize
	case ActionHold:
		if d.Action == ActionNone {
			d.Action = ActionHold
		}
	case ActionNone:
	}
	if part.Action != ActionNone {
		d.Confidence = min(d.Confidence, part.Confidence)
	}
	for _, c := range part.Containers {
		d.Reasons = append(d.Reasons, Reason{
			Code: ReasonGroup, Container: c.Name, Subject: "cpu", Unit: "cores", Before: c.Requests.CPU.Cores(), After: c.Target.CPU.Cores(),
			Message: fmt.Sprintf("the %d pods of %s need %s cores and %s each", g.Replicas.Desired, g.Name, num(c.Target.CPU.Cores()),
				size(float64(c.Target.Memory))),
		})
		d.widest(c)
	}
}

// widest takes the larger of each size of a container.
func (d *Decision) widest(c Recommendation) {
	i := slices.IndexFunc(d.Containers, func(o Recommendation) bool { return o.Name == c.Name })
	if i < 0 {
		d.Containers = append(d.Containers, c)
		return
	}
	o := &d.Containers[i]
	o.Requests, o.Limits = o.Requests.most(c.Requests), o.Limits.most(c.Limits)
	o.Target, o.TargetLimits = o.Target.most(c.Target), o.TargetLimits.most(c.TargetLimits)
	o.LowerBound, o.UpperBound = o.LowerBound.most(c.LowerBound), o.UpperBound.most(c.UpperBound)
	o.UncappedTarget = o.UncappedTarget.most(c.UncappedTarget)
	if c.Boost != nil && (o.Boost == nil || c.Boost.CPU > o.Boost.CPU) {
		o.Boost = c.Boost
	}
}

// most is the larger amount of each resource.
func (r Resources) most(o Resources) Resources {
	return Resources{CPU: max(r.CPU, o.CPU), Memory: max(r.Memory, o.Memory)}
}

func cloneQuotas(quotas []Quota) []Quota {
	out := slices.Clone(quotas)
	for i := range out {
		out[i].Items = slices.Clone(out[i].Items)
	}
	return out
}

// charge adds to the use of quotas what pods of a group get more than they had.
func charge(quotas []Quota, pods int, containers []Recommendation) {
	for _, q := range quotas {
		for i := range q.Items {
			for _, c := range containers {
				var more int64
				switch q.Items[i].Resource {
				case QuotaRequestsCPU:
					more = int64(c.Target.CPU - c.Requests.CPU)
				case QuotaRequestsMemory:
					more = int64(c.Target.Memory - c.Requests.Memory)
				case QuotaLimitsCPU:
					more = int64(c.TargetLimits.CPU - c.Limits.CPU)
				case QuotaLimitsMemory:
					more = int64(c.TargetLimits.Memory - c.Limits.Memory)
				case QuotaPods, QuotaGPUs:
				}
				if more > 0 {
					q.Items[i].Used = addSaturating(q.Items[i].Used, mulSaturating(more, pods))
				}
			}
		}
	}
}
