package metricsapi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	externalv1beta1 "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// GroupVersion is what [Server] serves.
func GroupVersion() schema.GroupVersion { return externalv1beta1.SchemeGroupVersion }

// staleAfter is how old a decision may be for its values to be told: a forecast
// of long ago is none.
const staleAfter = 15 * time.Minute

// Objects lists the RightSizes of a namespace, as from a cache.
type Objects func(ctx context.Context, namespace string) ([]v1alpha1.RightSize, error)

// external answers what the API server asks.
type external struct {
	proxy   *frontProxy
	gate    *gate
	objects Objects
	board   *Board
	now     func() time.Time
}

// handler has the paths of an API group, and the health checks, which need no
// user.
func (e *external) handler() http.Handler {
	gv := GroupVersion()
	mux := http.NewServeMux()
	for _, path := range []string{"/healthz", "/livez", "/readyz"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	}
	group := metav1.APIGroup{
		TypeMeta: metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}, Name: gv.Group,
		Versions:         []metav1.GroupVersionForDiscovery{{GroupVersion: gv.String(), Version: gv.Version}},
		PreferredVersion: metav1.GroupVersionForDiscovery{GroupVersion: gv.String(), Version: gv.Version},
	}
	e.document(mux, "GET /apis", metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}, Groups: []metav1.APIGroup{group}})
	e.document(mux, "GET /apis/"+gv.Group, group)
	resources := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: gv.String()}
	for _, name := range Metrics() {
		resources.APIResources = append(resources.APIResources, metav1.APIResource{
			Name: name, Namespaced: true, Kind: "ExternalMetricValueList", Verbs: metav1.Verbs{"get", "list"},
		})
	}
	e.document(mux, "GET /apis/"+gv.String(), resources)
	mux.HandleFunc("GET /apis/"+gv.String()+"/namespaces/{namespace}/{metric}", e.metric)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound, Message: "nothing at " + r.Method + " " + r.URL.Path,
		}})
	})
	return mux
}

// document serves discovery to every user of the API server.
func (e *external) document(mux *http.ServeMux, pattern string, document any) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if _, err := e.proxy.user(r); err != nil {
			fail(w, refusal(err))
			return
		}
		answer(w, http.StatusOK, document)
	})
}

// refusal is what a stranger gets to see.
func refusal(err error) error {
	if err == errStranger { //nolint:errorlint // Never wrapped.
		return apierrors.NewUnauthorized(err.Error())
	}
	return apierrors.NewInternalError(err)
}

// metric answers with the values of one metric in a namespace that the selector
// in the query matches. None is an empty list, as of any metric that is not
// there: an HPA says so in its conditions, and scales nothing.
func (e *external) metric(w http.ResponseWriter, r *http.Request) {
	namespace, metric := r.PathValue("namespace"), r.PathValue("metric")
	resource := GroupVersion().WithResource(metric).GroupResource()
	u, err := e.proxy.user(r)
	if err != nil {
		fail(w, refusal(err))
		return
	}
	may, why, err := e.gate.allowed(r.Context(), u, namespace, metric)
	switch {
	case err != nil:
		fail(w, apierrors.NewInternalError(err))
		return
	case !may:
		fail(w, apierrors.NewForbidden(resource, "", fmt.Errorf("user %q may not list it in namespace %q: %s", u.name, namespace, why)))
		return
	case !slices.Contains(Metrics(), metric):
		fail(w, apierrors.NewNotFound(resource, metric))
		return
	}
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		fail(w, apierrors.NewBadRequest("labelSelector: "+err.Error()))
		return
	}
	values, err := e.values(r.Context(), namespace, metric, selector)
	if err != nil {
		fail(w, apierrors.NewInternalError(err))
		return
	}
	list := externalv1beta1.ExternalMetricValueList{
		TypeMeta: metav1.TypeMeta{Kind: "ExternalMetricValueList", APIVersion: GroupVersion().String()},
		Items:    make([]externalv1beta1.ExternalMetricValue, 0, len(values)),
	}
	for _, v := range values {
		list.Items = append(list.Items, externalv1beta1.ExternalMetricValue{
			MetricName: v.Metric, MetricLabels: v.Labels, Timestamp: metav1.NewTime(v.At), Value: quantity(v.Value),
		})
	}
	answer(w, http.StatusOK, list)
}

// values are those of the newest decision about each RightSize. Who has made none
// of late, such as a replica that waits to lead, tells what the status says,
// which holds until it is written anew.
func (e *external) values(ctx context.Context, namespace, metric string, selector labels.Selector) ([]Value, error) {
	objects, err := e.objects(ctx, namespace)
	if err != nil {
		return nil, err
	}
	var out []Value
	for i := range objects {
		rs := &objects[i]
		own := e.board.of(types.NamespacedName{Namespace: rs.Namespace, Name: rs.Name})
		if len(own) == 0 || e.now().Sub(own[0].At) > staleAfter {
			own = e.told(rs)
		}
		for _, v := range own {
			if v.Metric != metric {
				continue
			}
			all := maps.Clone(rs.Labels)
			if all == nil {
				all = map[string]string{}
			}
			maps.Copy(all, v.Labels)
			if selector.Matches(labels.Set(all)) {
				v.Labels = all
				out = append(out, v)
			}
		}
	}
	slices.SortFunc(out, func(a, b Value) int {
		return strings.Compare(labels.Set(a.Labels).String(), labels.Set(b.Labels).String())
	})
	return out, nil
}

// told is the recommended number of pods that a status tells.
func (e *external) told(rs *v1alpha1.RightSize) []Value {
	n := rs.Status.Recommendation.Replicas
	if n == nil || rs.Spec.Mode == v1alpha1.ModePaused || !meta.IsStatusConditionTrue(rs.Status.Conditions, v1alpha1.ConditionRecommendationAvailable) {
		return nil
	}
	return []Value{{Metric: MetricReplicas, Labels: map[string]string{LabelRightSize: rs.Name}, At: e.now(), Value: float64(*n)}}
}

// quantity is exact to a thousandth, upwards, as the API's own amounts are.
func quantity(v float64) resource.Quantity {
	const most = 1e15
	v = min(max(v, -most), most)
	return *resource.NewMilliQuantity(int64(math.Ceil(v*1000-1e-6)), resource.DecimalSI)
}

func fail(w http.ResponseWriter, err error) {
	status := apierrors.NewInternalError(err).ErrStatus
	if s, ok := err.(apierrors.APIStatus); ok { // Made here, never wrapped.
		status = s.Status()
	}
	status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	answer(w, int(status.Code), status)
}

func answer(w http.ResponseWriter, code int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(document) // Who asked has gone.
}
