package snapshot

import (
	"cmp"
	"math"
	"slices"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	resourcehelper "k8s.io/component-helpers/resource"
	scheduling "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Load is what pods take of a node, as the scheduler counts it: of each pod the
// largest of what it asks for, was allocated and has.
type Load struct {
	Requests recommender.Resources
	// Daemons is the part of it that DaemonSets take, with static pods.
	Daemons recommender.Resources
}

// LoadOf adds up pods of one node. Those that have ended take nothing; those
// that are terminating still do.
func LoadOf(pods []*corev1.Pod) Load {
	var l Load
	for _, p := range pods {
		if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		l.add(p)
	}
	return l
}

// More is the load with another on top of it.
func (l Load) More(o Load) Load {
	return Load{Requests: l.Requests.Add(o.Requests), Daemons: l.Daemons.Add(o.Daemons)}
}

// Less is the load without another that is part of it.
func (l Load) Less(o Load) Load {
	return Load{Requests: minus(l.Requests, o.Requests), Daemons: minus(l.Daemons, o.Daemons)}
}

// reservedBy is what the scheduler counts for a pod.
func reservedBy(p *corev1.Pod) recommender.Resources {
	return sizeOf(resourcehelper.PodRequests(p, resourcehelper.PodResourcesOptions{
		UseStatusResources: true, InPlacePodLevelResourcesVerticalScalingEnabled: true,
	}))
}

func (l *Load) add(p *corev1.Pod) {
	size := reservedBy(p)
	l.Requests = l.Requests.Add(size)
	_, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]
	if owner := metav1.GetControllerOf(p); mirror || owner != nil && owner.Kind == "DaemonSet" {
		l.Daemons = l.Daemons.Add(size)
	}
}

// roomOn is a node as a plan sees it. What is free may be negative, where pods
// were resized or forced onto it; that leaves none.
func roomOn(n Node) actuator.Node {
	offers := n.kind.Allocatable
	return actuator.Node{Name: n.node.Name, Allocatable: offers, Free: minus(offers, n.load.Requests)}
}

// poolLabel names the NodePool that made a node.
const poolLabel = "karpenter.sh/nodepool"

// shape is a kind of node in the making.
type shape struct {
	recommender.NodeShape
	pool  string
	nodes int
}

// shapes are the kinds of nodes that a pod may be scheduled on, by machine type
// and pool, and where a node has no label for these by what it offers. Machines
// of one type differ by some memory: a shape offers the least of them, less the
// most that their DaemonSets take. Nodes that are cordoned do not count. Of a
// Karpenter NodePool with limits, a shape has at most as many nodes as these
// leave; of others there may be any number, since whether they grow is not known.
func (o *Objects) shapes(pod *corev1.Pod) []recommender.NodeShape {
	if pod == nil {
		return nil
	}
	affinity := nodeaffinity.GetRequiredNodeAffinity(pod)
	found, own := map[string]*shape{}, o.ownDaemons()
	for _, n := range o.Nodes {
		if n.node.Spec.Unschedulable || !o.scheduledOn(pod, n.node, affinity) {
			continue
		}
		one := n.kind
		one.Overhead = minus(n.load.Daemons, own[n.node.Name])
		s := found[one.Name]
		if s == nil {
			found[one.Name] = &shape{NodeShape: one, pool: n.pool, nodes: 1}
			continue
		}
		s.nodes++
		s.Allocatable = recommender.Resources{
			CPU: min(s.Allocatable.CPU, one.Allocatable.CPU), Memory: min(s.Allocatable.Memory, one.Allocatable.Memory),
		}
		s.Overhead = recommender.Resources{CPU: max(s.Overhead.CPU, one.Overhead.CPU), Memory: max(s.Overhead.Memory, one.Overhead.Memory)}
		s.GPUs = min(s.GPUs, one.GPUs)
	}
	var out []recommender.NodeShape
	for _, s := range found {
		s.MaxNodes = o.mostNodes(*s)
		out = append(out, s.NodeShape)
	}
	slices.SortFunc(out, func(a, b recommender.NodeShape) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// ownDaemons is what the workload itself takes of each node, where it is a
// DaemonSet: that is no overhead to it.
func (o *Objects) ownDaemons() map[string]recommender.Resources {
	out := map[string]recommender.Resources{}
	if o.kind() != "DaemonSet" {
		return out
	}
	for _, p := range o.Pods {
		out[p.Spec.NodeName] = out[p.Spec.NodeName].Add(reservedBy(p))
	}
	return out
}

// minus is what is left, and nothing where that is less than none.
func minus(a, b recommender.Resources) recommender.Resources {
	return recommender.Resources{CPU: max(0, a.CPU-b.CPU), Memory: max(0, a.Memory-b.Memory)}
}

// amountKey names a shape that has no name.
func amountKey(r recommender.Resources) string {
	return resource.NewMilliQuantity(int64(r.CPU), resource.DecimalSI).String() + "-" + resource.NewQuantity(int64(r.Memory), resource.BinarySI).String()
}

// scheduledOn says whether labels and taints of a node let a pod be scheduled on
// it. An affinity that cannot be read matches nothing.
func (o *Objects) scheduledOn(pod *corev1.Pod, node *corev1.Node, affinity nodeaffinity.RequiredNodeAffinity) bool {
	if o.RightSize != nil && o.RightSize.Spec.Scope.Nodes != nil {
		selector, err := metav1.LabelSelectorAsSelector(o.RightSize.Spec.Scope.Nodes)
		if err != nil || !selector.Matches(labels.Set(node.Labels)) {
			return false
		}
	}
	// The affinity of a DaemonSet's pod names its node.
	if o.kind() != "DaemonSet" {
		if ok, err := affinity.Match(node); err != nil || !ok {
			return false
		}
	}
	_, refused := scheduling.FindMatchingUntoleratedTaint(logr.Discard(), node.Spec.Taints, pod.Spec.Tolerations, func(t *corev1.Taint) bool {
		return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
	}, true)
	return !refused
}

// mostNodes is how many nodes of a shape there may be: those there are, and those
// that what is left of its NodePool's limits holds. Zero where nothing limits
// them.
func (o *Objects) mostNodes(s shape) int {
	most := math.MaxInt32
	for _, pool := range o.NodePools {
		if pool.GetName() != s.pool || s.pool == "" {
			continue
		}
		limits, _, errLimits := unstructured.NestedMap(pool.Object, "spec", "limits")
		used, _, errUsed := unstructured.NestedMap(pool.Object, "status", "resources")
		if errLimits != nil || errUsed != nil {
			continue
		}
		for name, each := range map[string]int64{"cpu": int64(s.Allocatable.CPU), "memory": int64(s.Allocatable.Memory) * 1000, "nodes": 1000} {
			limit, known := milli(limits[name])
			if !known || each <= 0 {
				continue
			}
			is, _ := milli(used[name])
			most = min(most, s.nodes+int(min(max(0, limit-is)/each, math.MaxInt16)))
		}
	}
	if most == math.MaxInt32 {
		return 0
	}
	return most
}

// milli is an amount in thousandths as it stands in an object: a string or a
// number. False where it is neither, or too large to count.
func milli(v any) (int64, bool) {
	switch v := v.(type) {
	case string:
		q, err := resource.ParseQuantity(v)
		if err != nil || q.CmpInt64(math.MaxInt64/1000) > 0 {
			return 0, false
		}
		return q.MilliValue(), true
	case int64:
		if v > math.MaxInt64/1000 {
			return 0, false
		}
		return v * 1000, true
	case float64:
		if !(math.Abs(v) < math.MaxInt64/1000) {
			return 0, false
		}
		return int64(v * 1000), true
	}
	return 0, false
}

// zones is the number of zones with a node on which a pod may be scheduled.
func (o *Objects) zones(pod *corev1.Pod) int {
	affinity := nodeaffinity.GetRequiredNodeAffinity(pod)
	found := map[string]bool{}
	for _, n := range o.Nodes {
		if zone := n.node.Labels[corev1.LabelTopologyZone]; zone != "" && o.scheduledOn(pod, n.node, affinity) {
			found[zone] = true
		}
	}
	return len(found)
}
