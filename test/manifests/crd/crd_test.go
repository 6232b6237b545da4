// Package crd_test holds the CustomResourceDefinition to what it should accept
// and refuse, by the code with which the API server itself validates.
package crd_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	schemacel "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

const crdFile = "../../../charts/rightsize/files/crds/rightsize.dev_rightsizes.yaml"

// server validates as the API server does for a custom resource.
type server struct {
	schema    *apiextensions.JSONSchemaProps
	structure *schema.Structural
	validator validation.SchemaValidator
	rules     *schemacel.Validator
}

func readCRD(t *testing.T) *apiextensions.CustomResourceDefinition {
	t.Helper()
	data, err := os.ReadFile(crdFile)
	if err != nil {
		t.Fatal(err)
	}
	var v1 apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(data, &v1); err != nil {
		t.Fatal(err)
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(&v1)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&v1.Spec)
	v1.Status.StoredVersions = []string{"v1alpha1"}
	var crd apiextensions.CustomResourceDefinition
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&v1, &crd, nil); err != nil {
		t.Fatal(err)
	}
	return &crd
}

func newServer(t *testing.T) server {
	t.Helper()
	crd := readCRD(t)
	s := crd.Spec.Validation
	if s == nil { // It stands with the version where versions differ.
		s = crd.Spec.Versions[0].Schema
	}
	structure, err := schema.NewStructural(s.OpenAPIV3Schema)
	if err != nil {
		t.Fatal(err)
	}
	validator, _, err := validation.NewSchemaValidator(s.OpenAPIV3Schema)
	if err != nil {
		t.Fatal(err)
	}
	rules := schemacel.NewValidator(structure, true, celconfig.PerCallLimit)
	return server{schema: s.OpenAPIV3Schema, structure: structure, validator: validator, rules: rules}
}

// validate returns what the API server says about an object, old where it is an
// update.
func (s server) validate(ctx context.Context, object, old map[string]any) []string {
	var said []string
	for _, unknown := range pruning.PruneWithOptions(object, s.structure, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		said = append(said, fmt.Sprintf("unknown field %q", unknown))
	}
	defaulting.Default(object, s.structure)
	errs := validation.ValidateCustomResource(nil, object, s.validator)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structure, object)...)
	if len(errs) == 0 { // Rules only see what has the right form.
		var before any
		if old != nil {
			defaulting.Default(old, s.structure)
			before = old
		}
		violated, _ := s.rules.Validate(ctx, nil, s.structure, object, before, celconfig.RuntimeCELCostBudget)
		errs = append(errs, violated...)
	}
	for _, err := range errs {
		said = append(said, without(err))
	}
	slices.Sort(said)
	return said
}

// without prints an error without the value that it is about, which may be the
// whole object.
func without(err *field.Error) string {
	e := *err
	if e.Type == field.ErrorTypeInvalid {
		return fmt.Sprintf("%s: Invalid value: %s", e.Field, e.Detail)
	}
	return strings.TrimSuffix(e.Error(), `: ""`)
}

// testCase is one object of testdata/cases.yaml.
type testCase struct {
	Name   string         `json:"name"`
	Old    map[string]any `json:"old"`
	Spec   map[string]any `json:"spec"`
	Status map[string]any `json:"status"`
	Errors []string       `json:"errors"`
}

func readCases(t *testing.T) []testCase {
	t.Helper()
	data, err := os.ReadFile("testdata/cases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var cases []testCase
	if err := yaml.UnmarshalStrict(data, &cases, yaml.DisallowUnknownFields); err != nil {
		t.Fatal(err)
	}
	return cases
}

func object(t *testing.T, spec, status map[string]any) map[string]any {
	t.Helper()
	if target, ok := spec["targetRef"]; !ok {
		spec["targetRef"] = map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
	} else if target == nil {
		delete(spec, "targetRef")
	}
	o := map[string]any{
		"apiVersion": "rightsize.dev/v1alpha1", "kind": "RightSize",
		"metadata": map[string]any{"name": "web", "namespace": "shop"}, "spec": spec,
	}
	if status != nil {
		o["status"] = status
	}
	return wire(t, o)
}

// wire gives numbers the types that the API server decodes them into.
func wire(t *testing.T, o map[string]any) map[string]any {
	t.Helper()
	raw, err := yaml.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := yaml.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	return integers(back).(map[string]any) //nolint:forcetypeassert // It was one.
}

func integers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = integers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = integers(v[i])
		}
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return v
}

// The API server takes the definition: its schema is structural and its rules
// compile within their budget.
func TestDefinitionIsAccepted(t *testing.T) {
	t.Parallel()
	for _, err := range crdvalidation.ValidateCustomResourceDefinition(t.Context(), readCRD(t)) {
		t.Error(err)
	}
}

func TestCases(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, tc := range readCases(t) {
		t.Run(tc.Name, func(t *testing.T) {
			t.Parallel()
			var old map[string]any
			if tc.Old != nil {
				old = object(t, tc.Old, nil)
			}
			o := object(t, tc.Spec, tc.Status)
			got := s.validate(t.Context(), o, old)
			slices.Sort(tc.Errors)
			if diff := cmp.Diff(tc.Errors, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(tc.Errors) == 0 {
				roundTrips(t, o)
			}
		})
	}
}

// roundTrips checks that the Go types hold everything of a valid object.
func roundTrips(t *testing.T, o map[string]any) {
	t.Helper()
	raw, err := yaml.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var typed v1alpha1.RightSize
	if err := yaml.UnmarshalStrict(raw, &typed, yaml.DisallowUnknownFields); err != nil {
		t.Fatal(err)
	}
	typed.DeepCopy().DeepCopyInto(&typed)
	back, err := yaml.Marshal(typed)
	if err != nil {
		t.Fatal(err)
	}
	// Amounts are read as numbers or in any form, and written in the shortest.
	raw, back = canonical(raw), canonical(back)
	if !bytes.Equal(raw, back) {
		t.Errorf("through the Go types (-before +after):\n%s", cmp.Diff(string(raw), string(back)))
	}
}

// canonical writes every amount of a document in its shortest form.
func canonical(document []byte) []byte {
	amounts := regexp.MustCompile(`(?m)("?)(-?\d+(\.\d+)?m?)"?$`)
	return amounts.ReplaceAllFunc(document, func(b []byte) []byte {
		q, err := resource.ParseQuantity(strings.Trim(string(b), `"`))
		if err != nil {
			return b
		}
		return []byte(q.String())
	})
}

// Every rule of the definition is broken by a case, so that its message was
// seen and found to be readable.
func TestEveryRuleIsTried(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	for _, tc := range readCases(t) {
		for _, e := range tc.Errors {
			said.WriteString(e + "\n")
		}
	}
	rules := 0
	walk(newServer(t).schema, "", func(path string, s *apiextensions.JSONSchemaProps) {
		for _, r := range s.XValidations {
			rules++
			if r.Message == "" {
				t.Errorf("%s: the rule %s has no message", path, r.Rule)
			} else if !strings.Contains(said.String(), r.Message+"\n") {
				t.Errorf("%s: no case is refused with: %s", path, r.Message)
			}
		}
	})
	if rules < 40 {
		t.Errorf("found %d rules, want at least 40", rules)
	}
	t.Logf("%d rules", rules)
}

func walk(s *apiextensions.JSONSchemaProps, path string, visit func(string, *apiextensions.JSONSchemaProps)) {
	visit(path, s)
	for name, p := range s.Properties {
		walk(&p, path+"."+name, visit)
	}
	if s.Items != nil && s.Items.Schema != nil {
		walk(s.Items.Schema, path+"[]", visit)
	}
}

// What the schema fills in, and nothing more: the rest is left to the
// cluster-wide settings.
func TestDefaults(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	o := object(t, map[string]any{
		"horizontal": map[string]any{}, "vertical": map[string]any{},
		"demand": map[string]any{"signals": []any{map[string]any{"name": "a", "type": "PromQL", "promQL": map[string]any{"query": "up"}}}},
	}, nil)
	if got := s.validate(t.Context(), o, nil); len(got) > 0 {
		t.Fatal(got)
	}
	want := map[string]any{
		"targetRef":  map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
		"mode":       "DryRun",
		"horizontal": map[string]any{"mode": "Auto"}, "vertical": map[string]any{"mode": "Auto"},
		"demand": map[string]any{"signals": []any{map[string]any{"name": "a", "type": "PromQL", "promQL": map[string]any{"query": "up", "role": "Demand"}}}},
	}
	if diff := cmp.Diff(want, o["spec"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
