package v1alpha1_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// crdFile is what controller-gen makes of the types of this package.
const crdFile = "../../charts/rightsize/files/crds/rightsize.dev_rightsizes.yaml"

// schema is the part of a JSON schema that the tests look at.
type schema struct {
	Type                 string            `json:"type"`
	Format               string            `json:"format"`
	Description          string            `json:"description"`
	Properties           map[string]schema `json:"properties"`
	Items                *schema           `json:"items"`
	AdditionalProperties *schema           `json:"additionalProperties"`
	Enum                 []string          `json:"enum"`
	Default              any               `json:"default"`
	Required             []string          `json:"required"`
	Minimum              *float64          `json:"minimum"`
	Maximum              *float64          `json:"maximum"`
	MinItems             *int              `json:"minItems"`
	MaxItems             *int              `json:"maxItems"`
	MaxLength            *int              `json:"maxLength"`
	IntOrString          bool              `json:"x-kubernetes-int-or-string"`
}

type crd struct {
	Spec struct {
		Versions []struct {
			Schema struct {
				OpenAPIV3Schema schema `json:"openAPIV3Schema"`
			} `json:"schema"`
			AdditionalPrinterColumns []struct {
				Name     string `json:"name"`
				JSONPath string `json:"jsonPath"`
			} `json:"additionalPrinterColumns"`
			SelectableFields []struct {
				JSONPath string `json:"jsonPath"`
			} `json:"selectableFields"`
		} `json:"versions"`
	} `json:"spec"`
}

func readCRD(t *testing.T) crd {
	t.Helper()
	data, err := os.ReadFile(crdFile)
	if err != nil {
		t.Fatal(err)
	}
	var c crd
	if err := yaml.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	if n := len(c.Spec.Versions); n != 1 {
		t.Fatalf("%d versions, want 1", n)
	}
	return c
}

// maxStatusBytes is what every watch and the admission of every pod carry.
const maxStatusBytes = 8 << 10

// The status is as large as the schema lets it be: every list full, every
// string and number as long as it may be.
func TestStatusStaysSmall(t *testing.T) {
	t.Parallel()
	s := readCRD(t).Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]
	raw, err := json.Marshal(largest(t, "status", s))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the largest status has %d bytes", len(raw))
	if len(raw) > maxStatusBytes {
		t.Errorf("the largest status has %d bytes, want at most %d", len(raw), maxStatusBytes)
	}
	// It is a status: nothing of it is lost on the way through the types.
	var status v1alpha1.RightSizeStatus
	if err := yaml.UnmarshalStrict(raw, &status); err != nil {
		t.Fatal(err)
	}
	if n := len(status.Recommendation.Containers); n < 8 {
		t.Errorf("room for %d containers, want at least 8", n)
	}
	back, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	if len(back) < len(raw)*99/100 {
		t.Errorf("of %d bytes %d are left after a round trip", len(raw), len(back))
	}
}

// conditionMost is how long the strings of a condition are, which the rule on
// status.conditions bounds and not its schema.
var conditionMost = map[string]int{
	"status.conditions[].type": 23, "status.conditions[].reason": 32, "status.conditions[].message": 100,
}

// largest returns a value that takes the most bytes of those the schema allows.
func largest(t *testing.T, path string, s schema) any {
	t.Helper()
	switch {
	case s.IntOrString:
		if s.MaxLength == nil {
			t.Errorf("%s has no maxLength", path)
			return "0"
		}
		return strings.Repeat("9", *s.MaxLength)
	case s.Type == "object":
		if s.AdditionalProperties != nil {
			t.Errorf("%s is a map, which has no bound", path)
		}
		o := map[string]any{}
		for name, p := range s.Properties {
			o[name] = largest(t, path+"."+name, p)
		}
		return o
	case s.Type == "array":
		if s.MaxItems == nil {
			t.Errorf("%s has no maxItems", path)
			return nil
		}
		l := make([]any, *s.MaxItems)
		for i := range l {
			l[i] = largest(t, path+"[]", *s.Items)
		}
		return l
	case s.Type == "integer" && path == "status.conditions[].observedGeneration":
		return 999999999999 // As status.observedGeneration.
	case s.Type == "integer":
		if s.Maximum == nil {
			t.Errorf("%s has no maximum", path)
			return 0
		}
		return int64(*s.Maximum)
	case s.Type == "string":
		return largestString(t, path, s)
	default:
		t.Errorf("%s has the type %q, which this test does not know", path, s.Type)
		return nil
	}
}

func largestString(t *testing.T, path string, s schema) string {
	t.Helper()
	most, ok := conditionMost[path]
	switch {
	case s.Format == "date-time":
		return "2026-11-26T12:00:00Z"
	case len(s.Enum) > 0:
		return slices.MaxFunc(s.Enum, func(a, b string) int { return len(a) - len(b) })
	case !ok && s.MaxLength == nil:
		t.Errorf("%s has no maxLength", path)
		return ""
	case !ok:
		most = *s.MaxLength
	}
	return strings.Repeat("w", most)
}

// Every field says what it means, and what it means to leave it out; every
// value has an example and its range in words.
func TestEveryFieldIsDocumented(t *testing.T) {
	t.Parallel()
	root := readCRD(t).Spec.Versions[0].Schema.OpenAPIV3Schema
	fields := map[string]field{}
	collect(fields, "", root, false)
	if len(fields) < 150 {
		t.Fatalf("found %d fields, want at least 150", len(fields))
	}
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		f := fields[path]
		text := strings.ReplaceAll(f.Description, "\n", " ")
		if text == "" {
			t.Errorf("%s has no description", path)
		}
		if strings.HasPrefix(path, "status") || f.foreign {
			continue
		}
		scalar := f.IntOrString || f.Type != "object" && f.Type != "array"
		said := strings.Contains(text, "Unset: ") || strings.Contains(text, "Default: ")
		if scalar && !f.required && !said && !union(path) {
			t.Errorf("%s does not say what it means to leave it out: %s", path, text)
		}
		if scalar && !strings.Contains(text, "Example: ") {
			t.Errorf("%s has no example: %s", path, text)
		}
		if f.Type == "integer" {
			for _, bound := range []*float64{f.Minimum, f.Maximum} {
				if bound == nil {
					t.Errorf("%s has no bounds", path)
				} else if n := strconv.FormatFloat(*bound, 'f', -1, 64); !strings.Contains(text, n) {
					t.Errorf("%s does not say its bound %s: %s", path, n, text)
				}
			}
		}
		if f.Type == "array" && !strings.Contains(text, fmt.Sprintf("at most %d", *f.MaxItems)) {
			t.Errorf("%s does not say how many: %s", path, text)
		}
	}
}

// union says whether the field is set or not depending on a type beside it, so
// that leaving it out means nothing.
func union(path string) bool {
	return path == "spec.demand.signals[].preset"
}

type field struct {
	schema
	required bool
	// foreign says that the field is of a type of Kubernetes itself.
	foreign bool
}

func collect(fields map[string]field, path string, s schema, foreign bool) {
	for name, p := range s.Properties {
		at := strings.TrimPrefix(path+"."+name, ".")
		if slices.Contains([]string{"apiVersion", "kind", "metadata"}, at) {
			continue
		}
		fields[at] = field{schema: p, required: slices.Contains(s.Required, name), foreign: foreign}
		inner := foreign || at == "spec.scope.nodes" || at == "status.conditions"
		if p.Items != nil {
			collect(fields, at+"[]", *p.Items, inner)
		} else {
			collect(fields, at, p, inner)
		}
	}
}

// Columns and selectors point at fields that exist.
func TestColumnsAndSelectors(t *testing.T) {
	t.Parallel()
	v := readCRD(t).Spec.Versions[0]
	fields := map[string]field{}
	collect(fields, "", v.Schema.OpenAPIV3Schema, false)
	names := []string{}
	for _, c := range v.AdditionalPrinterColumns {
		names = append(names, c.Name)
		path := strings.ReplaceAll(strings.TrimPrefix(c.JSONPath, "."), "[0]", "[]")
		if before, after, ok := strings.Cut(path, "[?("); ok {
			_, rest, _ := strings.Cut(after, ")]")
			path = before + "[]" + rest
		}
		if _, ok := fields[path]; !ok && c.JSONPath != ".metadata.creationTimestamp" {
			t.Errorf("column %s shows %s, which is no field", c.Name, c.JSONPath)
		}
	}
	want := []string{"Kind", "Target", "Mode", "Replicas", "Desired", "CPU", "Memory", "Ready", "Applied", "Reason", "Saves/month", "Age"}
	if !slices.Equal(names, want) {
		t.Errorf("columns %v, want %v", names, want)
	}
	selectable := []string{}
	for _, f := range v.SelectableFields {
		selectable = append(selectable, f.JSONPath)
	}
	if want := []string{".spec.targetRef.kind", ".spec.targetRef.name", ".spec.mode"}; !slices.Equal(selectable, want) {
		t.Errorf("selectable fields %v, want %v", selectable, want)
	}
}
