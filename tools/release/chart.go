package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// chart writes the chart as an archive that helm installs, with the version of
// the release as its own and that of the image.
func (r release) chart() error {
	plain := strings.TrimPrefix(r.version, "v")
	say("packing chart rightsize-%s", plain)
	dir := filepath.Join(r.root, "charts", "rightsize")
	var entries []entry
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(filepath.Dir(dir), path)
		if err != nil {
			return err
		}
		e := entry{name: filepath.ToSlash(name), path: path, mode: 0o644}
		if e.name == "rightsize/Chart.yaml" {
			if e.data, err = versioned(path, plain); err != nil {
				return err
			}
			e.path = ""
		}
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return err
	}
	return writeTarGz(filepath.Join(r.out, "rightsize-"+plain+".tgz"), entries, r.time)
}

// versioned is Chart.yaml with other versions.
func versioned(path, version string) ([]byte, error) {
	data, err := os.ReadFile(path) //nolint:gosec // Of the repository.
	if err != nil {
		return nil, err
	}
	text := string(data)
	for _, key := range []string{"version", "appVersion"} {
		line := regexp.MustCompile(`(?m)^` + key + `: .*$`)
		if len(line.FindAllString(text, -1)) != 1 {
			return nil, fmt.Errorf("%s: there is not one line %s", path, key)
		}
		text = line.ReplaceAllString(text, key+": "+version)
	}
	return []byte(text), nil
}
