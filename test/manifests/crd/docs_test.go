package crd_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// Every RightSize in the documentation, and every status, is one that the API
// server takes.
func TestDocumentedObjects(t *testing.T) {
	t.Parallel()
	const root = "../../.."
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, filepath.Join(root, "README.md"), filepath.Join(root, "charts", "rightsize", "README.md"))
	s := newServer(t)
	found := map[string]int{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range strings.Split(string(data), "```") {
			text, ok := strings.CutPrefix(block, "yaml\n")
			if i%2 == 0 || !ok {
				continue
			}
			var document any
			if err := yaml.Unmarshal([]byte(text), &document); err != nil {
				t.Errorf("%s: %v in\n%s", file, err, text)
				continue
			}
			o, _ := document.(map[string]any)
			kind := "status"
			if o["kind"] == "RightSize" {
				kind = "RightSize"
				o = wire(t, o)
			} else if status, ok := o["status"].(map[string]any); ok {
				o = object(t, map[string]any{}, status)
			} else {
				continue
			}
			found[kind]++
			for _, said := range s.validate(t.Context(), o, nil) {
				t.Errorf("%s: %s in\n%s", file, said, text)
			}
		}
	}
	if found["RightSize"] < 1 || found["status"] < 1 {
		t.Errorf("found %v, want at least one of each", found)
	}
}
