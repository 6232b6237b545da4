// Command release builds everything that a version of rightsize is published
// as: archives of the command for each platform, the image of the controller,
// the chart, the bill of materials, the manifest of the kubectl plugin, and
// their checksums. The same commit, version and Go give the same bytes, whoever
// builds and wherever.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// release is what is built, from where to where.
type release struct {
	root    string // The repository.
	out     string // The folder of the results.
	version string // Such as v0.1.0.
	commit  string
	// time is when everything in an archive was last changed: that of the commit.
	time time.Time
	// sbom is the program cyclonedx-gomod; empty makes no bill of materials.
	sbom      string
	platforms []platform
}

// versionPattern is a semantic version with a v, as krew and Go want it.
var versionPattern = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	r := release{}
	fs := flag.NewFlagSet("release", flag.ContinueOnError)
	fs.StringVar(&r.root, "root", "../..", "folder of the repository")
	fs.StringVar(&r.out, "out", "../../dist", "folder to write to; it is emptied first")
	fs.StringVar(&r.version, "version", "", "version, such as v0.1.0")
	fs.StringVar(&r.commit, "commit", "", "commit that is built")
	epoch := fs.Int64("epoch", 0, "time of the commit, in seconds since 1970")
	fs.StringVar(&r.sbom, "cyclonedx-gomod", "", "the program cyclonedx-gomod; empty makes no bill of materials")
	only := fs.String("platforms", "", "comma-separated, such as linux/amd64 (default all)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	r.time = time.Unix(*epoch, 0).UTC()
	if !versionPattern.MatchString(r.version) {
		return fmt.Errorf("-version has to be a semantic version such as v0.1.0, got %q", r.version)
	}
	for _, p := range platforms() {
		if *only == "" || slices.Contains(strings.Split(*only, ","), p.String()) {
			r.platforms = append(r.platforms, p)
		}
	}
	if len(r.platforms) == 0 {
		return fmt.Errorf("-platforms %s: none of %v", *only, platforms())
	}
	return r.make(ctx)
}

// make builds all and writes the checksums last.
func (r release) make(ctx context.Context) error {
	var err error
	if r.root, err = filepath.Abs(r.root); err != nil {
		return err
	}
	if r.out, err = filepath.Abs(r.out); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(r.root, "cmd", "rightsize")); err != nil {
		return fmt.Errorf("-root %s is not the repository: %w", r.root, err)
	}
	if r.out == r.root || strings.HasPrefix(r.root, r.out+string(filepath.Separator)) {
		return errors.New("-out would empty the repository")
	}
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil { //nolint:gosec // For all to read.
		return err
	}
	sums := map[platform]string{}
	for _, p := range r.platforms {
		if sums[p], err = r.command(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	if err := r.krew(sums); err != nil {
		return fmt.Errorf("krew manifest: %w", err)
	}
	if err := r.controller(ctx); err != nil {
		return fmt.Errorf("controller: %w", err)
	}
	if err := r.chart(); err != nil {
		return fmt.Errorf("chart: %w", err)
	}
	return r.checksums()
}

// say tells how far it is.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
