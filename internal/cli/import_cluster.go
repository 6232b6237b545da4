package cli

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rightsize-dev/rightsize/internal/importer"
)

// autoscalerResource is where a cluster serves the kind.
func autoscalerResource(kind importer.Kind) schema.GroupVersionResource {
	switch kind {
	case importer.KindHPA:
		return schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}
	case importer.KindVPA:
		return schema.GroupVersionResource{Group: "autoscaling.k8s.io", Version: "v1", Resource: "verticalpodautoscalers"}
	case importer.KindScaledObject:
		return schema.GroupVersionResource{Group: "keda.sh", Version: "v1alpha1", Resource: "scaledobjects"}
	}
	return schema.GroupVersionResource{}
}

// fromCluster gets the named autoscaler of each kind, by the configuration that
// kubectl uses.
func (o *importOptions) fromCluster(ctx context.Context) ([]importer.Object, error) {
	cl, err := o.cluster.connect()
	if err != nil {
		return nil, err
	}
	namespace := cl.namespace
	if o.namespace != "" {
		namespace = o.namespace
	}
	var all []importer.Object
	for _, kind := range o.kinds {
		got, err := cl.dynamic.Resource(autoscalerResource(kind)).Namespace(namespace).Get(ctx, o.name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("no %s %s/%s, or the cluster has no such kind: %w", kind, namespace, o.name, err)
		}
		if err != nil {
			return nil, fmt.Errorf("get %s %s/%s: %w", kind, namespace, o.name, err)
		}
		text, err := got.MarshalJSON()
		if err != nil {
			return nil, err
		}
		var object importer.Object
		if err := json.Unmarshal(text, &object); err != nil {
			return nil, fmt.Errorf("%s %s/%s: %w", kind, namespace, o.name, err)
		}
		all = append(all, object)
	}
	return all, nil
}
