package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

const controllerName = "rightsize-controller"

// controller builds the image of the controller, for all platforms that a
// cluster's nodes have, as an archive of an OCI layout. It has no base image: a
// static program needs but the authorities it may trust and the name of its
// user.
func (r release) controller(ctx context.Context) error {
	images := map[platform]v1.Image{}
	for _, p := range r.platforms {
		if p.os != "linux" {
			continue
		}
		say("building the image of %s for %s", controllerName, p)
		image, err := r.image(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		images[p] = image
	}
	return r.publish(images)
}

// publish writes the images as the archive of an OCI layout with one index of
// all.
func (r release) publish(images map[platform]v1.Image) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range platforms() {
		if images[p] != nil {
			index = mutate.AppendManifests(index, mutate.IndexAddendum{
				Add: images[p], Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: p.os, Architecture: p.arch}},
			})
		}
	}
	dir, err := os.MkdirTemp("", "rightsize-release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // A leftover of a temporary folder does no harm.
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	// By this name tools find what they are asked for.
	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": r.version})); err != nil {
		return err
	}
	return r.pack(dir, fmt.Sprintf("%s_%s_oci.tar", controllerName, r.version))
}

// image builds the one of a platform.
func (r release) image(ctx context.Context, p platform) (v1.Image, error) {
	dir, err := os.MkdirTemp("", "rightsize-release")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // A leftover of a temporary folder does no harm.
	program := filepath.Join(dir, controllerName)
	if err := r.build(ctx, p, controllerName, program, "main.version="+r.version); err != nil {
		return nil, err
	}
	if err := r.bom(ctx, program, r.name(controllerName, p)); err != nil {
		return nil, err
	}
	return r.imageOf(program, p)
}

// imageOf is the image that runs a program.
func (r release) imageOf(program string, p platform) (v1.Image, error) {
	files, err := tarBytes([]entry{
		{name: controllerName, path: program, mode: 0o755},
		{name: "etc/", mode: 0o755},
		{name: "etc/ssl/", mode: 0o755},
		{name: "etc/ssl/certs/", mode: 0o755},
		{name: "etc/ssl/certs/ca-certificates.crt", data: authorities(), mode: 0o644},
		{name: "etc/passwd", data: []byte("root:x:0:0:root:/:/none\nnonroot:x:65532:65532:nonroot:/:/none\n"), mode: 0o644},
		{name: "etc/group", data: []byte("root:x:0:\nnonroot:x:65532:\n"), mode: 0o644},
	}, r.time)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: p.os, Architecture: p.arch, Created: v1.Time{Time: r.time}, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			Entrypoint: []string{"/" + controllerName}, User: "65532:65532", WorkingDir: "/",
			Labels: map[string]string{
				"org.opencontainers.image.title":    controllerName,
				"org.opencontainers.image.source":   "https://" + module,
				"org.opencontainers.image.version":  r.version,
				"org.opencontainers.image.revision": r.commit,
				"org.opencontainers.image.licenses": "Apache-2.0",
			},
		},
	})
	if err != nil {
		return nil, err
	}
	return mutate.Append(image, mutate.Addendum{
		Layer: layer, MediaType: types.OCILayer, History: v1.History{Created: v1.Time{Time: r.time}, CreatedBy: "make release"},
	})
}

// authorities are those that Mozilla trusts without reservation. Those that it
// trusts only for certificates from before some day are left out: a file cannot
// say so.
func authorities() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // A buffer takes all.
		}
	}
	return b.Bytes()
}

// pack writes a folder as a tar file.
func (r release) pack(dir, name string) error {
	var entries []entry
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		inside, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		e := entry{name: filepath.ToSlash(inside), path: path, mode: 0o644}
		if d.IsDir() {
			e = entry{name: e.name + "/", mode: 0o755}
		}
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return err
	}
	data, err := tarBytes(entries, r.time)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, name), data, 0o644) //nolint:gosec // For all to read.
}
