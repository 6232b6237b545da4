package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// readRightSizes reads RightSizes from YAML files, and from the .yaml and .yml
// files of folders. Objects of other kinds are left out, as a folder of
// manifests has them; a file that is named and has no RightSize is an error, and
// so is a field that the kind does not have. Objects without a namespace get the
// one given.
func readRightSizes(names []string, namespace string) ([]*v1alpha1.RightSize, error) {
	var out []*v1alpha1.RightSize
	for _, name := range names {
		files := []string{name}
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			var more []string
			files, _ = filepath.Glob(filepath.Join(name, "*.yaml"))
			more, _ = filepath.Glob(filepath.Join(name, "*.yml"))
			files = append(files, more...)
			slices.Sort(files)
		}
		found := len(out)
		for _, file := range files {
			data, err := os.ReadFile(file) //nolint:gosec // The user names the file.
			if err != nil {
				return nil, usageErrorf("--rightsize: %w", err)
			}
			some, err := parseRightSizes(data)
			if err != nil {
				return nil, usageErrorf("--rightsize %s: %w", file, err)
			}
			out = append(out, some...)
		}
		if len(out) == found {
			return nil, usageErrorf("--rightsize %s: no object of kind RightSize and apiVersion %s", name, v1alpha1.GroupVersion)
		}
	}
	for _, rs := range out {
		if rs.Namespace == "" {
			rs.Namespace = namespace
		}
		if rs.Namespace == "" {
			return nil, usageErrorf("--rightsize: RightSize %s has no metadata.namespace: set it, or name one namespace with -n", rs.Name)
		}
	}
	return out, nil
}

// parseRightSizes reads the documents of one file.
func parseRightSizes(data []byte) ([]*v1alpha1.RightSize, error) {
	var out []*v1alpha1.RightSize
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for i := 1; ; i++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i, err)
		}
		rs, err := parseRightSize(document)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i, err)
		}
		if rs != nil {
			out = append(out, rs)
		}
	}
}

// parseRightSize is nil for an object of another kind.
func parseRightSize(document []byte) (*v1alpha1.RightSize, error) {
	raw, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, fmt.Errorf("not valid YAML: %w", err)
	}
	rs := &v1alpha1.RightSize{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &rs.TypeMeta); err != nil || rs.Kind != "RightSize" || rs.APIVersion != v1alpha1.GroupVersion.String() {
		return nil, nil //nolint:nilerr,nilnil // It is something else.
	}
	strict, err := kjson.UnmarshalStrict(raw, rs)
	if err := errors.Join(append(strict, err)...); err != nil {
		return nil, err
	}
	if rs.Name == "" || rs.Spec.TargetRef.Kind == "" || rs.Spec.TargetRef.Name == "" {
		return nil, errors.New("metadata.name, spec.targetRef.kind and spec.targetRef.name are needed")
	}
	setDefaults(&rs.Spec)
	return rs, nil
}

// setDefaults sets what the API server sets in an object that is created.
func setDefaults(s *v1alpha1.RightSizeSpec) {
	if s.Mode == "" {
		s.Mode = v1alpha1.ModeDryRun
	}
	if s.Horizontal.Mode == "" && (s.Horizontal.MinReplicas != nil || s.Horizontal.MaxReplicas > 0) {
		s.Horizontal.Mode = v1alpha1.SizingAuto
	}
	if s.Vertical.Mode == "" && len(s.Vertical.Containers) > 0 {
		s.Vertical.Mode = v1alpha1.SizingAuto
	}
	for i := range s.Demand.Signals {
		if p := &s.Demand.Signals[i].PromQL; p.Query != "" && p.Role == "" {
			p.Role = v1alpha1.RoleDemand
		}
	}
}

// with lays objects over those of the cluster: one of the same name replaces
// it, as applying it would.
func (r rightsizes) with(objects []*v1alpha1.RightSize) rightsizes {
	out := rightsizes{}
	for key, all := range r {
		out[key] = slices.DeleteFunc(slices.Clone(all), func(old *v1alpha1.RightSize) bool {
			return slices.ContainsFunc(objects, func(o *v1alpha1.RightSize) bool { return o.Namespace == old.Namespace && o.Name == old.Name })
		})
	}
	for _, o := range objects {
		key := targetKey{o.Namespace, o.Spec.TargetRef.Kind, o.Spec.TargetRef.Name}
		out[key] = slices.Insert(out[key], 0, o)
	}
	return out
}
