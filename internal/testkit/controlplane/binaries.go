package controlplane

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// BinariesEnv names the folder of the programs.
const BinariesEnv = "RIGHTSIZE_CONTROLPLANE"

// Binaries is the folder of the programs that `make controlplane` built, which
// the environment names. The test is skipped if it names none, and fails if
// the folder lacks a program.
func Binaries(t testing.TB) string {
	t.Helper()
	dir := os.Getenv(BinariesEnv)
	if dir == "" {
		t.Skipf("%s does not name a folder of control plane programs: `make controlplane` builds one and prints its name", BinariesEnv)
	}
	for _, name := range []string{
		"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "vpa-recommender", "hpa-replay",
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Fatalf("%s=%s: %v (`make controlplane` builds the programs)", BinariesEnv, dir, err)
		}
	}
	return dir
}

// FreePorts returns n ports of the loopback address that were free just now.
func FreePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, 0, n)
	var open []net.Listener
	for range n {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("finding a free port: %v", err)
		}
		open = append(open, l)
		address, ok := l.Addr().(*net.TCPAddr)
		if !ok {
			t.Fatal("finding a free port: not TCP")
		}
		ports = append(ports, address.Port)
	}
	var errs []error
	for _, l := range open {
		errs = append(errs, l.Close())
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("finding free ports: %v", err)
	}
	return ports
}

func writeFile(path string, data []byte) error { return os.WriteFile(path, data, 0o600) }
