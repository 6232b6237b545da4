// Package process runs programs for tests: each in a process group of its own,
// which ends with the test, with a log of its own, whose last lines the test
// shows when it fails.
//
// Only tests import it.
package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopTimeout is how long a program may take to end when asked to.
const stopTimeout = 5 * time.Second

// tailLines is how much of its log a failed test shows.
const tailLines = 40

// Process is one program that runs until the test ends.
type Process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // Closed when it has ended.
	err  error         // How it ended, to be read once done is closed.
}

// Run starts a program in the folder dir, in which its log is as well. The
// environment is that of the test and env. It ends with the test at the
// latest.
func Run(t testing.TB, program, dir string, env []string, args ...string) *Process {
	t.Helper()
	p, err := start(program, dir, env, args)
	if err != nil {
		t.Fatalf("starting %s: %v", program, err)
	}
	t.Cleanup(func() {
		last := p.Tail(tailLines) // Before it says at length that it ends.
		p.Stop()
		if t.Failed() {
			t.Logf("last lines of %s:\n%s", p.name, last)
		}
	})
	return p
}

func start(program, dir string, env, args []string) (*Process, error) {
	p := &Process{name: filepath.Base(program), done: make(chan struct{})}
	log, err := os.CreateTemp(dir, p.name+"-*.log")
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // The program has a descriptor of its own.
	p.log = log.Name()
	p.cmd = exec.CommandContext(context.Background(), program, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	p.cmd.Env = append(os.Environ(), env...)
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
	_ = syscall.Kill(-p.PID(), syscall.SIGTERM) // An error means that it has ended.
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
	}
	p.Kill()
}

// Kill ends the process group at once, as losing its machine would.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL) // An error means that it has ended.
	<-p.done
}

// PID is the number of the process, and of its group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Name is the name of its program.
func (p *Process) Name() string { return p.name }

// Done is closed when the program has ended; Err is then how it did.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the program ended.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return fmt.Errorf("%s is running", p.name)
	}
}

// Log is the path of what the program has written.
func (p *Process) Log() string { return p.log }

// Tail is the last lines that the program wrote.
func (p *Process) Tail(lines int) string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// WaitReady asks until there is no error. The test fails if the program ends
// or takes longer than timeout.
func (p *Process) WaitReady(t testing.TB, timeout time.Duration, ready func(context.Context) error) {
	t.Helper()
	var err error
	for end := time.Now().Add(timeout); time.Now().Before(end); {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err = ready(ctx)
		cancel()
		if err == nil {
			return
		}
		select {
		case <-p.done:
			t.Fatalf("%s ended: %v\n%s", p.name, p.err, p.Tail(tailLines))
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("%s is not ready after %v: %v", p.name, timeout, err)
}
