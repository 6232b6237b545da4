package controlplane

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/rightsize-dev/rightsize/internal/testkit/process"
)

// Run starts a program of the folder [Binaries], which ends with the test.
func (c *ControlPlane) Run(name string, args ...string) *process.Process {
	c.t.Helper()
	p := process.Run(c.t, filepath.Join(c.binaries, name), c.Dir, nil, args...)
	c.running = append(c.running, p)
	return p
}

// waitHealthy waits for the /healthz of a program that has made itself a
// certificate.
func (c *ControlPlane) waitHealthy(p *process.Process, port int) {
	c.t.Helper()
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // It made its certificate itself.
	}}
	defer client.CloseIdleConnections()
	p.WaitReady(c.t, readyTimeout, func(ctx context.Context) error {
		return get(ctx, client, fmt.Sprintf("https://127.0.0.1:%d/healthz", port))
	})
}

// get fails unless the answer is 200.
func get(ctx context.Context, client *http.Client, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return nil
}
