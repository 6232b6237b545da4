package collector_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clientCertificate makes an authority and a key with a certificate that it
// signed, as PEM files, and returns the authority.
func clientCertificate(t *testing.T, certFile, keyFile string) *x509.CertPool {
	t.Helper()
	newKey := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	template := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		}
	}
	authority, authorityKey := template(1, "authority"), newKey()
	authority.IsCA, authority.BasicConstraintsValid, authority.KeyUsage = true, true, x509.KeyUsageCertSign
	client, clientKey := template(2, "rightsize"), newKey()
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, client, authority, &clientKey.PublicKey, authorityKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(clientKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "PRIVATE KEY", key)
	der, err = x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A server that asks for certificates answers who has one, and whoever has
// none hears what to do.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	caFile, certFile, keyFile := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	server := httptest.NewUnstartedServer(&fakeAPI{workloads: 1, podsEach: 1, every: 1})
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clientCertificate(t, certFile, keyFile), MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	writePEM(t, caFile, "CERTIFICATE", server.Certificate().Raw)

	cfg := fakeConfig(server.URL)
	cfg.HTTP.TLSConfig.CAFile = caFile
	if _, err := collect(t, cfg); err == nil || !strings.Contains(err.Error(), "--tls-cert-file") {
		t.Errorf("without a certificate the error is %v", err)
	}
	cfg.HTTP.TLSConfig.CertFile, cfg.HTTP.TLSConfig.KeyFile = certFile, keyFile
	fleet, err := collect(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(fleet.Workloads) != 1 {
		t.Errorf("%d workloads, want 1", len(fleet.Workloads))
	}
	cfg.HTTP.TLSConfig.ServerName = "other.example"
	if _, err := collect(t, cfg); err == nil || !strings.Contains(err.Error(), "--tls-server-name") {
		t.Errorf("under another name the error is %v", err)
	}
}
