package cli_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rightsize-dev/rightsize/internal/cli"
)

// TestImportFromCluster talks to a server that answers as an API server does:
// with the object, or with a Status.
func TestImportFromCluster(t *testing.T) {
	t.Parallel()
	const hpa = `{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"web","namespace":%q},
"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"},"minReplicas":2,"maxReplicas":9}}`
	mux := http.NewServeMux()
	mux.HandleFunc("GET /apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers/web", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, hpa, r.PathValue("ns"))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","message":"not there","code":404}`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	config := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: lab,
clusters: [{name: lab, cluster: {server: %q}}], users: [{name: me, user: {}}],
contexts: [{name: lab, context: {cluster: lab, user: me, namespace: shop}}, {name: dev, context: {cluster: lab, user: me, namespace: dev}}]}`, server.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   string
		code   int
		out    string
		stderr string
	}{
		{"hpa web", cli.ExitOK, "namespace: shop\n", "vertical.mode is Fixed"},
		{"hpa web -n team", cli.ExitOK, "namespace: team\n", ""},
		{"hpa web --context dev", cli.ExitOK, "namespace: dev\n", ""},
		{"hpa cart", cli.ExitFailed, "", "no HorizontalPodAutoscaler shop/cart, or the cluster has no such kind: not there"},
		{"hpa,vpa web", cli.ExitFailed, "", "no VerticalPodAutoscaler shop/web, or"},
		{"so web", cli.ExitFailed, "", "no ScaledObject shop/web, or"},
		{"hpa web --context none", cli.ExitFailed, "", "context was not found for specified context: none"},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			var out, stderr bytes.Buffer
			args := append([]string{"import", "--kubeconfig", config}, strings.Fields(c.args)...)
			code := cli.Main(t.Context(), "rightsize", args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &stderr})
			if code != c.code || !strings.Contains(out.String(), c.out) || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("code %d, want %d\n%s\nwant %q\n%s\nwant %q", code, c.code, &out, c.out, &stderr, c.stderr)
			}
			if code != cli.ExitOK && out.Len() > 0 {
				t.Errorf("it failed and wrote %s", &out)
			}
		})
	}
}
