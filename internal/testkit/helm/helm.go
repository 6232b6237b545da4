// Package helm installs charts for tests with the released Helm.
//
// Only tests import it. `make bin/helm` builds the program.
package helm

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// BinaryEnv names the program.
const BinaryEnv = "RIGHTSIZE_HELM"

// Helm works on one cluster.
type Helm struct {
	t          testing.TB
	binary     string
	kubeconfig string
	dir        string
}

// New returns a Helm for the cluster of a kubeconfig. The test is skipped if
// the environment names no program.
func New(t testing.TB, kubeconfig string) *Helm {
	t.Helper()
	binary := os.Getenv(BinaryEnv)
	if binary == "" {
		t.Skipf("%s does not name a helm program: `make bin/helm` builds one", BinaryEnv)
	}
	return &Helm{t: t, binary: binary, kubeconfig: kubeconfig, dir: t.TempDir()}
}

// Run runs helm; the test fails if it does. It returns what helm wrote to its
// standard output.
func (h *Helm) Run(args ...string) string {
	h.t.Helper()
	out, err := h.Try(args...)
	if err != nil {
		h.t.Fatalf("helm %v: %v", args, err)
	}
	return out
}

// Try runs helm and returns how it failed.
func (h *Helm) Try(args ...string) (string, error) {
	cmd := exec.CommandContext(context.Background(), h.binary, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+h.kubeconfig, "HELM_DRIVER=secret",
		"HELM_CACHE_HOME="+h.dir, "HELM_CONFIG_HOME="+h.dir, "HELM_DATA_HOME="+h.dir)
	var out, diagnostics bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	err := cmd.Run()
	if err != nil {
		err = &failure{err, diagnostics.String()}
	}
	return out.String(), err
}

// Values writes a file of values and returns its path.
func (h *Helm) Values(name, yaml string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// failure is an error with what helm said.
type failure struct {
	err  error
	said string
}

func (f *failure) Error() string { return f.err.Error() + ": " + f.said }
func (f *failure) Unwrap() error { return f.err }
