package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// platform is an operating system and an architecture, in Go's words.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }

// platforms are all that the command is built for.
func platforms() []platform {
	var out []platform
	for _, system := range []string{"darwin", "linux", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			out = append(out, platform{system, arch})
		}
	}
	return out
}

const module = "github.com/rightsize-dev/rightsize"

// build builds a program of the repository. Nothing of the machine gets into
// it: no path, no build id, no setting of the environment that changes code.
func (r release) build(ctx context.Context, p platform, program, out string, variables ...string) error {
	flags := []string{"-s", "-w", "-buildid="}
	for _, v := range variables {
		flags = append(flags, "-X", v)
	}
	// The time zones are built in: images and Windows have none.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags", "timetzdata", //nolint:gosec // Fixed arguments.
		"-ldflags", strings.Join(flags, " "), "-o", out, "./cmd/"+program)
	cmd.Dir = r.root
	cmd.Env = append(os.Environ(), "GOOS="+p.os, "GOARCH="+p.arch, "CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0",
		"GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "GOWORK=off", "GODEBUG=", "GOFIPS140=off")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go build ./cmd/%s: %w", program, err)
	}
	return nil
}

// command builds the archive of the command for a platform, and returns its
// checksum.
func (r release) command(ctx context.Context, p platform) (string, error) {
	say("building rightsize %s for %s", r.version, p)
	dir, err := os.MkdirTemp("", "rightsize-release")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // A leftover of a temporary folder does no harm.
	program := "rightsize"
	if p.os == "windows" {
		program += ".exe"
	}
	path := filepath.Join(dir, program)
	err = r.build(ctx, p, "rightsize", path, module+"/internal/cli.version="+r.version, module+"/internal/cli.commit="+r.commit)
	if err != nil {
		return "", err
	}
	if err := r.bom(ctx, path, r.name("rightsize", p)); err != nil {
		return "", err
	}
	return r.archive(path, p)
}

// name is that of the files of a program for a platform.
func (r release) name(program string, p platform) string {
	return fmt.Sprintf("%s_%s_%s_%s", program, r.version, p.os, p.arch)
}

// archive packs the command that was built, and returns the checksum.
func (r release) archive(path string, p platform) (string, error) {
	var err error
	entries := []entry{
		{name: filepath.Base(path), path: path, mode: 0o755},
		{name: "LICENSE", path: filepath.Join(r.root, "LICENSE"), mode: 0o644},
	}
	file := filepath.Join(r.out, archiveName(r.name("rightsize", p), p))
	if p.os == "windows" {
		err = writeZip(file, entries, r.time)
	} else {
		err = writeTarGz(file, entries, r.time)
	}
	if err != nil {
		return "", err
	}
	return sum(file)
}

func archiveName(name string, p platform) string {
	if p.os == "windows" {
		return name + ".zip"
	}
	return name + ".tar.gz"
}

// bom writes the bill of materials of a program that was built: its modules and
// Go itself, as CycloneDX.
func (r release) bom(ctx context.Context, program, name string) error {
	if r.sbom == "" {
		return nil
	}
	cmd := exec.CommandContext(ctx, r.sbom, "bin", "-json", "-std", "-noserial", "-notimestamp", "-version", r.version, //nolint:gosec // The tool of our own module.
		"-output", filepath.Join(r.out, name+".cdx.json"), program)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("bill of materials: %w\n%s", err, out)
	}
	return nil
}
