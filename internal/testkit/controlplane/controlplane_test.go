package controlplane

import (
	"context"
	"errors"
	"net/http"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A Deployment gets its pods onto a node of kwok and they become ready, which
// takes every program; and an aggregated API answers through the API server.
// Nothing is left afterwards.
func TestEveryProgramWorksAndEndsWithTheTest(t *testing.T) {
	var pids []int
	t.Run("works", func(t *testing.T) {
		c := Start(t, Options{Controllers: []string{"*"}, Scheduler: true, Kwok: NodeStage + PodStages})
		for _, p := range c.running {
			pids = append(pids, p.PID())
		}
		deploy(t, c)
		answersAggregated(t, c)
	})
	for _, pid := range pids {
		if err := syscall.Kill(-pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process group %d is left: %v", pid, err)
		}
	}
}

func deploy(t *testing.T, c *ControlPlane) {
	t.Helper()
	ctx := t.Context()
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("8"), corev1.ResourceMemory: resource.MustParse("32Gi"), corev1.ResourcePods: resource.MustParse("110"),
	}
	_, err := c.Client.CoreV1().Nodes().Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "node-1"}, Status: corev1.NodeStatus{Allocatable: room, Capacity: room},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.Namespace("shop")
	replicas := int32(3)
	labels := map[string]string{"app": "web"}
	deployments := c.Client.AppsV1().Deployments("shop")
	_, err = deployments.Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "example.com/app:1"}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		d, err := deployments.Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if d.Status.ReadyReplicas == replicas {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after two minutes the Deployment has status %+v", d.Status)
		}
	}
}

func answersAggregated(t *testing.T, c *ControlPlane) {
	t.Helper()
	gv := schema.GroupVersion{Group: "lab.example.com", Version: "v1"}
	c.Aggregate(gv, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		WriteJSON(w, http.StatusOK, map[string]string{"path": r.URL.Path})
	}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	body, err := c.Client.Discovery().RESTClient().Get().AbsPath("/apis/lab.example.com/v1/namespaces/shop/things").Do(ctx).Raw()
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"path":"/apis/lab.example.com/v1/namespaces/shop/things"}` + "\n"; string(body) != want {
		t.Errorf("got %s, want %s", body, want)
	}
}
