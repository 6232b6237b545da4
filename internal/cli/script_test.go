package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rightsize-dev/rightsize/internal/cli"
)

func TestMain(m *testing.M) {
	program := func(name string) func() {
		return func() {
			streams := cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
			os.Exit(cli.Main(context.Background(), name, os.Args[1:], streams))
		}
	}
	testscript.Main(m, map[string]func(){
		"rightsize":         program("rightsize"),
		"kubectl-rightsize": program("kubectl-rightsize"),
	})
}

// TestScript runs the scripts of testdata/script: each is a session in a shell
// with the program on its path.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PROMETHEUS_URL", "")
			env.Setenv("RIGHTSIZE_TRACES", os.Getenv("RIGHTSIZE_TRACES"))
			root, err := filepath.Abs("../..")
			env.Setenv("REPOSITORY", root)
			return err
		},
		Condition: func(cond string) (bool, error) {
			return cond == "traces" && os.Getenv("RIGHTSIZE_TRACES") != "", nil
		},
	})
}
