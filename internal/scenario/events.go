package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// LoadEvents reads a file of known events: a YAML list of
// {name?, start, end, factor|override}.
func LoadEvents(path string) ([]forecaster.Event, error) {
	text, err := readLimited(path)
	if err != nil {
		return nil, err
	}
	events, err := ParseEvents(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return events, nil
}

// ParseEvents reads known events. Errors name the place of the field. Whether
// the numbers make sense is up to the forecaster.
func ParseEvents(text []byte) ([]forecaster.Event, error) {
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
		return nil, fmt.Errorf("must be a list of events, got %s", shown(document))
	}
	out := make([]forecaster.Event, 0, len(items))
	for i, item := range items {
		path := fmt.Sprintf("[%d]", i)
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, fieldErrorf(path, "must be a mapping, got %s", shown(item))
		}
		o := newObject(fields)
		o.path = path
		o.required("start", "end")
		e := forecaster.Event{Name: o.text("name"), Start: o.instant("start"), End: o.instant("end"), Factor: o.number("factor", 0)}
		if o.has("override") {
			level := o.number("override", 0)
			e.Override = &level
		}
		o.done()
		if *o.err != nil {
			return nil, *o.err
		}
		out = append(out, e)
	}
	return out, nil
}

// instant reads a time in RFC 3339.
func (o *object) instant(name string) time.Time {
	v := o.value(name)
	if v == nil {
		return time.Time{}
	}
	text, ok := v.(string)
	t, err := time.Parse(time.RFC3339, text)
	if !ok || err != nil {
		o.fail(name, "must be a time such as 2026-11-27T08:00:00Z, got %s", shown(v))
	}
	return t
}
