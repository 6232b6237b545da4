package crd_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// Every RightSize that 'rightsize import' writes is one that the API server
// takes.
func TestImportedObjects(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../internal/importer/testdata/*.golden.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no files")
	}
	s := newServer(t)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for text := range strings.SplitSeq(string(data), "---\n") {
			var o map[string]any
			if err := yaml.Unmarshal([]byte(text), &o); err != nil {
				t.Fatalf("%s: %v in\n%s", file, err, text)
			}
			for _, said := range s.validate(t.Context(), wire(t, o), nil) {
				t.Errorf("%s: %s in\n%s", file, said, text)
			}
		}
	}
}
