package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/config"
)

const (
	// The ConfigMap of the chart: what its labels say, and where the file is.
	chartSelector  = "app.kubernetes.io/name=rightsize"
	chartNamespace = "rightsize-system"
	chartFile      = "config.yaml"
	// mountedFiles is where the chart mounts files that its settings name.
	mountedFiles = "/etc/rightsize/"
)

// installed is the settings file of the controller in the cluster.
type installed struct {
	// source is NAMESPACE/NAME of the ConfigMap, and namespace the first of them.
	source, namespace string
	settings          config.Config
}

// installed finds the settings of the chart, nil where there are none or the
// user may not see them. Several are one too many to choose from.
func (c *cluster) installed(ctx context.Context) (*installed, error) {
	options := metav1.ListOptions{LabelSelector: chartSelector}
	all := c.dynamic.Resource(corev1.SchemeGroupVersion.WithResource("configmaps"))
	maps, err := all.List(ctx, options)
	if apierrors.IsForbidden(err) {
		maps, err = all.Namespace(chartNamespace).List(ctx, options)
	}
	if apierrors.IsForbidden(err) {
		return nil, nil // Who may not see them has none.
	}
	if err != nil {
		return nil, fmt.Errorf("look for the settings of an installed chart in %s: %w", c.rest.Host, err)
	}
	var found *installed
	for i := range maps.Items {
		m := &maps.Items[i]
		text, ok, err := unstructured.NestedString(m.Object, "data", chartFile)
		if !ok || err != nil {
			continue
		}
		source := m.GetNamespace() + "/" + m.GetName()
		settings, err := config.Parse([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("%s of ConfigMap %s: %w", chartFile, source, err)
		}
		if found != nil {
			return nil, fmt.Errorf("the chart is installed more than once, with settings in ConfigMap %s and %s: say which to use with --config FILE", found.source, source)
		}
		found = &installed{source: source, namespace: m.GetNamespace(), settings: settings}
	}
	return found, nil
}

// reach has a collector that would reach a Prometheus within the cluster by its
// Service's name go through the API server, so that nothing needs to be
// forwarded by hand. What is not a Service of the cluster is left as it is, as
// is what wants credentials: the API server would take them for its own.
func (c *cluster) reach(ctx context.Context, cfg *collector.Config, from *installed) error {
	if cfg.HTTP.Authorization != nil || cfg.HTTP.BasicAuth != nil || cfg.HTTP.OAuth2 != nil || cfg.SigV4 != nil || cfg.Google != nil || cfg.AzureAD != nil {
		return nil
	}
	at, err := url.Parse(cfg.URL)
	if err != nil {
		return fmt.Errorf("settings in ConfigMap %s: prometheus.url: %w", from.source, err)
	}
	service, ok, err := c.service(ctx, at.Hostname(), from.namespace)
	if err != nil || !ok {
		return err
	}
	transport, err := rest.TransportFor(c.rest)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", c.rest.Host, err)
	}
	base, _, err := rest.DefaultServerUrlFor(c.rest)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", c.rest.Host, err)
	}
	port, scheme := at.Port(), ""
	if at.Scheme == "https" {
		port, scheme = cmp.Or(port, "443"), "https:"
	}
	name := scheme + service.Name + ":" + cmp.Or(port, "80")
	base = base.JoinPath("api", "v1", "namespaces", service.Namespace, "services", name, "proxy", at.Path)
	cfg.URL, cfg.Transport = base.String(), transport
	return nil
}

// service is the Service that a host name stands for inside the cluster, false
// where it is none. A bare name is one of the namespace given.
func (c *cluster) service(ctx context.Context, host, namespace string) (types.NamespacedName, bool, error) {
	labels := strings.Split(host, ".")
	sure := len(labels) > 2 && labels[2] == "svc"
	if net.ParseIP(host) != nil || len(labels) > 2 && !sure {
		return types.NamespacedName{}, false, nil // An address, or a name of elsewhere.
	}
	if len(labels) > 1 {
		namespace = labels[1]
	}
	name := types.NamespacedName{Namespace: namespace, Name: labels[0]}
	_, err := c.dynamic.Resource(corev1.SchemeGroupVersion.WithResource("services")).Namespace(namespace).Get(ctx, name.Name, metav1.GetOptions{})
	switch {
	case err == nil:
		return name, true, nil
	case apierrors.IsForbidden(err): // It may well be used, if not seen.
		return name, sure, nil
	case apierrors.IsNotFound(err):
		return name, false, nil
	default:
		return name, false, fmt.Errorf("look for Service %s in %s: %w", name, c.rest.Host, err)
	}
}

// checkMounted refuses a connection whose credentials are files in the pods of
// the controller.
func (i *installed) checkMounted() error {
	if bytes.Contains(i.settings.Prometheus, []byte(mountedFiles)) {
		return errors.New("the connection in ConfigMap " + i.source + " reads its credentials from files in the controller's pods: " +
			"give --prometheus URL with credentials of your own, or --prometheus-config FILE")
	}
	return nil
}
