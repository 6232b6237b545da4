package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// parsed binds the flags and parses a command line.
func parsed(t *testing.T, args ...string) *prometheusFlags {
	t.Helper()
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	p := &prometheusFlags{}
	p.bind(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPrometheusFlags(t *testing.T) {
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	file := filepath.Join(dir, "prometheus.yaml")
	for path, text := range map[string]string{
		token: "t",
		file:  "url: http://file:9090\nstep: 1m\nnamespaces: [a]\nbasic_auth: {username: u, password: p}\nhttp_headers: {X-Team: {values: [x]}}\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PROMETHEUS_URL", "http://env:9090")

	cfg, err := parsed(t).config()
	if err != nil || cfg.URL != "http://env:9090" || cfg.RateWindow != 0 {
		t.Errorf("without flags: %v, URL %s, rate window %s", err, cfg.URL, cfg.RateWindow)
	}
	cfg, err = parsed(t, "--prometheus-config", file).config()
	if err != nil || cfg.URL != "http://file:9090" || time.Duration(cfg.Step) != time.Minute || cfg.HTTP.BasicAuth == nil {
		t.Errorf("with a file: %v, %+v", err, cfg)
	}
	flags := parsed(t)
	flags.section, flags.dir = []byte(`{"url":"http://section:9090","authorization":{"credentials_file":"token"}}`), "/etc/rightsize"
	cfg, err = flags.config()
	if err != nil || cfg.URL != "http://section:9090" || cfg.HTTP.Authorization.CredentialsFile != "/etc/rightsize/token" {
		t.Errorf("with a section of the settings: %v, %+v", err, cfg)
	}
	flags = parsed(t, "--prometheus-config", file)
	flags.section = []byte(`{"url":"http://section:9090"}`)
	if cfg, err = flags.config(); err != nil || cfg.URL != "http://file:9090" {
		t.Errorf("the file does not win over the section: %v, %s", err, cfg.URL)
	}
	cfg, err = parsed(t, "--prometheus-config", file, "--prometheus", "http://flag:9090", "-n", "b,c", "-n", "d", "--history", "36h",
		"--step", "10m", "--header", "x-scope-orgid: team: one", "--bearer-token-file", token, "--matcher", `env="a,b"`, "--insecure-skip-verify").config()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.URL != "http://flag:9090" || strings.Join(cfg.Namespaces, " ") != "b c d" || time.Duration(cfg.History) != 36*time.Hour ||
		time.Duration(cfg.Step) != 10*time.Minute || cfg.Matchers[0] != `env="a,b"` || !cfg.HTTP.TLSConfig.InsecureSkipVerify {
		t.Errorf("flags do not win: %+v", cfg)
	}
	if cfg.HTTP.BasicAuth != nil || cfg.HTTP.Authorization.CredentialsFile != token {
		t.Error("the flag does not replace the file's way of authentication")
	}
	headers := cfg.HTTP.HTTPHeaders.Headers
	if len(headers) != 2 || string(headers["X-Scope-Orgid"].Secrets[0]) != "team: one" {
		t.Errorf("headers are %v", headers)
	}
	if _, err := parsed(t, "--prometheus", "http://x", "--step", "1d", "--history", "2w").collector(nil); err != nil {
		t.Errorf("days and weeks: %v", err)
	}
}

func TestPrometheusFlagErrors(t *testing.T) {
	t.Setenv("PROMETHEUS_URL", "")
	flags := parsed(t)
	flags.section = []byte(`{"uri":"http://x"}`)
	if _, err := flags.config(); err == nil || !strings.HasPrefix(err.Error(), "prometheus: ") {
		t.Errorf("error is %v, want one about prometheus", err)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("t"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		args []string
		want string
	}{
		"no URL":        {nil, "--prometheus URL"},
		"bad URL":       {[]string{"--prometheus", "localhost:9090"}, "http://host:9090"},
		"no file":       {[]string{"--prometheus-config", "/none.yaml"}, "/none.yaml"},
		"no token":      {[]string{"--prometheus", "http://x", "--bearer-token-file", "/none"}, "--bearer-token-file: there is no file /none"},
		"header":        {[]string{"--prometheus", "http://x", "--header", "X-Scope-OrgID"}, "Name: value"},
		"line break":    {[]string{"--prometheus", "http://x", "--header", "X: a\nY: b"}, "Name: value"},
		"two ways":      {[]string{"--prometheus", "http://x", "--google-auth", "--bearer-token-file", token}, "--bearer-token-file and --google-auth cannot be used together"},
		"no user":       {[]string{"--prometheus", "http://x", "--basic-auth-password-file", token}, "needs --basic-auth-username"},
		"azure":         {[]string{"--prometheus", "http://x", "--azure-tenant-id", "t"}, "azuread"},
		"matcher":       {[]string{"--prometheus", "http://x", "--matcher", "env=prod"}, "not in quotes"},
		"preset":        {[]string{"--prometheus", "http://x", "--preset", "x"}, "known are"},
		"history":       {[]string{"--prometheus", "http://x", "--history", "60d"}, "longer than"},
		"rate window":   {[]string{"--prometheus", "http://x", "--step", "10m", "--rate-window", "5m"}, "rate window"},
		"negative jobs": {[]string{"--prometheus", "http://x", "--concurrency", "-1"}, "between 1 and 64"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := parsed(t, tc.args...).collector(nil)
			coded, ok := errors.AsType[*codeError](err)
			if !ok || coded.code != ExitUsage || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want a usage error about %q", err, tc.want)
			}
		})
	}
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	(&prometheusFlags{}).bind(fs)
	for _, bad := range []string{"--step=soon", "--history=-5m", "--timeout="} {
		if err := fs.Parse([]string{bad}); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}
