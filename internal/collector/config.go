package collector

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/storage/remote/azuread"
	"github.com/prometheus/sigv4"
	"go.yaml.in/yaml/v2"
)

// Limits of what a configuration may ask for.
const (
	// MaxHistory is the longest history that is read.
	MaxHistory = 28 * 24 * time.Hour
	// minStep keeps the grid from being finer than any scrape.
	minStep = time.Second
	// maxPoints is how many points a series may have in one answer. Prometheus
	// refuses more than 11,000.
	maxPoints = 10_000
)

// Config says where history is and how to read it. The zero value of every
// field but URL means its default. As a YAML file it has the keys of
// Prometheus's own remote_read section for everything about HTTP
// (basic_auth, authorization, oauth2, tls_config, http_headers, proxy_url, …).
type Config struct {
	// URL is the base of the Prometheus HTTP API, without /api/v1.
	URL string `yaml:"url"`
	// Preset names the label conventions of a distribution; see [Presets].
	Preset string `yaml:"preset,omitempty"`
	// ClusterLabel is the label that tells clusters apart where one Prometheus
	// holds several. Empty means to look for one.
	ClusterLabel string `yaml:"cluster_label,omitempty"`
	// Cluster restricts the collection to the cluster of this name.
	Cluster string `yaml:"cluster,omitempty"`
	// Matchers are PromQL label matchers such as `env="prod"` that every
	// series has to meet.
	Matchers []string `yaml:"matchers,omitempty"`
	// Namespaces restricts the collection; ExcludeNamespaces leaves some out.
	Namespaces        []string `yaml:"namespaces,omitempty"`
	ExcludeNamespaces []string `yaml:"exclude_namespaces,omitempty"`
	// Selector is a Kubernetes label selector on pods, for example
	// "app=shop,tier in (web,api)". It needs kube_pod_labels.
	Selector string `yaml:"selector,omitempty"`
	// History is how far back to read; zero means 14 days, at most MaxHistory.
	History model.Duration `yaml:"history,omitempty"`
	// Step is the distance of the points; zero means 5 minutes.
	Step model.Duration `yaml:"step,omitempty"`
	// RateWindow is the window of rates. It has to span at least four scrapes,
	// or rates go missing. Zero means the larger of Step and 5 minutes.
	RateWindow model.Duration `yaml:"rate_window,omitempty"`
	// Concurrency is the number of queries under way at once; zero means 4.
	Concurrency int `yaml:"concurrency,omitempty"`
	// Timeout bounds each query; zero means 2 minutes, as Prometheus does.
	Timeout model.Duration `yaml:"timeout,omitempty"`
	// Attempts is how often a query is sent before it fails; zero means 5.
	Attempts int `yaml:"attempts,omitempty"`
	// Backoff is the wait before the second attempt; it doubles each time, up
	// to 30 seconds. Zero means half a second.
	Backoff model.Duration `yaml:"backoff,omitempty"`
	// MaxResponseBytes bounds the body of each answer, decompressed; zero
	// means 64 MiB. A larger answer is asked for in two halves.
	MaxResponseBytes int64 `yaml:"max_response_bytes,omitempty"`
	// MaxSamples is how many samples the server should have to hold for one
	// query; zero means 25 million. Prometheus refuses more than its
	// --query.max-samples, by default 50 million.
	MaxSamples int64 `yaml:"max_samples,omitempty"`
	// Params are added to the URL of every query, for example dedup=true.
	Params map[string]string `yaml:"params,omitempty"`

	HTTP config.HTTPClientConfig `yaml:",inline"`
	// Transport takes the place of everything that HTTP says but its headers, for
	// who reaches the Prometheus by a way of its own, such as the proxy of an API
	// server. Nil where HTTP says it all.
	Transport http.RoundTripper `yaml:"-"`
	// SigV4 signs requests for Amazon Managed Service for Prometheus.
	SigV4 *sigv4.SigV4Config `yaml:"sigv4,omitempty"`
	// Google gets tokens for Google Cloud Managed Service for Prometheus.
	Google *GoogleConfig `yaml:"google_iam,omitempty"`
	// AzureAD gets tokens for Azure Monitor managed service for Prometheus.
	AzureAD *azuread.AzureADConfig `yaml:"azuread,omitempty"`

	// Observe hears how each query went and how long it took, retries included;
	// for those that are sent again, also of each time, and then of no time. It may
	// be called from several goroutines. Nil where nobody listens.
	Observe func(result QueryResult, took time.Duration) `yaml:"-"`
}

// QueryResult is how a query went.
type QueryResult string

// The results of queries.
const (
	QueryOK      QueryResult = "ok"
	QueryPartial QueryResult = "partial" // Answered with warnings.
	QueryRetried QueryResult = "retried" // Not answered, and sent again.
	QueryFailed  QueryResult = "failed"
)

// GoogleConfig says whose Google token to send.
type GoogleConfig struct {
	// CredentialsFile is a credentials file in JSON; empty means the
	// application default credentials.
	CredentialsFile string `yaml:"credentials_file,omitempty"`
}

// DefaultConfig returns the configuration that zero values stand for, without
// a URL.
func DefaultConfig() Config {
	c := Config{HTTP: defaultHTTP()}
	c.fill()
	return c
}

// defaultHTTP is Prometheus's default, but that it honours HTTP_PROXY and its
// like, as command-line tools do.
func defaultHTTP() config.HTTPClientConfig {
	c := config.DefaultHTTPClientConfig
	c.ProxyFromEnvironment = true
	return c
}

// fill replaces zero values by their defaults.
func (c *Config) fill() {
	setDefault(&c.Preset, PresetGeneric)
	setDefault(&c.History, model.Duration(14*24*time.Hour))
	setDefault(&c.Step, model.Duration(5*time.Minute))
	setDefault(&c.RateWindow, max(c.Step, model.Duration(5*time.Minute)))
	setDefault(&c.Concurrency, 4)
	setDefault(&c.Timeout, model.Duration(2*time.Minute))
	setDefault(&c.Attempts, 5)
	setDefault(&c.Backoff, model.Duration(500*time.Millisecond))
	setDefault(&c.MaxResponseBytes, 64<<20)
	setDefault(&c.MaxSamples, 25_000_000)
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// LoadConfig reads a YAML file. Unknown keys are errors; relative paths in it
// are relative to the file. Zero values stay zero, so that a caller can lay
// flags over it.
func LoadConfig(path string) (Config, error) {
	data, err := os.ReadFile(path) //nolint:gosec // The user names the file.
	if err != nil {
		return Config{}, fmt.Errorf("read Prometheus configuration: %w", err)
	}
	c, err := ParseConfig(data)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	c.SetDirectory(filepath.Dir(path))
	return c, nil
}

// SetDirectory makes relative paths of files in the configuration relative to a
// directory.
func (c *Config) SetDirectory(dir string) {
	c.HTTP.SetDirectory(dir)
	if c.Google != nil {
		c.Google.CredentialsFile = config.JoinDir(dir, c.Google.CredentialsFile)
	}
}

// ParseConfig reads YAML as [LoadConfig] does.
func ParseConfig(data []byte) (Config, error) {
	c := Config{HTTP: defaultHTTP()}
	if len(bytes.TrimSpace(data)) == 0 {
		return Config{}, errors.New("no configuration in it")
	}
	if err := yaml.UnmarshalStrict(data, &c); err != nil {
		return Config{}, err
	}
	if c.HTTP.ProxyURL.URL != nil {
		c.HTTP.ProxyFromEnvironment = false
	}
	if err := c.HTTP.Validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	c.fill()
	if err := c.validateURL(); err != nil {
		return err
	}
	if _, err := presetByName(c.Preset); err != nil {
		return err
	}
	if c.ClusterLabel != "" && !validLabelName(c.ClusterLabel) {
		return fmt.Errorf("cluster label %q is not a label name", c.ClusterLabel)
	}
	for _, m := range c.Matchers {
		if _, err := parseMatchers(m); err != nil {
			return fmt.Errorf("matcher %q: %w", m, err)
		}
	}
	for _, ns := range slices.Concat(c.Namespaces, c.ExcludeNamespaces) {
		if !validNamespace(ns) {
			return fmt.Errorf("namespace %q is not the name of a namespace", ns)
		}
	}
	if _, err := parseSelector(c.Selector); err != nil {
		return fmt.Errorf("selector %q: %w", c.Selector, err)
	}
	if err := c.validateRanges(); err != nil {
		return err
	}
	return c.validateAuth()
}

func (c Config) validateURL() error {
	if c.URL == "" {
		return errors.New("no Prometheus URL")
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		// The error would repeat the URL with its password.
		return errors.New("the Prometheus URL cannot be parsed")
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("the Prometheus URL %q has to look like http://host:9090 or https://host/path", u.Redacted())
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("the Prometheus URL %q must have no query and no fragment; query parameters go into params", u.Redacted())
	}
	if strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/api/v1") {
		return fmt.Errorf("the Prometheus URL %q has to end before /api/v1", u.Redacted())
	}
	return nil
}

func (c Config) validateRanges() error {
	history, step := time.Duration(c.History), time.Duration(c.Step)
	switch {
	case step < minStep || step%time.Second != 0:
		return fmt.Errorf("step %s has to be a whole number of seconds", step)
	case history > MaxHistory:
		return fmt.Errorf("history %s is longer than %s", history, MaxHistory)
	case history < step:
		return fmt.Errorf("history %s is shorter than the step %s", history, step)
	case c.RateWindow < c.Step:
		return fmt.Errorf("rate window %s is shorter than the step %s, so that samples would be lost", c.RateWindow, c.Step)
	case c.Concurrency < 1 || c.Concurrency > 64:
		return fmt.Errorf("concurrency %d is not between 1 and 64", c.Concurrency)
	case c.Timeout < model.Duration(time.Millisecond):
		return fmt.Errorf("timeout %s is not positive", time.Duration(c.Timeout))
	case c.Attempts < 1 || c.Attempts > 20:
		return fmt.Errorf("attempts %d is not between 1 and 20", c.Attempts)
	case c.Backoff < 0:
		return fmt.Errorf("backoff %s is negative", time.Duration(c.Backoff))
	case c.MaxResponseBytes < 1<<10:
		return fmt.Errorf("max_response_bytes %d is less than 1024", c.MaxResponseBytes)
	case c.MaxSamples < 1000:
		return fmt.Errorf("max_samples %d is less than 1000", c.MaxSamples)
	}
	return nil
}

// validNamespace says whether a namespace can have this name (RFC 1123 label).
func validNamespace(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}
