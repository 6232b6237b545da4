package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
)

// TestBrokenPrometheus: whatever is wrong with the server, every command that
// needs it fails with code 1 and one line that names what to do, and prints no
// result.
func TestBrokenPrometheus(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	slow := func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Second):
		}
	}
	cases := map[string]struct {
		handler http.HandlerFunc
		want    []string
	}{
		"401":       {answer(401, "no org id"), []string{"401 Unauthorized: no org id", "--bearer-token-file"}},
		"422":       {answer(422, `{"status":"error","errorType":"execution","error":"found duplicate series"}`), []string{"422 Unprocessable Entity", "found duplicate series"}},
		"truncated": {answer(200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"va`), []string{"cannot be read", "cut off"}},
		"no data":   {answer(200, `{"status":"success","data":{"resultType":"vector","result":[]}}`), []string{"kube_pod_owner", "--at"}},
		"slow":      {slow, []string{"no answer within 300ms", "--timeout"}},
		"panicking": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, []string{"query the clusters"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(tc.handler)
			t.Cleanup(server.Close)
			connection := filepath.Join(t.TempDir(), "prometheus.yaml")
			if err := os.WriteFile(connection, []byte("url: "+server.URL+"\ntimeout: 300ms\nattempts: 2\nbackoff: 1ms\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"report", "-o", "json"}, {"collect"}, {"explain", "deploy/shop"}} {
				var out, diagnostics bytes.Buffer
				code := Main(t.Context(), "rightsize", append(args, "--prometheus-config", connection), Streams{In: strings.NewReader(""), Out: &out, Err: &diagnostics})
				if code != ExitFailed || out.Len() > 0 {
					t.Errorf("%s: exit code %d, want %d; printed %q", args[0], code, ExitFailed, out.String())
				}
				lines := strings.Split(strings.TrimSpace(diagnostics.String()), "\n")
				last := lines[len(lines)-1]
				for _, want := range append(tc.want, "rightsize: ") {
					if !strings.Contains(last, want) {
						t.Errorf("%s: the error %q does not say %q", args[0], last, want)
					}
				}
				if strings.ContainsFunc(last, unicode.IsControl) {
					t.Errorf("%s: the error %q has control characters", args[0], last)
				}
			}
		})
	}
}

// TestOutputFiles: a file is replaced only once it is whole and keeps its
// mode, a link is followed, and what is no file is written to, not replaced.
func TestOutputFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link := filepath.Join(dir, "out"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	write := func(path, text string, failure error) error {
		w, finish, err := Streams{}.output(path)
		if err != nil {
			return err
		}
		_, _ = io.WriteString(w, text)
		return finish(failure)
	}
	holds := func(want string) {
		t.Helper()
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("the file holds %q, %v; want %q", got, err, want)
		}
	}
	if err := write(file, "half", io.ErrUnexpectedEOF); err == nil {
		t.Error("a failure is lost")
	}
	holds("old")
	if err := write(link, "new", nil); err != nil {
		t.Error(err)
	}
	holds("new")
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode changed: %v, %v", info, err)
	}
	if err := write(filepath.Join(dir, "fresh"), "x", nil); err != nil {
		t.Error(err)
	}
	if err := write(os.DevNull, "x", nil); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Fatalf("%s was replaced by a file: %v, %v", os.DevNull, info, err)
	}
	if err := write(filepath.Join(dir, "none", "out"), "x", nil); err == nil {
		t.Error("a missing folder is no error")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
