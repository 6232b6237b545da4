package fleet

import (
	"math"
	"slices"
	"strconv"
)

// ksm is kube-state-metrics. Its own namespace, pod and container would clash
// with those of what it tells about, so it is scraped with honor_labels.
func (e *emitter) ksm() target {
	return e.target("kube-state-metrics", "10.42.0.9:8080")
}

// podState yields what kube-state-metrics tells about one pod.
func (e *emitter) podState(r *run, p *pod) {
	first, last := e.firstSeen(p.created), e.lastSeen(p.gone)
	if last <= first {
		return
	}
	t := e.ksm()
	labels := []Label{{"namespace", r.w.namespace}, {"pod", p.name}, {"uid", p.uid}}
	with := func(more ...Label) []Label { return append(slices.Clone(labels), more...) }
	e.constant(t, first, last, 1, "kube_pod_info", with(Label{"node", p.node}, Label{"pod_ip", p.ip}, Label{"host_network", "false"},
		Label{"created_by_kind", p.ownerKind}, Label{"created_by_name", p.owner})...)
	e.constant(t, first, last, 1, "kube_pod_owner", with(Label{"owner_kind", p.ownerKind}, Label{"owner_name", p.owner}, Label{"owner_is_controller", "true"})...)
	e.constant(t, first, last, 1, "kube_pod_labels", with(Label{"label_app_kubernetes_io_name", r.w.name})...)
	e.constant(t, first, last, float64(p.created), "kube_pod_created", labels...)
	e.constant(t, e.firstSeen(p.created+1), last, float64(p.created+1), "kube_pod_start_time", labels...)
	e.constant(t, max(first, e.firstSeen(p.ready)), last, float64(p.ready), "kube_pod_status_ready_time", labels...)
	e.readiness(t, p, first, last, labels)
	e.phases(t, p, first, last, labels)
	for i := range r.w.containers {
		c := &r.w.containers[i]
		e.constant(t, first, last, 1, "kube_pod_container_info", with(Label{"container", c.name}, Label{"image", c.image}, Label{"image_spec", c.image})...)
		e.resources(t, first, last, with(Label{"container", c.name}, Label{"node", p.node}), c)
		if i < len(p.tracks) {
			e.restarts(t, p, p.tracks[i], last, with(Label{"container", c.name}))
		}
	}
}

// readiness yields the Ready condition, one series for each of its values.
func (e *emitter) readiness(t target, p *pod, first, last int, labels []Label) {
	g := e.fleet.grid
	for _, condition := range []string{"true", "false", "unknown"} {
		values := e.fill(last-first, func(i int) float64 {
			unix := g.unix(first + i)
			ready := unix >= p.ready && unix < p.ended && !p.unready[first+i]
			return one(condition == "true" && ready || condition == "false" && !ready)
		})
		e.emit(t, first, values, "kube_pod_status_ready", append(slices.Clone(labels), Label{"condition", condition})...)
	}
}

// phases yields the pod's phase, one series for each.
func (e *emitter) phases(t target, p *pod, first, last int, labels []Label) {
	g := e.fleet.grid
	for _, phase := range []string{"Pending", "Running", "Succeeded", "Failed", "Unknown"} {
		values := e.fill(last-first, func(i int) float64 {
			unix := g.unix(first + i)
			now := "Running"
			switch {
			case unix < p.created+2:
				now = "Pending"
			case unix >= p.ended:
				now = "Succeeded"
			}
			return one(phase == now)
		})
		e.emit(t, first, values, "kube_pod_status_phase", append(slices.Clone(labels), Label{"phase", phase})...)
	}
}

// resources yields requests and limits of a container.
func (e *emitter) resources(t target, first, last int, labels []Label, c *container) {
	of := func(name string, a amount) {
		for _, r := range []struct {
			resource, unit string
			value          float64
		}{{"cpu", "core", a.cpu}, {"memory", "byte", a.memory}, {"nvidia_com_gpu", "integer", a.gpus}} {
			if r.value > 0 {
				e.constant(t, first, last, r.value, name, append(slices.Clone(labels), Label{"resource", r.resource}, Label{"unit", r.unit})...)
			}
		}
	}
	of("kube_pod_container_resource_requests", c.request)
	of("kube_pod_container_resource_limits", c.limit)
}

// restarts yields how often a container was restarted and why it last was.
// A finished pod keeps telling its last count.
func (e *emitter) restarts(t target, p *pod, track *track, last int, labels []Label) {
	counts := track.samples.restarts
	values := e.fill(last-p.first, func(i int) float64 {
		if len(counts) == 0 {
			return 0
		}
		return counts[min(i, len(counts)-1)]
	})
	e.emit(t, p.first, values, "kube_pod_container_status_restarts_total", labels...)
	if track.oomedAt >= 0 {
		first := p.first + track.oomedAt
		e.constant(t, first, last, 1, "kube_pod_container_status_last_terminated_reason", append(slices.Clone(labels), Label{"reason", "OOMKilled"})...)
	}
}

// owners yields which ReplicaSets and Jobs belong to what.
func (e *emitter) owners(r *run) {
	t, g := e.ksm(), e.fleet.grid
	owner := []Label{{"owner_kind", r.w.kind}, {"owner_name", r.w.name}, {"owner_is_controller", "true"}}
	for i, rev := range r.revisions {
		if rev.name == "" {
			continue
		}
		rs := []Label{{"namespace", r.w.namespace}, {"replicaset", rev.name}}
		first := e.firstSeen(rev.created)
		e.constant(t, first, g.n, 1, "kube_replicaset_owner", append(slices.Clone(rs), owner...)...)
		e.constant(t, first, g.n, float64(rev.created), "kube_replicaset_created", rs...)
		e.emit(t, first, e.podsOf(r, i, first, false), "kube_replicaset_spec_replicas", rs...)
		e.emit(t, first, e.podsOf(r, i, first, true), "kube_replicaset_status_ready_replicas", rs...)
	}
	for _, j := range r.jobs {
		first, last := e.firstSeen(j.created), e.lastSeen(j.gone)
		labels := []Label{{"namespace", r.w.namespace}, {"job_name", j.name}}
		e.constant(t, first, last, 1, "kube_job_owner", append(slices.Clone(labels), owner...)...)
		e.constant(t, first, last, float64(j.created), "kube_job_created", labels...)
		e.constant(t, first, last, float64(r.w.replicas), "kube_job_spec_parallelism", labels...)
		e.constant(t, first, last, float64(r.w.replicas), "kube_job_spec_completions", labels...)
		active := e.fill(last-first, func(i int) float64 { return float64(r.w.replicas) * one(g.unix(first+i) < j.ended) })
		e.emit(t, first, active, "kube_job_status_active", labels...)
		done := e.fill(last-first, func(i int) float64 { return float64(r.w.replicas) * one(g.unix(first+i) >= j.ended) })
		e.emit(t, first, done, "kube_job_status_succeeded", labels...)
	}
}

// podsOf counts the pods of one revision from grid point first on.
func (e *emitter) podsOf(r *run, revision, first int, ready bool) []float64 {
	values := e.fill(e.fleet.grid.n-first, func(int) float64 { return 0 })
	for _, p := range r.pods {
		if p.revision != revision {
			continue
		}
		from := p.created
		if ready {
			from = p.ready
		}
		for i := max(first, e.firstSeen(from)); i < e.lastSeen(p.ended); i++ {
			values[i-first] += one(!ready || !p.unready[i])
		}
	}
	return values
}

// scale yields how many pods a workload should have and has.
func (e *emitter) scale(r *run) {
	t, n, want := e.ksm(), e.fleet.grid.n, float64(r.w.replicas)
	ns := Label{"namespace", r.w.namespace}
	kind := func(l string) []Label { return []Label{ns, {l, r.w.name}} }
	switch r.w.kind {
	case kindDeployment:
		d := kind("deployment")
		e.constant(t, 0, n, want, "kube_deployment_spec_replicas", d...)
		e.constant(t, 0, n, want, "kube_deployment_status_replicas", d...)
		e.emit(t, 0, r.serving, "kube_deployment_status_replicas_ready", d...)
		e.emit(t, 0, r.serving, "kube_deployment_status_replicas_available", d...)
		e.emit(t, 0, e.updated(r), "kube_deployment_status_replicas_updated", d...)
	case kindStatefulSet:
		s := kind("statefulset")
		e.constant(t, 0, n, want, "kube_statefulset_replicas", s...)
		e.constant(t, 0, n, want, "kube_statefulset_status_replicas", s...)
		e.emit(t, 0, r.serving, "kube_statefulset_status_replicas_ready", s...)
		e.emit(t, 0, r.serving, "kube_statefulset_status_replicas_available", s...)
	case kindDaemonSet:
		d := kind("daemonset")
		e.constant(t, 0, n, want, "kube_daemonset_status_desired_number_scheduled", d...)
		e.constant(t, 0, n, want, "kube_daemonset_status_current_number_scheduled", d...)
		e.emit(t, 0, r.serving, "kube_daemonset_status_number_ready", d...)
		e.emit(t, 0, r.serving, "kube_daemonset_status_number_available", d...)
	case kindCronJob:
		c := kind("cronjob")
		schedule := strconv.Itoa(r.w.cron.minute) + " " + strconv.Itoa(r.w.cron.hour) + " * * *"
		e.constant(t, 0, n, 1, "kube_cronjob_info", append(slices.Clone(c), Label{"schedule", schedule}, Label{"concurrency_policy", "Forbid"})...)
		e.constant(t, 0, n, 0, "kube_cronjob_spec_suspend", c...)
	case kindRollout:
		argo := e.target("argo-rollouts", "10.42.3.17:8090")
		ro := []Label{ns, {"name", r.w.name}}
		e.constant(argo, 0, n, want, "rollout_info_replicas_desired", ro...)
		e.emit(argo, 0, r.serving, "rollout_info_replicas_available", ro...)
	}
}

// updated counts the pods of the newest revision that existed at each point.
func (e *emitter) updated(r *run) []float64 {
	values := e.fill(e.fleet.grid.n, func(int) float64 { return 0 })
	for _, p := range r.pods {
		last := e.lastSeen(p.ended)
		if p.revision+1 < len(r.revisions) {
			last = min(last, e.firstSeen(r.revisions[p.revision+1].created))
		}
		for i := e.firstSeen(p.created); i < last; i++ {
			values[i]++
		}
	}
	for i := range values {
		values[i] = math.Min(values[i], float64(r.w.replicas))
	}
	return values
}

// one is 1 for true and 0 for false.
func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
