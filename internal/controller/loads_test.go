package controller

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rightsize-dev/rightsize/internal/snapshot"
)

// Pods that come, are resized, end, are bound to a node and go leave what adding
// up those that are there gives.
func TestLoads(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	pods := map[types.UID]*corev1.Pod{}
	l := newLoads()
	for range 2000 {
		uid := types.UID(fmt.Sprintf("pod-%d", random.IntN(40)))
		if random.IntN(5) == 0 {
			delete(pods, uid)
			l.put(uid, reserved{})
			continue
		}
		p := randomPod(random, uid)
		pods[uid] = p
		l.is(p)
	}
	byNode := map[string][]*corev1.Pod{}
	for _, p := range pods {
		byNode[p.Spec.NodeName] = append(byNode[p.Spec.NodeName], p)
	}
	want := map[string]snapshot.Load{}
	for node, of := range byNode {
		if load := snapshot.LoadOf(of); node != "" && load != (snapshot.Load{}) {
			want[node] = load
		}
	}
	l.told = func() bool { return true }
	got, err := l.all(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(want) < 3 {
		t.Fatalf("pods are on %d nodes only", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what pods take of nodes (-added up +kept):\n%s", diff)
	}
}

func randomPod(random *rand.Rand, uid types.UID) *corev1.Pod {
	owner := metav1.OwnerReference{Kind: "ReplicaSet", UID: "owner", Controller: new(true)}
	if random.IntN(4) == 0 {
		owner.Kind = "DaemonSet"
	}
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: uid, OwnerReferences: []metav1.OwnerReference{owner}}}
	if node := random.IntN(5); node > 0 {
		p.Spec.NodeName = fmt.Sprintf("node-%d", node)
	}
	if random.IntN(6) == 0 {
		p.Status.Phase = corev1.PodSucceeded
	}
	p.Spec.Containers = []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewMilliQuantity(random.Int64N(4000), resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(random.Int64N(1<<30), resource.BinarySI),
	}}}}
	return p
}
