package snapshot

import (
	"math"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// revisionAnnotation counts the templates of a Deployment, on it and on its
// ReplicaSets.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// outdated says which pods have an older template than the target's and are
// about to be replaced for it. Pods that their StatefulSet or DaemonSet leaves as
// they are (OnDelete, and ordinals below a partition) are not: they may stay for
// ever. Of kinds that are not known, no pod is.
func (o *Objects) outdated() func(*corev1.Pod) bool {
	never := func(*corev1.Pod) bool { return false }
	label, kind := revisionLabel(o.kind()), o.kind()
	if label == "" || o.Target == nil || o.text("spec", "updateStrategy", "type") == "OnDelete" {
		return never
	}
	current := o.revision()
	if current == "" {
		return never
	}
	partition, _ := o.number("spec", "updateStrategy", "rollingUpdate", "partition")
	return func(p *corev1.Pod) bool {
		has := p.Labels[label]
		return has != "" && has != current && (kind != "StatefulSet" || ordinalOf(p) >= int64(partition))
	}
}

// revision is the value of the revision label of pods that are made now; empty
// where it is not known.
func (o *Objects) revision() string {
	switch o.kind() {
	case "Deployment":
		return o.newestReplicaSet()
	case "StatefulSet":
		return o.text("status", "updateRevision")
	case "Rollout":
		return o.text("status", "currentPodHash")
	}
	// Others do not tell: of pods of several templates, the newest has the newest.
	var newest *corev1.Pod
	for _, p := range o.Pods {
		if newest == nil || p.CreationTimestamp.After(newest.CreationTimestamp.Time) {
			newest = p
		}
	}
	if newest == nil || !o.behind() {
		return ""
	}
	return newest.Labels[revisionLabel(o.kind())]
}

// newestReplicaSet is the hash of the ReplicaSet with the largest revision: one
// that is rolled back to gets a new one.
func (o *Objects) newestReplicaSet() string {
	hash, largest := "", int64(math.MinInt64)
	for _, rs := range o.ReplicaSets {
		if owner := metav1.GetControllerOf(rs); owner == nil || owner.UID != o.Target.GetUID() {
			continue
		}
		n, err := strconv.ParseInt(rs.Annotations[revisionAnnotation], 10, 64)
		if err != nil {
			continue
		}
		if n > largest {
			hash, largest = rs.Labels[revisionLabel("Deployment")], n
		}
	}
	return hash
}

// behind says that the target's own status counts fewer pods of the newest
// template than there are to be.
func (o *Objects) behind() bool {
	less := func(updated, all string) bool {
		is, known := o.number("status", updated)
		wants, counted := o.number("status", all)
		if !counted {
			return false
		}
		if !known {
			is = 0 // Left out where it is zero.
		}
		return is < wants
	}
	switch o.kind() {
	case "Deployment", "Rollout":
		return less("updatedReplicas", "replicas")
	case "DaemonSet":
		return o.text("spec", "updateStrategy", "type") != "OnDelete" && less("updatedNumberScheduled", "desiredNumberScheduled")
	case "StatefulSet":
		if o.text("spec", "updateStrategy", "type") == "OnDelete" || o.text("status", "updateRevision") == o.text("status", "currentRevision") {
			return false
		}
		updated, _ := o.number("status", "updatedReplicas")
		all, _ := o.number("status", "replicas")
		partition, _ := o.number("spec", "updateStrategy", "rollingUpdate", "partition")
		return updated < all-partition
	case "LeaderWorkerSet":
		return less("updatedReplicas", "replicas")
	}
	return false
}

// rollingOut says that a new template is being rolled out: the target's
// controller has not looked at its newest generation yet, counts pods of an older
// template, or there are any; or a step of an Argo Rollout waits.
func (o *Objects) rollingOut() bool {
	if o.Target == nil {
		return false
	}
	if seen, known := o.number("status", "observedGeneration"); known && int64(seen) < o.Target.GetGeneration() {
		return true
	}
	if o.behind() {
		return true
	}
	if o.kind() == "Rollout" {
		if stable := o.text("status", "stableRS"); stable != "" && stable != o.text("status", "currentPodHash") {
			return true
		}
	}
	old := o.outdated()
	for _, p := range o.Pods {
		if !ended(p) && old(p) {
			return true
		}
	}
	return false
}

// ordinalOf is the number of a StatefulSet's pod; -1 where it has none.
func ordinalOf(p *corev1.Pod) int64 {
	text := p.Labels["apps.kubernetes.io/pod-index"]
	if text == "" {
		text = p.Name[strings.LastIndexByte(p.Name, '-')+1:]
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// podsPerReplica is how many pods one replica of the target is: the size of the
// groups of a LeaderWorkerSet, whose /scale counts groups; else 1.
func podsPerReplica(target *unstructured.Unstructured) int {
	if target == nil || target.GetKind() != "LeaderWorkerSet" {
		return 1
	}
	n, found, err := unstructured.NestedInt64(target.Object, "spec", "leaderWorkerTemplate", "size")
	if !found || err != nil {
		return 1
	}
	return int(max(1, min(n, 1<<20)))
}
