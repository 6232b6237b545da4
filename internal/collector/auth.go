package collector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/storage/remote/azuread"
	"github.com/prometheus/sigv4"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// googleReadScope is the narrowest scope that lets a token query Google Cloud
// Managed Service for Prometheus. The googleiam package of Prometheus asks for
// monitoring.write alone, since it was made for remote write; with such a
// token the query API answers 403.
const googleReadScope = "https://www.googleapis.com/auth/monitoring.read"

// errCredentials says that there are no credentials to send.
var errCredentials = errors.New("no credentials")

// validateAuth says whether more than one way of authentication is asked for.
func (c Config) validateAuth() error {
	if err := c.HTTP.Validate(); err != nil {
		return err
	}
	ways := 0
	for _, set := range []bool{
		c.HTTP.BasicAuth != nil, c.HTTP.Authorization != nil, c.HTTP.OAuth2 != nil,
		c.SigV4 != nil, c.Google != nil, c.AzureAD != nil,
	} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		return errors.New("at most one of basic auth, bearer token, oauth2, sigv4, google_iam and azuread can be used")
	}
	if c.SigV4 != nil {
		if err := c.SigV4.Validate(); err != nil {
			return fmt.Errorf("sigv4: %w", err)
		}
	}
	if c.AzureAD != nil {
		if err := c.AzureAD.Validate(); err != nil {
			return fmt.Errorf("azuread: %w", err)
		}
	}
	return nil
}

// roundTripper builds the chain of round trippers that authenticates requests:
// the one of the Prometheus project for what its configuration covers, and the
// clouds' around it.
func (c Config) roundTripper() (http.RoundTripper, error) {
	if c.Transport != nil {
		if c.HTTP.HTTPHeaders == nil {
			return c.Transport, nil
		}
		return config.NewHeadersRoundTripper(c.HTTP.HTTPHeaders, c.Transport), nil
	}
	base, err := config.NewRoundTripperFromConfig(c.HTTP, "rightsize", config.WithUserAgent("rightsize"))
	if err != nil {
		return nil, fmt.Errorf("HTTP client: %w", err)
	}
	base = &gzipTripper{next: base}
	switch {
	case c.SigV4 != nil:
		rt, err := sigv4.NewSigV4RoundTripper(c.SigV4, base)
		if err != nil {
			return nil, fmt.Errorf("sigv4: %w", err)
		}
		return rt, nil
	case c.AzureAD != nil:
		azure := *c.AzureAD
		if azure.Scope == "" {
			azure.Scope = azureScope(azure.Cloud)
		}
		rt, err := azuread.NewAzureADRoundTripper(&azure, base)
		if err != nil {
			return nil, fmt.Errorf("azuread: %w", err)
		}
		return rt, nil
	case c.Google != nil:
		return &googleTripper{cfg: *c.Google, next: base}, nil
	default:
		return base, nil
	}
}

// azureScope is the scope of tokens for queries; the library's own default is
// for ingestion.
func azureScope(cloud string) string {
	switch cloud {
	case azuread.AzureChina:
		return "https://prometheus.monitor.azure.cn/.default"
	case azuread.AzureGovernment:
		return "https://prometheus.monitor.azure.us/.default"
	default:
		return "https://prometheus.monitor.azure.com/.default"
	}
}

// googleTripper adds tokens of Google. Credentials are looked for with the
// first request, since that may ask the metadata server.
type googleTripper struct {
	cfg  GoogleConfig
	next http.RoundTripper

	mu     sync.Mutex
	authed http.RoundTripper
}

// RoundTrip sends one request.
func (g *googleTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	rt, err := g.ready(req.Context())
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // A round tripper has to, whatever happens.
		}
		return nil, fmt.Errorf("%w: google_iam: %w", errCredentials, err)
	}
	return rt.RoundTrip(req)
}

func (g *googleTripper) ready(ctx context.Context) (http.RoundTripper, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.authed != nil {
		return g.authed, nil
	}
	ctx = context.WithoutCancel(ctx) // Later tokens are fetched with it too.
	var creds *google.Credentials
	var err error
	if g.cfg.CredentialsFile == "" {
		creds, err = google.FindDefaultCredentials(ctx, googleReadScope)
	} else {
		creds, err = g.cfg.fromFile(ctx)
	}
	if err != nil {
		return nil, err
	}
	g.authed = &oauth2.Transport{Source: creds.TokenSource, Base: g.next}
	return g.authed, nil
}

func (g GoogleConfig) fromFile(ctx context.Context) (*google.Credentials, error) {
	data, err := os.ReadFile(g.CredentialsFile)
	if err != nil {
		return nil, err
	}
	creds, err := google.CredentialsFromJSONWithType(ctx, data, google.ServiceAccount, googleReadScope)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", g.CredentialsFile, err)
	}
	return creds, nil
}
