// Command write puts the generated series of the scenario library into the
// folder it is given.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/rightsize-dev/rightsize/internal/scenario/library"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: write FOLDER, got %d arguments", len(args))
	}
	for name, data := range library.Files() {
		if err := os.WriteFile(filepath.Join(args[0], name), data, 0o600); err != nil { //nolint:gosec // The caller's own folder.
			return err
		}
	}
	return nil
}
