package controller

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"
)

// Wrong flags end the program with 2 and say what is wrong.
func TestFlags(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"help":                 {[]string{"--help"}, 0, "--watch-namespaces"},
		"an unknown flag":      {[]string{"--nope"}, 2, "unknown flag: --nope"},
		"an argument":          {[]string{"web"}, 2, "takes no arguments, got web"},
		"a role":               {[]string{"--role=both"}, 2, `--role has to be all, recommender or actuator, got "both"`},
		"a level":              {[]string{"--log-level=loud"}, 2, `--log-level has to be debug, info, warn or error, got "loud"`},
		"no namespace":         {[]string{"--leader-elect"}, 2, "--leader-elect needs --leader-election-namespace or POD_NAMESPACE"},
		"a lease":              {[]string{"--lease-duration=1s"}, 2, "--lease-duration has to be at least 3s, got 1s"},
		"an empty name":        {[]string{"--watch-namespaces=a,,b"}, 2, "--watch-namespaces has an empty name in it"},
		"concurrency":          {[]string{"--concurrency=0"}, 2, "--concurrency has to be 1 to 32, got 0"},
		"no such settings":     {[]string{"--config=/nowhere/config.yaml"}, 1, "read config"},
		"neither in a cluster": {[]string{"--config=" + settingsFile(t, "prometheus: {url: http://127.0.0.1:1}\n")}, 1, "connect to the API server"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, v := range []string{"POD_NAMESPACE", "KUBECONFIG", "KUBERNETES_SERVICE_HOST"} {
				t.Setenv(v, "")
			}
			var out bytes.Buffer
			if code := Main(t.Context(), "test", tc.args, &out); code != tc.code || !strings.Contains(out.String(), tc.want) {
				t.Errorf("code %d, output %s; want %d and %q", code, out.String(), tc.code, tc.want)
			}
		})
	}
}

func settingsFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(name, []byte("apiVersion: rightsize.dev/v1alpha1\nkind: Config\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Settings that change hold at once; wrong ones leave what held before.
func TestSettings(t *testing.T) {
	t.Parallel()
	name := settingsFile(t, "")
	s, err := readSettings(name, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	s.changed = func(context.Context) { told++ }
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.look(t.Context())
	}
	const head = "apiVersion: rightsize.dev/v1alpha1\nkind: Config\n"
	write(head + "killSwitch: true\n")
	if !s.get().KillSwitch || told != 1 {
		t.Errorf("kill switch %t, told %d times", s.get().KillSwitch, told)
	}
	write(head + "killSwitch: maybe\n")
	if !s.get().KillSwitch || told != 1 {
		t.Errorf("after a wrong file: kill switch %t, told %d times", s.get().KillSwitch, told)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	s.look(t.Context())
	if !s.get().KillSwitch {
		t.Error("without a file the kill switch is off")
	}
	write(head)
	if s.get().KillSwitch || told != 2 {
		t.Errorf("kill switch %t, told %d times", s.get().KillSwitch, told)
	}
	if _, err := readSettings(settingsFile(t, "budgets: {resizesPerMinute: -1}\n"), logr.Discard()); err == nil || !strings.Contains(err.Error(), "budgets.resizesPerMinute") {
		t.Errorf("error %v", err)
	}
}
