package collector_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/sigv4"

	"github.com/rightsize-dev/rightsize/internal/collector"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*collector.Config)
		want   string // Empty: it is fine.
	}{
		"defaults":           {func(*collector.Config) {}, ""},
		"no URL":             {func(c *collector.Config) { c.URL = "" }, "no Prometheus URL"},
		"no scheme":          {func(c *collector.Config) { c.URL = "localhost:9090" }, "has to look like"},
		"not http":           {func(c *collector.Config) { c.URL = "ftp://x" }, "has to look like"},
		"unparsable":         {func(c *collector.Config) { c.URL = "http://u:geheim@[x" }, "cannot be parsed"},
		"query":              {func(c *collector.Config) { c.URL = "http://x/?a=b" }, "params"},
		"path of the API":    {func(c *collector.Config) { c.URL = "http://x/prom/api/v1/" }, "before /api/v1"},
		"path prefix":        {func(c *collector.Config) { c.URL = "http://x/prometheus" }, ""},
		"preset":             {func(c *collector.Config) { c.Preset = "zabbix" }, "known are generic, kube-prometheus-stack"},
		"cluster label":      {func(c *collector.Config) { c.ClusterLabel = "a-b" }, "not a label name"},
		"matcher":            {func(c *collector.Config) { c.Matchers = []string{"env=prod"} }, "not in quotes"},
		"namespace":          {func(c *collector.Config) { c.Namespaces = []string{`a"} or up{b="`} }, "not the name of a namespace"},
		"selector":           {func(c *collector.Config) { c.Selector = "a b" }, "not a label key"},
		"long history":       {func(c *collector.Config) { c.History = model.Duration(29 * 24 * time.Hour) }, "longer than"},
		"history under step": {func(c *collector.Config) { c.History = model.Duration(time.Minute) }, "shorter than the step"},
		"fractional step":    {func(c *collector.Config) { c.Step = model.Duration(1500 * time.Millisecond) }, "whole number of seconds"},
		"negative step":      {func(c *collector.Config) { c.Step = -1 }, "whole number of seconds"},
		"narrow rates":       {func(c *collector.Config) { c.RateWindow = model.Duration(time.Minute) }, "samples would be lost"},
		"concurrency":        {func(c *collector.Config) { c.Concurrency = 1000 }, "between 1 and 64"},
		"timeout":            {func(c *collector.Config) { c.Timeout = -1 }, "not positive"},
		"attempts":           {func(c *collector.Config) { c.Attempts = 99 }, "between 1 and 20"},
		"backoff":            {func(c *collector.Config) { c.Backoff = -1 }, "negative"},
		"response budget":    {func(c *collector.Config) { c.MaxResponseBytes = 5 }, "less than 1024"},
		"sample budget":      {func(c *collector.Config) { c.MaxSamples = 5 }, "less than 1000"},
		"two ways": {func(c *collector.Config) {
			c.SigV4 = &sigv4.SigV4Config{Region: "eu-west-1"}
			c.Google = &collector.GoogleConfig{}
		}, "at most one of"},
		"half a key": {func(c *collector.Config) { c.SigV4 = &sigv4.SigV4Config{AccessKey: "a"} }, "sigv4: "},
		"two headers": {func(c *collector.Config) {
			c.HTTP.HTTPHeaders = &config.Headers{Headers: map[string]config.Header{"Authorization": {Values: []string{"x"}}}}
		}, "not allowed"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := collector.DefaultConfig()
			cfg.URL = "http://localhost:9090"
			tc.change(&cfg)
			err := cfg.Validate()
			if tc.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("error is %v, want one about %q", err, tc.want)
			}
		})
	}
}

func TestLoadConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "prometheus.yaml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`
url: https://mimir.example/prometheus
preset: mimir
cluster: east
matchers: ['env="prod"']
namespaces: [shop]
history: 14d
step: 1m
params: {dedup: "true"}
authorization: {credentials_file: token}
tls_config: {ca_file: ca.pem}
http_headers: {X-Scope-OrgID: {values: [team]}}
`)
	c, err := collector.LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.HTTP.Authorization.CredentialsFile; got != filepath.Join(dir, "token") {
		t.Errorf("token file is %s, want it beside the configuration", got)
	}
	if c.HTTP.TLSConfig.CAFile != filepath.Join(dir, "ca.pem") || time.Duration(c.History) != 336*time.Hour || c.Cluster != "east" {
		t.Errorf("configuration is %+v", c)
	}
	if !c.HTTP.ProxyFromEnvironment || !c.HTTP.FollowRedirects {
		t.Error("defaults of HTTP are lost")
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	bad := map[string]string{
		"":                        "no configuration",
		"url: [":                  "yaml",
		"colour: red":             "field colour not found",
		"history: soon":           "duration",
		"tls_config: {ca_fil: x}": "ca_fil",
		"basic_auth: {username: a}\nbearer_token: b": "at most one",
		"azuread: {}": "Azure",
	}
	for text, want := range bad {
		write(text)
		if _, err := collector.LoadConfig(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: error is %v, want one about %q in %s", text, err, want, path)
		}
	}
	if _, err := collector.LoadConfig(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("error about a file that is not there is %v", err)
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, s := range []string{"url: http://x", "history: 14d\nstep: 1m", "sigv4: {region: a}", "basic_auth: {username: a}", "proxy_url: 'http://a'"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		if c, err := collector.ParseConfig(data); err == nil {
			_ = c.Validate() // It must not panic.
		}
	})
}
