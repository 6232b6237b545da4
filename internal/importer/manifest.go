package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
	sigsyaml "sigs.k8s.io/yaml"
)

// readAhead is how much of a stream is looked at to tell JSON from YAML.
const readAhead = 4096

// Read reads manifests: YAML or JSON, any number of documents, Lists opened.
func Read(r io.Reader) ([]Object, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(r, readAhead)
	var all []Object
	for n := 1; ; n++ {
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err == nil {
			all, err = open(all, raw)
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
	}
}

// open appends the objects of a document.
func open(all []Object, raw json.RawMessage) ([]Object, error) {
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || bytes.Equal(trimmed, []byte("null")) {
		return all, nil
	}
	var o struct {
		Object `json:",inline"`

		Items *[]json.RawMessage `json:"items"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &o); err != nil {
		return nil, err
	}
	if o.Kind == "" || o.APIVersion == "" {
		return nil, errors.New("apiVersion or kind is missing: it is no manifest")
	}
	if o.Items == nil || !strings.HasSuffix(o.Kind, "List") {
		return append(all, o.Object), nil
	}
	for i, item := range *o.Items {
		var err error
		if all, err = open(all, item); err != nil {
			return nil, fmt.Errorf("items[%d]: %w", i, err)
		}
	}
	return all, nil
}

// Write writes the RightSizes as YAML, each under comments that say where it is
// from and what has no equivalent.
func Write(w io.Writer, all []Import) error {
	var out bytes.Buffer
	for i, im := range all {
		if i > 0 {
			out.WriteString("---\n")
		}
		fmt.Fprintf(&out, "# In place of %s. Mode DryRun: it changes nothing.\n", oneLine(strings.Join(im.Sources, " and ")))
		for _, n := range im.Notes {
			fmt.Fprintf(&out, "# - %s\n", oneLine(n))
		}
		text, err := sigsyaml.Marshal(im.RightSize)
		if err != nil {
			return fmt.Errorf("write %s: %w", im.RightSize.Name, err)
		}
		out.Write(text)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// oneLine keeps a comment one: what ends lines or moves cursors becomes a space.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}
