package collector

import (
	"fmt"
	"strings"
)

// The presets.
const (
	// PresetGeneric asks for no label beyond those that cAdvisor and
	// kube-state-metrics set themselves.
	PresetGeneric = "generic"
	// PresetKubePrometheusStack is the Helm chart of the Prometheus community.
	PresetKubePrometheusStack = "kube-prometheus-stack"
	// PresetThanos is a Thanos querier.
	PresetThanos = "thanos"
	// PresetMimir is Grafana Mimir or Cortex, with several clusters told
	// apart by the label cluster.
	PresetMimir = "mimir"
	// PresetGoogle is Google Cloud Managed Service for Prometheus.
	PresetGoogle = "google-managed-prometheus"
)

// Presets returns the names of the presets.
func Presets() []string {
	return []string{PresetGeneric, PresetKubePrometheusStack, PresetThanos, PresetMimir, PresetGoogle}
}

// preset is the label convention of one distribution.
type preset struct {
	// clusterLabel tells clusters apart.
	clusterLabel string
	// cadvisor and ksm are matchers on the series of cAdvisor and of
	// kube-state-metrics.
	cadvisor, ksm string
	params        map[string]string
}

func presetByName(name string) (preset, error) {
	switch name {
	case PresetGeneric:
		return preset{}, nil
	case PresetKubePrometheusStack:
		return preset{cadvisor: `job="kubelet",metrics_path="/metrics/cadvisor"`, ksm: `job="kube-state-metrics"`}, nil
	case PresetThanos:
		return preset{params: map[string]string{"dedup": "true", "partial_response": "true"}}, nil
	case PresetMimir, PresetGoogle:
		return preset{clusterLabel: "cluster"}, nil
	default:
		return preset{}, fmt.Errorf("preset %q is unknown; known are %s", name, strings.Join(Presets(), ", "))
	}
}
