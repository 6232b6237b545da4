package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Aggregate has the API server pass on what it is asked about a group and
// version to a handler, which sees the whole path from /apis on. The handler
// answers within the test's process until the test ends; discovery of the
// resources is done for it.
func (c *ControlPlane) Aggregate(gv schema.GroupVersion, resources []metav1.APIResource, handler http.Handler) {
	c.t.Helper()
	const namespace = "kube-system"
	name := fmt.Sprintf("test-%d", time.Now().UnixNano())
	c.must(c.keys.serving(name, name+"."+namespace+".svc", "localhost"))
	listener, err := (&net.ListenConfig{}).Listen(c.t.Context(), "tcp", "127.0.0.1:0")
	c.must(err)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /apis/"+gv.Group+"/"+gv.Version, func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, http.StatusOK, metav1.APIResourceList{
			TypeMeta:     metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
			GroupVersion: gv.String(), APIResources: resources,
		})
	})
	mux.Handle("GET /apis/"+gv.Group+"/"+gv.Version+"/", handler)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(listener, c.keys.path(name+".crt"), c.keys.path(name+".key")) }()
	c.t.Cleanup(func() {
		_ = server.Close() // The listener's error, if any, is of no use now.
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			c.t.Errorf("aggregated API %s: %v", gv, err)
		}
	})

	_, port, err := net.SplitHostPort(listener.Addr().String())
	c.must(err)
	number, err := strconv.ParseInt(port, 10, 32)
	c.must(err)
	c.Namespace(namespace)
	ctx := c.t.Context()
	_, err = c.Client.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeExternalName, ExternalName: "localhost",
			Ports: []corev1.ServicePort{{Port: int32(number)}},
		},
	}, metav1.CreateOptions{})
	c.must(err)
	c.register(ctx, gv, namespace, name, int32(number))
}

// register makes the APIService and waits until it is available.
func (c *ControlPlane) register(ctx context.Context, gv schema.GroupVersion, namespace, service string, port int32) {
	c.t.Helper()
	const path = "/apis/apiregistration.k8s.io/v1/apiservices"
	object := map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
		"metadata": map[string]any{"name": gv.Version + "." + gv.Group},
		"spec": map[string]any{
			"group": gv.Group, "version": gv.Version, "groupPriorityMinimum": 100, "versionPriority": 100,
			"caBundle": c.keys.pem, "service": map[string]any{"namespace": namespace, "name": service, "port": port},
		},
	}
	body, err := json.Marshal(object)
	c.must(err)
	client := c.Client.Discovery().RESTClient()
	c.must(client.Post().AbsPath(path).SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error())
	for end := time.Now().Add(readyTimeout); ; {
		err = client.Get().AbsPath("/apis/" + gv.String()).Do(ctx).Error()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("aggregated API %s is not available: %v", gv, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// WriteJSON answers a request with an object.
func WriteJSON(w http.ResponseWriter, status int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object) // The asker has gone.
}
