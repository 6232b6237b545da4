package controlplane

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// stopTimeout is how long a program may take to end when asked to.
const stopTimeout = 5 * time.Second

// Process is one program that runs until the test ends.
type Process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // Closed when it has ended.
	err  error         // How it ended, to be read once done is closed.
}

// Run starts a program of the folder [Binaries], which ends with the test.
func (c *ControlPlane) Run(name string, args ...string) *Process {
	c.t.Helper()
	p, err := start(filepath.Join(c.binaries, name), c.Dir, args)
	if err != nil {
		c.t.Fatalf("starting %s: %v", name, err)
	}
	c.running = append(c.running, p)
	c.t.Cleanup(func() {
		last := p.tail(40) // Before it says at length that it ends.
		p.Stop()
		if c.t.Failed() {
			c.t.Logf("last lines of %s:\n%s", name, last)
		}
	})
	return p
}

// start runs a program in a process group of its own, with a log of its own.
func start(program, dir string, args []string) (*Process, error) {
	p := &Process{name: filepath.Base(program), done: make(chan struct{})}
	log, err := os.CreateTemp(dir, p.name+"-*.log")
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // The program has a descriptor of its own.
	p.log = log.Name()
	p.cmd = exec.CommandContext(context.Background(), program, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	p.cmd.SysProcAttr = ownGroup()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Stop asks the process group to end, and makes it if it does not.
func (p *Process) Stop() {
	group := -p.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM) // An error means that it has ended.
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	<-p.done
}

// Log is the path of what the program has written.
func (p *Process) Log() string { return p.log }

// tail is the last lines that the program wrote.
func (p *Process) tail(lines int) string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// waitReady asks until there is no error. The test fails if the program ends
// or takes too long.
func (c *ControlPlane) waitReady(p *Process, ready func(context.Context) error) {
	c.t.Helper()
	var err error
	for end := time.Now().Add(readyTimeout); time.Now().Before(end); {
		ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
		err = ready(ctx)
		cancel()
		if err == nil {
			return
		}
		select {
		case <-p.done:
			c.t.Fatalf("%s ended: %v", p.name, p.err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	c.t.Fatalf("%s is not ready after %v: %v", p.name, readyTimeout, err)
}

// waitHealthy waits for the /healthz of a program that has made itself a
// certificate.
func (c *ControlPlane) waitHealthy(p *Process, port int) {
	c.t.Helper()
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // It made its certificate itself.
	}}
	defer client.CloseIdleConnections()
	c.waitReady(p, func(ctx context.Context) error {
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
