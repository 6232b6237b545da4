package simulator

import "github.com/rightsize-dev/rightsize/recommender"

// surround adds to a snapshot what the API shows of the cluster: the shape of
// its nodes, the quota of the namespace, and resizes that wait.
func (r *rightsizer) surround(o Observation, s *recommender.Snapshot) {
	cluster := &r.sc.Cluster
	s.Nodes = []recommender.NodeShape{{
		Name: "node", Allocatable: cluster.Node, GPUs: cluster.NodeGPUs,
	}}
	if q := cluster.Quota; q.CPU > 0 || q.Memory > 0 {
		s.Quotas = []recommender.Quota{quotaStatus(q, o)}
	}
	app := &s.Containers[0]
	for i := range o.Pods {
		p := &o.Pods[i]
		switch p.Resize {
		case ResizeDeferred:
			s.Replicas.Deferred++
		case ResizeInfeasible:
			s.Replicas.Infeasible++
		case ResizeNone, ResizeInProgress:
			continue
		}
		if app.InForce == (recommender.Resources{}) || p.Requests.CPU < app.InForce.CPU {
			app.InForce = p.Requests
		}
	}
}

// quotaStatus is what the status of a ResourceQuota of that size says.
func quotaStatus(quota recommender.Resources, o Observation) recommender.Quota {
	var used recommender.Resources
	for i := range o.Pods {
		used = used.Add(o.Pods[i].Requests)
	}
	out := recommender.Quota{Name: "quota"}
	if quota.CPU > 0 {
		out.Items = append(out.Items, recommender.QuotaLimit{
			Resource: recommender.QuotaRequestsCPU, Hard: int64(quota.CPU), Used: int64(used.CPU),
		})
	}
	if quota.Memory > 0 {
		out.Items = append(out.Items, recommender.QuotaLimit{
			Resource: recommender.QuotaRequestsMemory, Hard: int64(quota.Memory), Used: int64(used.Memory),
		})
	}
	return out
}
