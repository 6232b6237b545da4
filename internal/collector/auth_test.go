package collector_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/storage/remote/azuread"
	"github.com/prometheus/sigv4"

	"github.com/rightsize-dev/rightsize/internal/collector"
)

// sent collects with a configuration and hands the header of the first request
// to check.
func sent(t *testing.T, change func(*collector.Config)) http.Header {
	t.Helper()
	var first atomic.Pointer[http.Request]
	f := &fakeAPI{workloads: 1, podsEach: 1, before: func(_ http.ResponseWriter, r *http.Request, _ string) bool {
		first.CompareAndSwap(nil, r.Clone(t.Context()))
		return false
	}}
	cfg := fakeConfig(f.start(t).URL)
	change(&cfg)
	if _, err := collect(t, cfg); err != nil {
		t.Fatal(err)
	}
	h := first.Load().Header.Clone()
	h.Set("Query", first.Load().URL.RawQuery)
	return h
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	h := sent(t, func(c *collector.Config) {
		c.HTTP.BasicAuth = &config.BasicAuth{Username: "u", Password: "p"}
		c.HTTP.HTTPHeaders = &config.Headers{Headers: map[string]config.Header{"X-Scope-OrgID": {Values: []string{"team"}}}}
		c.Preset = collector.PresetThanos
		c.Params = map[string]string{"dedup": "false"}
	})
	if h.Get("Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte("u:p")) {
		t.Errorf("Authorization is %q", h.Get("Authorization"))
	}
	if h.Get("X-Scope-OrgID") != "team" || h.Get("Accept-Encoding") != "gzip" || h.Get("User-Agent") != "rightsize" {
		t.Errorf("headers are %v", h)
	}
	if q := h.Get("Query"); q != "dedup=false&partial_response=true" {
		t.Errorf("parameters are %q", q)
	}
	h = sent(t, func(c *collector.Config) { c.URL = strings.Replace(c.URL, "http://", "http://u:p@", 1) })
	if h.Get("Authorization") == "" {
		t.Error("the user of the URL is not sent")
	}
}

// A token is read anew, as projected service account tokens expire.
func TestBearerTokenFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	token := func(s string) {
		if err := os.WriteFile(path, []byte(s+"\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
	token("one")
	var seen atomic.Value
	f := &fakeAPI{workloads: 1, podsEach: 1, before: func(_ http.ResponseWriter, r *http.Request, _ string) bool {
		seen.Store(r.Header.Get("Authorization"))
		return false
	}}
	cfg := fakeConfig(f.start(t).URL)
	cfg.HTTP.Authorization = &config.Authorization{Type: "Bearer", CredentialsFile: path}
	c, err := collector.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "two"} {
		token(want)
		if _, err := c.Collect(t.Context(), time.Now(), nil); err != nil {
			t.Fatal(err)
		}
		if seen.Load() != "Bearer "+want {
			t.Errorf("sent %q, want the token %s", seen.Load(), want)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Collect(t.Context(), time.Now(), nil); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "check the files") {
		t.Errorf("error without the file is %v", err)
	}
}

func TestSigV4(t *testing.T) {
	t.Parallel()
	h := sent(t, func(c *collector.Config) {
		c.SigV4 = &sigv4.SigV4Config{Region: "eu-west-1", AccessKey: "AKIDEXAMPLE", SecretKey: "secret"}
	})
	got := h.Get("Authorization")
	if !strings.HasPrefix(got, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") || !strings.Contains(got, "/eu-west-1/aps/aws4_request") {
		t.Errorf("Authorization is %q", got)
	}
	if strings.Contains(got, "accept-encoding") {
		t.Error("a header that proxies change is signed")
	}
}

// tokenServer answers every request for a token and keeps the last request.
func tokenServer(t *testing.T) (*httptest.Server, *atomic.Pointer[http.Request]) {
	t.Helper()
	last := &atomic.Pointer[http.Request]{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		last.Store(r)
		if r.FormValue("assertion") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"google-token","token_type":"Bearer","expires_in":3600}`))
	}))
	t.Cleanup(server.Close)
	return server, last
}

// Google's query API asks for a scope that reads.
func TestGoogle(t *testing.T) {
	t.Parallel()
	server, last := tokenServer(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "rightsize@example.iam.gserviceaccount.com", "private_key_id": "k",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": server.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(path, credentials, 0o600); err != nil {
		t.Fatal(err)
	}
	h := sent(t, func(c *collector.Config) { c.Google = &collector.GoogleConfig{CredentialsFile: path} })
	if h.Get("Authorization") != "Bearer google-token" {
		t.Errorf("Authorization is %q", h.Get("Authorization"))
	}
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(last.Load().FormValue("assertion"), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(claims), `"https://www.googleapis.com/auth/monitoring.read"`) {
		t.Errorf("the token is asked for with %s", claims)
	}
	f := &fakeAPI{workloads: 1, podsEach: 1}
	for name, content := range map[string]string{"a user's": `{"type":"authorized_user"}`, "broken": `{`} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := fakeConfig(f.start(t).URL)
		cfg.Google = &collector.GoogleConfig{CredentialsFile: path}
		if _, err := collect(t, cfg); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("error with %s file is %v", name, err)
		}
	}
}

func TestAzureConfig(t *testing.T) {
	t.Parallel()
	cfg := fakeConfig("http://127.0.0.1:1")
	cfg.AzureAD = &azuread.AzureADConfig{ManagedIdentity: &azuread.ManagedIdentityConfig{ClientID: "not a uuid"}}
	if _, err := collector.New(cfg); err == nil || !strings.Contains(err.Error(), "client_id is invalid") {
		t.Errorf("error is %v", err)
	}
	cfg.AzureAD = &azuread.AzureADConfig{OAuth: &azuread.OAuthConfig{
		ClientID: "00000000-0000-0000-0000-000000000001", ClientSecret: "s", TenantID: "00000000-0000-0000-0000-000000000002",
	}}
	cfg.Attempts = 1
	cfg.Timeout = model.Duration(time.Second)
	if _, err := collector.New(cfg); err != nil {
		t.Error(err)
	}
}
