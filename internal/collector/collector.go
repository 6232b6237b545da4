// Package collector finds workloads and reads their history from the HTTP API
// of a Prometheus, or of anything that speaks it.
//
// Every signal is one range query for all workloads, aggregated on the server
// to one series for each container of each owner of pods, and split by time
// and namespaces only as far as the server's limits ask for. Owners of owners
// (the Deployment of a ReplicaSet) are followed here.
package collector

import (
	"fmt"
	"maps"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// Collector reads fleets from one Prometheus. It may be used from several
// goroutines.
type Collector struct {
	cfg     Config
	preset  preset
	client  *client
	catalog *catalogue
}

// New checks the configuration and prepares the connection; it does not
// connect yet.
func New(cfg Config) (*Collector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.fill()
	p, err := presetByName(cfg.Preset)
	if err != nil {
		return nil, err
	}
	if cfg.ClusterLabel == "" {
		cfg.ClusterLabel = p.clusterLabel
	}
	if cfg.Cluster != "" && cfg.ClusterLabel == "" {
		cfg.ClusterLabel = "cluster"
	}
	catalog, err := loadCatalogue()
	if err != nil {
		return nil, fmt.Errorf("signal catalogue: %w", err)
	}
	cl, err := newClient(cfg, p.params)
	if err != nil {
		return nil, err
	}
	return &Collector{cfg: cfg, preset: p, client: cl, catalog: catalog}, nil
}

// Source is the URL without credentials.
func (c *Collector) Source() string { return c.client.source }

// newClient connects the client library with the chain of round trippers.
func newClient(cfg Config, presetParams map[string]string) (*client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	rt, err := cfg.roundTripper()
	if err != nil {
		return nil, err
	}
	params := map[string]string{}
	maps.Copy(params, presetParams)
	maps.Copy(params, cfg.Params)
	rec := &recorder{next: rt, params: params, maxBytes: cfg.MaxResponseBytes}
	apiClient, err := api.NewClient(api.Config{Address: cfg.URL, RoundTripper: rec})
	if err != nil {
		return nil, err
	}
	source := *u
	source.User = nil
	return &client{
		api: promv1.NewAPI(apiClient), recorder: rec, source: source.String(),
		timeout: time.Duration(cfg.Timeout), attempts: cfg.Attempts, backoff: time.Duration(cfg.Backoff),
		maxBytes: cfg.MaxResponseBytes, slots: make(chan struct{}, cfg.Concurrency), observe: cfg.Observe,
	}, nil
}
