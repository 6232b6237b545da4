package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// testRelease is one of a test, whose programs are scripts.
func testRelease(t *testing.T) release {
	t.Helper()
	return release{
		root: "../..", out: t.TempDir(), version: "v0.1.0", commit: "0123456789abcdef", time: time.Unix(1795000000, 0).UTC(), platforms: platforms(),
	}
}

func script(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho \"$0 runs\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// untar is the names and contents of a tar file.
func untar(t *testing.T, r io.Reader) map[string]string {
	t.Helper()
	out := map[string]string{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		out[h.Name] = string(data)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"v0.1.0": true, "v1.2.3-rc.1": true, "v0.1.0-dev.12": true, "0.1.0": false, "v1": false, "v01.0.0": false, "v1.0.0+meta": false, "v1.0.0\n": false, "": false,
	} {
		if versionPattern.MatchString(version) != want {
			t.Errorf("%q: want valid %t", version, want)
		}
	}
}

// An archive is the same whenever and in whatever order its files were written.
func TestArchivesAreReproducible(t *testing.T) {
	t.Parallel()
	r := testRelease(t)
	for _, p := range []platform{{"linux", "amd64"}, {"windows", "amd64"}} {
		var sums []string
		for range 2 {
			program := script(t, "rightsize")
			if err := os.Chtimes(program, time.Now(), time.Unix(int64(len(sums)), 0)); err != nil {
				t.Fatal(err)
			}
			s, err := r.archive(program, p)
			if err != nil {
				t.Fatal(err)
			}
			sums = append(sums, s)
		}
		if sums[0] != sums[1] {
			t.Errorf("%s: %v", p, sums)
		}
	}
	gz, err := gzip.NewReader(bytes.NewReader(content(t, filepath.Join(r.out, "rightsize_v0.1.0_linux_amd64.tar.gz"))))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(gz)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(whole, make([]byte, 1024)) || len(whole)%512 != 0 {
		t.Error("the archive has no end, which tar programs miss")
	}
	if files := untar(t, bytes.NewReader(whole)); len(files) != 2 || files["rightsize"] == "" || files["LICENSE"] == "" {
		t.Errorf("the archive for Linux holds %v", files)
	}
	z, err := zip.OpenReader(filepath.Join(r.out, "rightsize_v0.1.0_windows_amd64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close() //nolint:errcheck // Only read.
	if len(z.File) != 2 || z.File[0].Name != "LICENSE" {
		t.Errorf("the archive for Windows holds %v", z.File)
	}
}

// The chart is what Helm takes, with the version of the release, without which
// the image would be another.
func TestChart(t *testing.T) {
	t.Parallel()
	r := testRelease(t)
	if err := r.chart(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(r.out, "rightsize-0.1.0.tgz")
	gz, err := gzip.NewReader(bytes.NewReader(content(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	files := untar(t, gz)
	for _, name := range []string{"rightsize/Chart.yaml", "rightsize/values.yaml", "rightsize/templates/_helpers.tpl", "rightsize/files/crds/rightsize.dev_rightsizes.yaml"} {
		if files[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
	if chart := files["rightsize/Chart.yaml"]; !strings.Contains(chart, "\nversion: 0.1.0\nappVersion: 0.1.0\n") {
		t.Errorf("versions of the chart:\n%s", chart)
	}
	helm := os.Getenv("RIGHTSIZE_HELM")
	if helm == "" {
		t.Skip("RIGHTSIZE_HELM does not name a helm program: `make bin/helm` builds one")
	}
	out, err := exec.CommandContext(t.Context(), helm, "template", "x", file).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "rightsize-controller:0.1.0") {
		t.Errorf("helm template: %v\n%.2000s", err, out)
	}
}

// The image is valid by the library that other tools read it with, has the user
// that the chart wants, and authorities to trust.
func TestImage(t *testing.T) {
	t.Parallel()
	r := testRelease(t)
	images := map[platform]v1.Image{}
	for _, arch := range []string{"amd64", "arm64"} {
		p := platform{"linux", arch}
		image, err := r.imageOf(script(t, controllerName), p)
		if err != nil {
			t.Fatal(err)
		}
		images[p] = image
	}
	if err := r.publish(images); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range untar(t, bytes.NewReader(content(t, filepath.Join(r.out, "rightsize-controller_v0.1.0_oci.tar")))) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "/") {
			if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Fatal(err)
	}
	top, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(top.Manifests) != 1 || top.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "v0.1.0" {
		t.Fatalf("the layout offers %+v", top.Manifests)
	}
	config, err := images[platform{"linux", "arm64"}].ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Architecture != "arm64" || config.Config.User != "65532:65532" || !slices.Equal(config.Config.Entrypoint, []string{"/rightsize-controller"}) {
		t.Errorf("configuration %+v", config)
	}
	layers, err := images[platform{"linux", "amd64"}].Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	inside, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(untar(t, inside)["etc/ssl/certs/ca-certificates.crt"], "BEGIN CERTIFICATE"); n < 100 {
		t.Errorf("%d authorities; Mozilla trusts more than 100", n)
	}
}

// The manifest is one that krew installs, from an archive with its checksum.
func TestKrewInstalls(t *testing.T) {
	t.Parallel()
	krew := os.Getenv("RIGHTSIZE_KREW")
	if krew == "" {
		t.Skip("RIGHTSIZE_KREW does not name a krew program: `make bin/krew` builds one")
	}
	r := testRelease(t)
	sums := map[platform]string{}
	for _, p := range r.platforms {
		name := "rightsize"
		if p.os == "windows" {
			name += ".exe"
		}
		var err error
		if sums[p], err = r.archive(script(t, name), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.krew(sums); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), krew, "install", "--manifest", filepath.Join(r.out, "rightsize.yaml"),
		"--archive", filepath.Join(r.out, archiveName(r.name("rightsize", platform{runtime.GOOS, runtime.GOARCH}), platform{runtime.GOOS, runtime.GOARCH})))
	cmd.Env = append(os.Environ(), "KREW_ROOT="+home, "KREW_NO_UPGRADE_CHECK=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(home, "bin", "kubectl-rightsize")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "kubectl-rightsize runs") {
		t.Errorf("the plugin: %v\n%s", err, out)
	}
}

// The same commit gives the same program, whichever folder it is in.
func TestBuildIsReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command")
	}
	t.Parallel()
	there := t.TempDir()
	tracked, err := exec.CommandContext(t.Context(), "git", "-C", "../..", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.go", "go.mod", "go.sum", "internal", "LICENSE").Output()
	if err != nil {
		t.Skipf("the files of the repository are not known: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(tracked), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join("..", "..", name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // Deleted, and not committed yet.
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(there, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var sums []string
	for _, root := range []string{"../..", there} {
		r := testRelease(t)
		if r.root, err = filepath.Abs(root); err != nil {
			t.Fatal(err)
		}
		s, err := r.command(context.WithoutCancel(t.Context()), platform{runtime.GOOS, runtime.GOARCH})
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, s)
	}
	if sums[0] != sums[1] {
		t.Errorf("in two folders there are two programs: %v", sums)
	}
}
