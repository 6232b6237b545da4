package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"
)

// loadList reads a file that holds a YAML list of mappings; what says what of,
// for errors, which name the file and the place.
func loadList[T any](path, what string, read func(*object) (T, error)) ([]T, error) {
	text, err := readLimited(path)
	if err != nil {
		return nil, err
	}
	out, err := parseList(text, what, read)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// parseList reads the elements one after the other, and stops at the first that
// is wrong. A list without any is an error.
func parseList[T any](text []byte, what string, read func(*object) (T, error)) ([]T, error) {
	data, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, fmt.Errorf("not valid YAML: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("not valid YAML: %w", err)
	}
	items, ok := document.([]any)
	if !ok || len(items) == 0 {
		return nil, fmt.Errorf("must be a list of %s, got %s", what, shown(document))
	}
	out := make([]T, 0, len(items))
	for i, item := range items {
		path := fmt.Sprintf("[%d]", i)
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, fieldErrorf(path, "must be a mapping, got %s", shown(item))
		}
		o := newObject(fields)
		o.path = path
		element, err := read(o)
		if err != nil {
			return nil, err
		}
		out = append(out, element)
	}
	return out, nil
}
