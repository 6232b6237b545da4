package exporter

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	appslisters "k8s.io/client-go/listers/apps/v1"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// objects tells what kube-state-metrics tells, of what the collector reads of
// it: names, labels and when a series is there are as in its documentation
// (docs/metrics/workload of kubernetes/kube-state-metrics).
type objects struct {
	pods         corelisters.PodLister
	replicaSets  appslisters.ReplicaSetLister
	deployments  appslisters.DeploymentLister
	statefulSets appslisters.StatefulSetLister
	daemonSets   appslisters.DaemonSetLister
	jobs         batchlisters.JobLister
	cronJobs     batchlisters.CronJobLister
}

func newObjects(f informers.SharedInformerFactory) *objects {
	apps, batch := f.Apps().V1(), f.Batch().V1()
	return &objects{
		pods: f.Core().V1().Pods().Lister(), replicaSets: apps.ReplicaSets().Lister(), deployments: apps.Deployments().Lister(),
		statefulSets: apps.StatefulSets().Lister(), daemonSets: apps.DaemonSets().Lister(),
		jobs: batch.Jobs().Lister(), cronJobs: batch.CronJobs().Lister(),
	}
}

// collect tells about all objects. Listing from an index in memory gives no
// errors.
func (o *objects) collect(s *sink) {
	all := labels.Everything()
	pods, _ := o.pods.List(all)
	for _, p := range pods {
		o.pod(s, p)
	}
	replicaSets, _ := o.replicaSets.List(all)
	for _, r := range replicaSets {
		l := []string{"namespace", r.Namespace, "replicaset", r.Name}
		s.gauge("kube_replicaset_owner", 1, append(l, owner(r.OwnerReferences)...)...)
		s.gauge("kube_replicaset_created", unix(r.CreationTimestamp), l...)
		s.gauge("kube_replicaset_spec_replicas", replicas(r.Spec.Replicas), l...)
		s.gauge("kube_replicaset_status_ready_replicas", float64(r.Status.ReadyReplicas), l...)
	}
	o.scalable(s)
	jobs, _ := o.jobs.List(all)
	for _, j := range jobs {
		l := []string{"namespace", j.Namespace, "job_name", j.Name}
		s.gauge("kube_job_owner", 1, append(l, owner(j.OwnerReferences)...)...)
		s.gauge("kube_job_created", unix(j.CreationTimestamp), l...)
		s.gauge("kube_job_status_active", float64(j.Status.Active), l...)
	}
	cronJobs, _ := o.cronJobs.List(all)
	for _, c := range cronJobs {
		s.gauge("kube_cronjob_info", 1, "namespace", c.Namespace, "cronjob", c.Name, "schedule", c.Spec.Schedule,
			"concurrency_policy", string(c.Spec.ConcurrencyPolicy))
	}
}

// scalable tells about Deployments, StatefulSets and DaemonSets.
func (o *objects) scalable(s *sink) {
	all := labels.Everything()
	deployments, _ := o.deployments.List(all)
	for _, d := range deployments {
		l := []string{"namespace", d.Namespace, "deployment", d.Name}
		s.gauge("kube_deployment_spec_replicas", replicas(d.Spec.Replicas), l...)
		s.gauge("kube_deployment_status_replicas", float64(d.Status.Replicas), l...)
		s.gauge("kube_deployment_status_replicas_ready", float64(d.Status.ReadyReplicas), l...)
		s.gauge("kube_deployment_status_replicas_updated", float64(d.Status.UpdatedReplicas), l...)
	}
	statefulSets, _ := o.statefulSets.List(all)
	for _, d := range statefulSets {
		l := []string{"namespace", d.Namespace, "statefulset", d.Name}
		s.gauge("kube_statefulset_replicas", replicas(d.Spec.Replicas), l...)
		s.gauge("kube_statefulset_status_replicas", float64(d.Status.Replicas), l...)
		s.gauge("kube_statefulset_status_replicas_ready", float64(d.Status.ReadyReplicas), l...)
	}
	daemonSets, _ := o.daemonSets.List(all)
	for _, d := range daemonSets {
		l := []string{"namespace", d.Namespace, "daemonset", d.Name}
		s.gauge("kube_daemonset_status_desired_number_scheduled", float64(d.Status.DesiredNumberScheduled), l...)
		s.gauge("kube_daemonset_status_number_ready", float64(d.Status.NumberReady), l...)
	}
}

func (o *objects) pod(s *sink, p *corev1.Pod) {
	l := []string{"namespace", p.Namespace, "pod", p.Name, "uid", string(p.UID)}
	s.gauge("kube_pod_owner", 1, append(l, owner(p.OwnerReferences)...)...)
	s.gauge("kube_pod_labels", 1, append(l, "label_app", p.Labels[LabelApp])...)
	s.gauge("kube_pod_created", unix(p.CreationTimestamp), l...)
	if p.Status.StartTime != nil {
		s.gauge("kube_pod_start_time", unix(*p.Status.StartTime), l...)
	}
	for _, phase := range []corev1.PodPhase{corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded, corev1.PodFailed, corev1.PodUnknown} {
		s.gauge("kube_pod_status_phase", one(p.Status.Phase == phase), append(l, "phase", string(phase))...)
	}
	for _, c := range p.Status.Conditions {
		if c.Type != corev1.PodReady {
			continue
		}
		for _, v := range []corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown} {
			s.gauge("kube_pod_status_ready", one(c.Status == v), append(l, "condition", strings.ToLower(string(v)))...)
		}
		if c.Status == corev1.ConditionTrue {
			s.gauge("kube_pod_status_ready_time", unix(c.LastTransitionTime), l...)
		}
	}
	for i := range p.Spec.Containers {
		container(s, p, &p.Spec.Containers[i], "kube_pod_container_", "")
	}
	for i := range p.Spec.InitContainers {
		c := &p.Spec.InitContainers[i]
		policy := ""
		if c.RestartPolicy != nil {
			policy = string(*c.RestartPolicy)
		}
		container(s, p, c, "kube_pod_init_container_", policy)
	}
}

func container(s *sink, p *corev1.Pod, c *corev1.Container, prefix, policy string) {
	l := []string{"namespace", p.Namespace, "pod", p.Name, "uid", string(p.UID), "container", c.Name}
	info := slices.Concat(l, []string{"image_spec", c.Image})
	if prefix == "kube_pod_init_container_" {
		info = append(info, "restart_policy", policy)
	}
	s.gauge(prefix+"info", 1, info...)
	for what, list := range map[string]corev1.ResourceList{"requests": c.Resources.Requests, "limits": c.Resources.Limits} {
		for name, quantity := range list {
			resource, unit := "cpu", "core"
			if name == corev1.ResourceMemory {
				resource, unit = "memory", "byte"
			} else if name != corev1.ResourceCPU {
				continue
			}
			s.gauge(prefix+"resource_"+what, quantity.AsApproximateFloat64(),
				append(l, "node", p.Spec.NodeName, "resource", resource, "unit", unit)...)
		}
	}
	k := status(p, c.Name)
	if k == nil {
		return
	}
	s.counter(prefix+"status_restarts_total", float64(k.RestartCount), l...)
	if t := k.LastTerminationState.Terminated; t != nil {
		s.gauge(prefix+"status_last_terminated_reason", 1, append(l, "reason", t.Reason)...)
	}
	if t := k.State.Terminated; t != nil {
		s.gauge(prefix+"status_terminated_reason", 1, append(l, "reason", t.Reason)...)
	}
}

// owner is the labels that tell the controller, or else the first owner.
func owner(references []metav1.OwnerReference) []string {
	if len(references) == 0 {
		return []string{"owner_kind", "", "owner_name", "", "owner_is_controller", ""}
	}
	r := &references[0]
	for i := range references {
		if c := references[i].Controller; c != nil && *c {
			r = &references[i]
		}
	}
	controller := "false"
	if r.Controller != nil && *r.Controller {
		controller = "true"
	}
	return []string{"owner_kind", r.Kind, "owner_name", r.Name, "owner_is_controller", controller}
}

func replicas(n *int32) float64 {
	if n == nil {
		return 1
	}
	return float64(*n)
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unix(t metav1.Time) float64 { return float64(t.UnixNano()/int64(time.Millisecond)) / 1000 }
