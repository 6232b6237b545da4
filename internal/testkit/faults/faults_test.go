package faults_test

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rightsize-dev/rightsize/internal/testkit/faults"
)

// A share of the writes fails in each of the ways, reads never do, and what is
// lost was carried out.
func TestWritesFailBySeed(t *testing.T) {
	t.Parallel()
	var carried atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			carried.Add(1)
		}
		_, _ = io.WriteString(w, "done")
	}))
	defer server.Close()
	dir := t.TempDir()
	ca, key := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key")
	certificate := server.TLS.Certificates[0]
	private, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		ca: {Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := faults.Start(t, server.URL, ca, ca, key)
	ask := func(method string) error {
		r, err := http.NewRequestWithContext(t.Context(), method, p.URL, strings.NewReader("{}"))
		if err != nil {
			return err
		}
		answer, err := server.Client().Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		if answer.StatusCode != http.StatusOK {
			return io.ErrUnexpectedEOF
		}
		return nil
	}

	if err := ask(http.MethodPatch); err != nil {
		t.Fatalf("without faults: %v", err)
	}
	carried.Store(0)
	p.Fail(0.5, 7)
	const writes = 24
	ok := 0
	for range writes {
		if err := ask(http.MethodGet); err != nil {
			t.Errorf("a read failed: %v", err)
		}
		if ask(http.MethodPatch) == nil {
			ok++
		}
	}
	seen, failed := p.Counts()
	if sum := failed[faults.Internal] + failed[faults.TooMany] + failed[faults.Hang] + failed[faults.Lost]; seen != writes || sum != writes-ok || len(failed) != 4 {
		t.Errorf("of %d writes (the proxy saw %d) %d went well and %v failed", writes, seen, ok, failed)
	}
	if want := ok + failed[faults.Lost]; int(carried.Load()) != want {
		t.Errorf("%d writes were carried out, want %d", carried.Load(), want)
	}
}
