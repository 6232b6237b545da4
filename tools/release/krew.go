package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed rightsize.yaml.tmpl
var krewTemplate string

// downloads is where the files of a version are published.
const downloads = "https://github.com/rightsize-dev/rightsize/releases/download"

// krewPlatform is one platform of the manifest.
type krewPlatform struct{ OS, Arch, URI, Sum, Program, Installed string }

// krew writes the manifest by which `kubectl krew` installs the plugin, with the
// checksums of the archives.
func (r release) krew(sums map[platform]string) error {
	t, err := template.New("rightsize.yaml").Option("missingkey=error").Parse(krewTemplate)
	if err != nil {
		return err
	}
	data := struct {
		Version   string
		Platforms []krewPlatform
	}{Version: r.version}
	for _, p := range r.platforms {
		name := archiveName(fmt.Sprintf("rightsize_%s_%s_%s", r.version, p.os, p.arch), p)
		k := krewPlatform{
			OS: p.os, Arch: p.arch, URI: downloads + "/" + r.version + "/" + name, Sum: sums[p], Program: "rightsize", Installed: "kubectl-rightsize",
		}
		if p.os == "windows" {
			k.Program, k.Installed = k.Program+".exe", k.Installed+".exe"
		}
		data.Platforms = append(data.Platforms, k)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, "rightsize.yaml"), b.Bytes(), 0o644) //nolint:gosec // For all to read.
}
