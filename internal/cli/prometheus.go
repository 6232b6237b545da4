package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/storage/remote/azuread"
	"github.com/prometheus/sigv4"
	"github.com/spf13/pflag"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/recommender"
)

// prometheusFlags are the flags of every command that reads history from a
// Prometheus. Flags win over the file of --prometheus-config, which wins over
// the section of that of --config, which wins over the environment.
type prometheusFlags struct {
	set *pflag.FlagSet
	// cfg takes the flags that are fields of the configuration as they are.
	cfg  collector.Config
	file string
	// section is the connection of the file of --config, in the folder dir; nil
	// where it has none.
	section []byte
	dir     string

	headers         []string
	bearerTokenFile string
	username        string
	passwordFile    string
	tls             config.TLSConfig
	sigv4           sigv4.SigV4Config
	google          bool
	googleFile      string
	azure           bool
	azureClientID   string
	azureTenantID   string
	azureCloud      string
}

// errNoPrometheus says how to give one.
var errNoPrometheus = errors.New("no Prometheus given: use --prometheus URL, --prometheus-config FILE, a section prometheus in that of --config, or PROMETHEUS_URL")

// bind declares the flags.
func (p *prometheusFlags) bind(fs *pflag.FlagSet) {
	p.set = fs
	p.bindSource(fs)
	p.bindReading(fs)
	p.bindAuth(fs)
}

func (p *prometheusFlags) bindSource(fs *pflag.FlagSet) {
	fs.StringVar(&p.cfg.URL, "prometheus", "", "URL of the Prometheus HTTP API, for example http://localhost:9090 (default $PROMETHEUS_URL)")
	fs.StringVar(&p.file, "prometheus-config", "", "YAML file with everything about the connection, with the keys of Prometheus' remote_read")
	fs.StringVar(&p.cfg.Preset, "preset", "", "label conventions: "+strings.Join(collector.Presets(), ", "))
	fs.StringVar(&p.cfg.ClusterLabel, "cluster-label", "", "label that tells clusters apart (default: looked for)")
	fs.StringVar(&p.cfg.Cluster, "cluster", "", "only the cluster of this name")
	fs.StringArrayVar(&p.cfg.Matchers, "matcher", nil, `PromQL label matcher that every series has to meet, for example env="prod" (repeatable)`)
	fs.StringSliceVarP(&p.cfg.Namespaces, "namespace", "n", nil, "only these namespaces (repeatable, comma-separated)")
	fs.StringSliceVar(&p.cfg.ExcludeNamespaces, "exclude-namespace", nil, "not these namespaces (repeatable, comma-separated)")
	fs.StringVarP(&p.cfg.Selector, "selector", "l", "", "only workloads whose pods have these labels, for example app=shop")
}

func (p *prometheusFlags) bindReading(fs *pflag.FlagSet) {
	def := collector.DefaultConfig()
	fs.Var((*promDuration)(&p.cfg.History), "history", fmt.Sprintf("how far back to read, at most 28d (default %s)", def.History))
	fs.Var((*promDuration)(&p.cfg.Step), "step", fmt.Sprintf("distance of the points (default %s)", def.Step))
	fs.Var((*promDuration)(&p.cfg.RateWindow), "rate-window", "window of rates; at least four scrape intervals (default: the larger of --step and 5m)")
	fs.Var((*promDuration)(&p.cfg.Timeout), "timeout", fmt.Sprintf("limit of each query (default %s)", def.Timeout))
	fs.IntVar(&p.cfg.Concurrency, "concurrency", 0, fmt.Sprintf("queries under way at once (default %d)", def.Concurrency))
}

func (p *prometheusFlags) bindAuth(fs *pflag.FlagSet) {
	fs.StringArrayVar(&p.headers, "header", nil, `extra HTTP header "Name: value", for example "X-Scope-OrgID: team" (repeatable)`)
	fs.StringVar(&p.bearerTokenFile, "bearer-token-file", "", "file with a bearer token, read anew for each query")
	fs.StringVar(&p.username, "basic-auth-username", "", "user name for basic authentication")
	fs.StringVar(&p.passwordFile, "basic-auth-password-file", "", "file with the password for basic authentication")
	fs.StringVar(&p.tls.CAFile, "tls-ca-file", "", "certificate authority of the server, PEM")
	fs.StringVar(&p.tls.CertFile, "tls-cert-file", "", "client certificate, PEM")
	fs.StringVar(&p.tls.KeyFile, "tls-key-file", "", "key of the client certificate, PEM")
	fs.StringVar(&p.tls.ServerName, "tls-server-name", "", "name that the server's certificate has to have")
	fs.BoolVar(&p.tls.InsecureSkipVerify, "insecure-skip-verify", false, "accept any certificate of the server")
	fs.StringVar(&p.sigv4.Region, "sigv4-region", "", "sign for Amazon Managed Service for Prometheus in this region")
	fs.StringVar(&p.sigv4.Profile, "sigv4-profile", "", "AWS profile to sign with")
	fs.StringVar(&p.sigv4.RoleARN, "sigv4-role-arn", "", "AWS role to assume")
	fs.BoolVar(&p.google, "google-auth", false, "send a token of Google's application default credentials")
	fs.StringVar(&p.googleFile, "google-credentials-file", "", "send a token for this Google service account key")
	fs.BoolVar(&p.azure, "azure-auth", false, "send an Azure token: of a managed identity, or of a workload identity with --azure-tenant-id")
	fs.StringVar(&p.azureClientID, "azure-client-id", "", "client id of the Azure identity")
	fs.StringVar(&p.azureTenantID, "azure-tenant-id", "", "tenant id of the Azure workload identity")
	fs.StringVar(&p.azureCloud, "azure-cloud", "", "AzurePublic, AzureChina or AzureGovernment")
}

// collector builds the collector that the flags ask for. Its errors are usage
// errors, but for those of change, which may be nil and has the last word.
func (p *prometheusFlags) collector(change func(*collector.Config) error) (*collector.Collector, error) {
	cfg, err := p.config()
	if err != nil {
		return nil, usageErrorf("%w", err)
	}
	if change != nil {
		if err := change(&cfg); err != nil {
			return nil, err
		}
	}
	c, err := collector.New(cfg)
	if err != nil {
		return nil, usageErrorf("%w", err)
	}
	return c, nil
}

// config merges the file, the flags and the environment.
func (p *prometheusFlags) config() (collector.Config, error) {
	cfg := collector.DefaultConfig()
	cfg.RateWindow = 0 // It follows the step.
	var err error
	switch {
	case p.file != "":
		cfg, err = collector.LoadConfig(p.file)
	case p.section != nil:
		if cfg, err = collector.ParseConfig(p.section); err != nil {
			err = fmt.Errorf("prometheus: %w", err)
		}
		cfg.SetDirectory(p.dir)
	}
	if err != nil {
		return cfg, err
	}
	p.overlay(&cfg)
	if cfg.URL == "" {
		cfg.URL = os.Getenv("PROMETHEUS_URL")
	}
	if cfg.URL == "" {
		return cfg, errNoPrometheus
	}
	if err := p.headersInto(&cfg); err != nil {
		return cfg, err
	}
	if err := p.authInto(&cfg); err != nil {
		return cfg, err
	}
	return cfg, p.checkFiles()
}

// overlay replaces what flags were given for.
func (p *prometheusFlags) overlay(cfg *collector.Config) {
	fields := map[string]func(){
		"prometheus":           func() { cfg.URL = p.cfg.URL },
		"preset":               func() { cfg.Preset = p.cfg.Preset },
		"cluster-label":        func() { cfg.ClusterLabel = p.cfg.ClusterLabel },
		"cluster":              func() { cfg.Cluster = p.cfg.Cluster },
		"matcher":              func() { cfg.Matchers = p.cfg.Matchers },
		"namespace":            func() { cfg.Namespaces = p.cfg.Namespaces },
		"exclude-namespace":    func() { cfg.ExcludeNamespaces = p.cfg.ExcludeNamespaces },
		"selector":             func() { cfg.Selector = p.cfg.Selector },
		"history":              func() { cfg.History = p.cfg.History },
		"step":                 func() { cfg.Step = p.cfg.Step },
		"rate-window":          func() { cfg.RateWindow = p.cfg.RateWindow },
		"timeout":              func() { cfg.Timeout = p.cfg.Timeout },
		"concurrency":          func() { cfg.Concurrency = p.cfg.Concurrency },
		"tls-ca-file":          func() { cfg.HTTP.TLSConfig.CAFile = p.tls.CAFile },
		"tls-cert-file":        func() { cfg.HTTP.TLSConfig.CertFile = p.tls.CertFile },
		"tls-key-file":         func() { cfg.HTTP.TLSConfig.KeyFile = p.tls.KeyFile },
		"tls-server-name":      func() { cfg.HTTP.TLSConfig.ServerName = p.tls.ServerName },
		"insecure-skip-verify": func() { cfg.HTTP.TLSConfig.InsecureSkipVerify = p.tls.InsecureSkipVerify },
	}
	p.set.Visit(func(f *pflag.Flag) {
		if apply := fields[f.Name]; apply != nil {
			apply()
		}
	})
}

// headersInto adds the headers of --header.
func (p *prometheusFlags) headersInto(cfg *collector.Config) error {
	for _, h := range p.headers {
		name, value, ok := strings.Cut(h, ":")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, " \t\r\n") || strings.ContainsAny(value, "\r\n") {
			return errors.New(`--header has to look like "Name: value"`)
		}
		name = http.CanonicalHeaderKey(name)
		if cfg.HTTP.HTTPHeaders == nil {
			cfg.HTTP.HTTPHeaders = &config.Headers{}
		}
		if cfg.HTTP.HTTPHeaders.Headers == nil {
			cfg.HTTP.HTTPHeaders.Headers = map[string]config.Header{}
		}
		header := cfg.HTTP.HTTPHeaders.Headers[name]
		header.Secrets = append(header.Secrets, config.Secret(strings.TrimSpace(value)))
		cfg.HTTP.HTTPHeaders.Headers[name] = header
	}
	return nil
}

// authInto replaces the way of authentication where flags name one.
func (p *prometheusFlags) authInto(cfg *collector.Config) error {
	var ways []string
	use := func(way string, apply func()) {
		if len(ways) == 0 {
			cfg.HTTP.BasicAuth, cfg.HTTP.Authorization, cfg.HTTP.OAuth2 = nil, nil, nil
			cfg.SigV4, cfg.Google, cfg.AzureAD = nil, nil, nil
		}
		ways = append(ways, way)
		apply()
	}
	if p.bearerTokenFile != "" {
		use("--bearer-token-file", func() {
			cfg.HTTP.Authorization = &config.Authorization{Type: "Bearer", CredentialsFile: p.bearerTokenFile}
		})
	}
	if p.username != "" || p.passwordFile != "" {
		use("--basic-auth-username", func() {
			cfg.HTTP.BasicAuth = &config.BasicAuth{Username: p.username, PasswordFile: p.passwordFile}
		})
	}
	if p.sigv4.Region != "" || p.sigv4.Profile != "" || p.sigv4.RoleARN != "" {
		use("--sigv4-region", func() { s := p.sigv4; cfg.SigV4 = &s })
	}
	if p.google || p.googleFile != "" {
		use("--google-auth", func() { cfg.Google = &collector.GoogleConfig{CredentialsFile: p.googleFile} })
	}
	if p.azure || p.azureClientID != "" || p.azureTenantID != "" {
		use("--azure-auth", func() { cfg.AzureAD = p.azureConfig() })
	}
	if len(ways) > 1 {
		return fmt.Errorf("%s cannot be used together", strings.Join(ways, " and "))
	}
	if p.passwordFile != "" && p.username == "" {
		return errors.New("--basic-auth-password-file needs --basic-auth-username")
	}
	return nil
}

func (p *prometheusFlags) azureConfig() *azuread.AzureADConfig {
	a := &azuread.AzureADConfig{Cloud: p.azureCloud}
	if p.azureTenantID != "" {
		a.WorkloadIdentity = &azuread.WorkloadIdentityConfig{ClientID: p.azureClientID, TenantID: p.azureTenantID}
	} else {
		a.ManagedIdentity = &azuread.ManagedIdentityConfig{ClientID: p.azureClientID}
	}
	return a
}

// checkFiles says early which file of a flag is not there.
func (p *prometheusFlags) checkFiles() error {
	for _, f := range []struct{ flag, path string }{
		{"--bearer-token-file", p.bearerTokenFile},
		{"--basic-auth-password-file", p.passwordFile},
		{"--tls-ca-file", p.tls.CAFile},
		{"--tls-cert-file", p.tls.CertFile},
		{"--tls-key-file", p.tls.KeyFile},
		{"--google-credentials-file", p.googleFile},
	} {
		if f.path == "" {
			continue
		}
		if _, err := os.Stat(f.path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: there is no file %s", f.flag, f.path)
		} else if err != nil {
			return fmt.Errorf("%s: %w", f.flag, err)
		}
	}
	return nil
}

// promDuration is a flag that takes Go durations and, as Prometheus does, days
// and weeks.
type promDuration model.Duration

// String prints the duration; an unset one is empty.
func (d *promDuration) String() string {
	if *d == 0 {
		return ""
	}
	return model.Duration(*d).String()
}

// Set parses the duration.
func (d *promDuration) Set(s string) error {
	if v, err := model.ParseDuration(s); err == nil {
		*d = promDuration(v)
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 5m, 36h or 14d", s)
	}
	if v <= 0 {
		return fmt.Errorf("%s is not positive", s)
	}
	*d = promDuration(v)
	return nil
}

// Type names the value in the help.
func (*promDuration) Type() string { return "duration" }

// collect reads the fleet and shows how far it is.
func (s Streams) collect(ctx context.Context, c *collector.Collector, at time.Time, named func(recommender.Workload) []collector.UserSignal) (*collector.Fleet, error) {
	p := s.startProgress("reading "+c.Source(), 0)
	defer p.finish()
	return c.CollectNamed(ctx, at, named, p.update)
}
