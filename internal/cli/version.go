package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version and commit are set by the linker; else they are what Go knows of the
// build.
var (
	version string
	commit  string //nolint:gochecknoglobals // The linker sets it.
)

// commitDigits are enough to tell commits apart.
const commitDigits = 12

// Version is the version of this program.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

// Commit is the commit that this program was built from, with "+dirty" where
// there were changes beside it; empty where it is not known.
func Commit() string {
	if commit != "" {
		return commit
	}
	settings := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
	}
	if c := settings["vcs.revision"]; c != "" && settings["vcs.modified"] == "true" {
		return short(c) + "+dirty"
	}
	return settings["vcs.revision"]
}

// short is a commit as people write it.
func short(commit string) string {
	hash, dirty, _ := strings.Cut(commit, "+")
	hash = hash[:min(len(hash), commitDigits)]
	if dirty != "" {
		hash += "+" + dirty
	}
	return hash
}

func newVersionCommand(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of rightsize, its commit, and the Go it was built with",
		Example: "  rightsize version",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(_ *cobra.Command, _ []string) error {
			of := ""
			if c := Commit(); c != "" {
				of = " commit " + short(c)
			}
			_, err := fmt.Fprintf(s.Out, "rightsize %s%s %s %s/%s\n", Version(), of, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
