package controller_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/recommender"
)

// anything is an object of a kind without a type here.
func anything(apiVersion, kind, namespace, name string, more map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: more}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

// testOthers: autoscalers of the kinds that a cluster may have are in the way as
// soon as they come, and are not once they go, whatever a round has to say; and
// of a node of a NodePool there are as many as its limits leave.
func testOthers(t *testing.T, e *env, ns string) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: "pooled", Labels: map[string]string{"karpenter.sh/nodepool": "main", corev1.LabelInstanceTypeStable: "m7.xlarge"},
	}}
	e.create(t, node)
	node.Status.Allocatable = corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourcePods: resource.MustParse("50"),
	}
	if err := e.Status().Update(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	node.Spec.Taints = nil // Admission gives every new node that of one that is not ready.
	if err := e.Update(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	e.create(t, anything("karpenter.sh/v1", "NodePool", "", "main", map[string]any{
		"spec": map[string]any{"limits": map[string]any{"cpu": "14"}}, "status": map[string]any{"resources": map[string]any{"cpu": "4"}},
	}))
	e.past(t, ns, "web", 2)
	e.deployment(t, ns, "web", 2)
	records := t.TempDir()
	e.run(t, "rightsize", ns, "--record-decisions="+records)
	e.rightSize(t, ns, "web", "web", v1alpha1.ModeDryRun)
	e.await(t, ns, "web", "recommended", recommended)
	target := map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
	for _, rival := range []*unstructured.Unstructured{
		anything("autoscaling.k8s.io/v1", "VerticalPodAutoscaler", ns, "web", map[string]any{"spec": map[string]any{"targetRef": target}}),
		anything("keda.sh/v1alpha1", "ScaledObject", ns, "web", map[string]any{"spec": map[string]any{"scaleTargetRef": map[string]any{"name": "web"}}}),
	} {
		began := time.Now()
		e.create(t, rival)
		rs := e.await(t, ns, "web", "in conflict with "+rival.GetKind(), func(rs *v1alpha1.RightSize) bool {
			return has(rs, v1alpha1.ConditionTargetResolved, metav1.ConditionFalse, v1alpha1.ReasonConflict)
		})
		if took := time.Since(began); took > 20*time.Second { // A round comes each minute.
			t.Errorf("that there is a %s was seen after %s", rival.GetKind(), took)
		}
		want := rival.GetKind() + " web has the same target"
		if c := rs.Status.Conditions; !slices.ContainsFunc(c, func(c metav1.Condition) bool { return c.Message == want }) {
			t.Errorf("no condition says %q: %v", want, c)
		}
		if s := recordedSnapshot(t, records, ns, "web"); !slices.Contains(s.Facts, recommender.Fact{Code: recommender.FactWarning, Message: want}) {
			t.Errorf("the facts are %v", s.Facts)
		}
		if err := e.Delete(t.Context(), rival); err != nil {
			t.Fatal(err)
		}
		e.await(t, ns, "web", "alone again", func(rs *v1alpha1.RightSize) bool {
			return has(rs, v1alpha1.ConditionTargetResolved, metav1.ConditionTrue, v1alpha1.ReasonResolved)
		})
	}
	// 10 of 14 cores are left, for two nodes of four more.
	nodes := recordedSnapshot(t, records, ns, "web").Nodes
	if i := slices.IndexFunc(nodes, func(n recommender.NodeShape) bool { return n.Name == "main/m7.xlarge" }); i < 0 || nodes[i].MaxNodes != 3 {
		t.Errorf("the nodes are %+v, want 3 at most of main/m7.xlarge", nodes)
	}
}

// recordedSnapshot is what the last decision about a Deployment was made from.
func recordedSnapshot(t *testing.T, folder, namespace, name string) recommender.Snapshot {
	t.Helper()
	var s recommender.Snapshot
	data, err := os.ReadFile(filepath.Join(folder, namespace+".Deployment."+name+".snapshot.json"))
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}
