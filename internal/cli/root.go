// Package cli holds the commands of rightsize, one file each: a constructor
// that declares flags and examples, an options struct, and a run method that
// gets a context and writes results to Out and everything else to Err.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes of the program.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2
	ExitBudget = 3
)

// Streams are where a command reads and writes. Results go to Out, diagnostics
// and progress to Err.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// codeError is an error with the exit code it asks for.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string { return e.err.Error() }
func (e *codeError) Unwrap() error { return e.err }

// usageErrorf returns an error about how the command was called, exit code 2.
func usageErrorf(format string, args ...any) error {
	return &codeError{code: ExitUsage, err: fmt.Errorf(format, args...)}
}

// Main runs the command line args, without the program's name, and returns the
// exit code.
func Main(ctx context.Context, program string, args []string, s Streams) int {
	root := newRoot(program, s) //nolint:contextcheck // Commands get the context when they run.
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintln(s.Err, "rightsize: interrupted")
		return ExitFailed
	}
	message := err.Error()
	if !strings.HasPrefix(message, root.CommandPath()+" ") { // About a command, which it names.
		message = "rightsize: " + message
	}
	_, _ = fmt.Fprintln(s.Err, message)
	if coded, ok := errors.AsType[*codeError](err); ok {
		if coded.code == ExitUsage {
			_, _ = fmt.Fprintf(s.Err, "See '%s --help'.\n", root.CommandPath())
		}
		return coded.code
	}
	return ExitFailed
}

// newRoot builds the command tree. Errors of the command line itself become
// usage errors.
func newRoot(program string, s Streams) *cobra.Command {
	root := &cobra.Command{
		Use: "rightsize",
		// Usage lines show this instead of Use.
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: commandName(program)},
		Short:       "Right-sizes Kubernetes workloads by looking ahead",
		Long: `rightsize learns each workload's demand from Prometheus history, forecasts it
with calibrated uncertainty, and chooses replicas and per-pod resources together.

Exit codes: 0 ok, 1 it failed, 2 wrong usage, 3 a budget was exceeded.`,
		Example: `  # what would rightsize do in this cluster?
  rightsize report --prometheus http://localhost:9090

  # why?
  rightsize explain Deployment/shop --prometheus http://localhost:9090 -n web

  # replay a scenario against other autoscalers
  rightsize simulate scenario.yaml --policies static,hpa,rightsize,oracle`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageErrorf("unknown command %q for %q", args[0], cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageErrorf("%s: %w", cmd.CommandPath(), err)
	})
	root.AddCommand(
		newBacktestCommand(s),
		newCollectCommand(s),
		newExplainCommand(s),
		newForecastCommand(s),
		newImportCommand(s),
		newReportCommand(s),
		newSimulateCommand(s),
		newTraceCommand(s),
		newVersionCommand(s),
	)
	return root
}

// commandName is what help texts call the program: under the name
// kubectl-rightsize it is a kubectl plugin.
func commandName(program string) string {
	base := strings.TrimSuffix(filepath.Base(program), ".exe")
	if base == "kubectl-rightsize" {
		return "kubectl rightsize"
	}
	return "rightsize"
}

// exactArgs and its like turn cobra's argument errors into usage errors.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageErrorf("%s: %w", cmd.CommandPath(), err)
		}
		return nil
	}
}

// output opens the file that -f names for writing results, or Out for "" and
// "-". The returned function finishes it: a file only replaces an older one
// once it has been written whole. What is no file, such as a pipe or a device,
// is written to.
func (s Streams) output(path string) (io.Writer, func(error) error, error) {
	if path == "" || path == "-" {
		return s.Out, func(err error) error { return err }, nil
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() {
			w, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // The path is the user's.
			return w, func(runErr error) error { return errors.Join(runErr, w.Close()) }, err
		}
		mode = info.Mode().Perm()
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, nil, fmt.Errorf("create %s: %w", path, err)
	}
	finish := func(runErr error) error {
		closeErr := tmp.Close()
		if err := errors.Join(runErr, closeErr); err != nil {
			_ = os.Remove(tmp.Name())
			return err
		}
		if err := os.Chmod(tmp.Name(), mode); err != nil {
			return err
		}
		return os.Rename(tmp.Name(), path)
	}
	return tmp, finish, nil
}
