package scenario

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// object reads the fields of one mapping of a file, each by its name and kind.
// The first problem is kept in *err, with the path of the field; what is read
// after it is a zero value.
type object struct {
	path   string // Empty for the root.
	fields map[string]any
	known  map[string]bool
	err    *error
}

// newObject starts at the root of a decoded document.
func newObject(fields map[string]any) *object {
	return &object{fields: fields, known: map[string]bool{}, err: new(error)}
}

func (o *object) join(name string) string {
	switch {
	case o.path == "":
		return name
	case name == "":
		return o.path
	default:
		return o.path + "." + name
	}
}

// fail keeps the first problem.
func (o *object) fail(name, format string, args ...any) {
	if *o.err == nil {
		*o.err = &simulator.FieldError{Path: o.join(name), Problem: fmt.Sprintf(format, args...)}
	}
}

// value returns a field, nil where it is absent or null.
func (o *object) value(name string) any {
	o.known[name] = true
	return o.fields[name]
}

func (o *object) has(name string) bool { return o.value(name) != nil }

// objects returns a list of mappings, empty where it is absent.
func (o *object) objects(name string) []*object {
	list, ok := o.value(name).([]any)
	if !ok && o.has(name) {
		o.fail(name, "must be a list, got %s", shown(o.fields[name]))
	}
	var out []*object
	for i, v := range list {
		item := fmt.Sprintf("%s[%d]", name, i)
		fields, ok := v.(map[string]any)
		if !ok {
			o.fail(item, "must be a mapping, got %s", shown(v))
		}
		out = append(out, &object{path: o.join(item), fields: fields, known: map[string]bool{}, err: o.err})
	}
	return out
}

// object returns a mapping, empty where it is absent.
func (o *object) object(name string) *object {
	child := &object{path: o.join(name), known: map[string]bool{}, err: o.err}
	switch v := o.value(name).(type) {
	case nil:
	case map[string]any:
		child.fields = v
	default:
		o.fail(name, "must be a mapping, got %s", shown(v))
	}
	return child
}

// required fails where a field is absent.
func (o *object) required(names ...string) {
	for _, name := range names {
		if !o.has(name) {
			o.fail(name, "is required")
		}
	}
}

func (o *object) text(name string) string {
	switch v := o.value(name).(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		o.fail(name, "must be a string, got %s", shown(v))
		return ""
	}
}

func (o *object) flag(name string) bool {
	switch v := o.value(name).(type) {
	case nil:
		return false
	case bool:
		return v
	default:
		o.fail(name, "must be true or false, got %s", shown(v))
		return false
	}
}

func (o *object) number(name string, def float64) float64 {
	switch v := o.value(name).(type) {
	case nil:
		return def
	case json.Number:
		f, err := v.Float64()
		if err == nil && !math.IsInf(f, 0) {
			return f
		}
	}
	o.fail(name, "must be a number, got %s", shown(o.fields[name]))
	return def
}

func (o *object) integer(name string, def int) int {
	switch v := o.value(name).(type) {
	case nil:
		return def
	case json.Number:
		f, err := v.Float64()
		if err == nil && f == math.Trunc(f) && math.Abs(f) <= 1e15 {
			return int(f)
		}
	}
	o.fail(name, "must be a whole number, got %s", shown(o.fields[name]))
	return def
}

func (o *object) duration(name string, def time.Duration) time.Duration {
	v := o.value(name)
	if v == nil {
		return def
	}
	s, ok := v.(string)
	d, err := time.ParseDuration(s)
	if !ok || err != nil {
		o.fail(name, "must be a duration such as 15s or 168h, got %s", shown(v))
		return def
	}
	return d
}

// quantity reads an amount in the notation of Kubernetes.
func (o *object) quantity(name string) (resource.Quantity, bool) {
	v := o.value(name)
	var s string
	switch v := v.(type) {
	case nil:
		return resource.Quantity{}, false
	case string:
		s = v
	case json.Number:
		s = v.String()
	}
	q, err := resource.ParseQuantity(s)
	if err != nil || q.Sign() < 0 {
		o.fail(name, "must be an amount such as 500m, 2 or 512Mi, got %s", shown(v))
		return resource.Quantity{}, false
	}
	return q, true
}

// largest is beyond any machine; amounts above it are refused, so that sums do
// not overflow.
const largest = 1 << 53

func (o *object) cpu(name string, def recommender.MilliCPU) recommender.MilliCPU {
	q, ok := o.quantity(name)
	if !ok {
		return def
	}
	if q.CmpInt64(largest/1000) > 0 {
		o.fail(name, "%s cores are more than any machine has", q.String())
		return def
	}
	return recommender.MilliCPU(q.MilliValue())
}

func (o *object) memory(name string, def recommender.Bytes) recommender.Bytes {
	q, ok := o.quantity(name)
	if !ok {
		return def
	}
	if q.CmpInt64(largest) > 0 {
		o.fail(name, "%s is more than any machine has", q.String())
		return def
	}
	return recommender.Bytes(q.Value())
}

// resources reads a mapping of cpu and memory.
func (o *object) resources(name string, def recommender.Resources) recommender.Resources {
	r := o.object(name)
	defer r.done()
	return recommender.Resources{CPU: r.cpu("cpu", def.CPU), Memory: r.memory("memory", def.Memory)}
}

// texts reads a mapping of strings; numbers count as they are written.
func (o *object) texts(name string) map[string]string {
	out := map[string]string{}
	child := o.object(name)
	for key, v := range child.fields {
		switch v := v.(type) {
		case string:
			out[key] = v
		case json.Number:
			out[key] = v.String()
		default:
			child.fail(key, "must be a string, got %s", shown(v))
		}
	}
	return out
}

// done fails on fields that nobody asked for.
func (o *object) done() {
	for _, name := range slices.Sorted(maps.Keys(o.fields)) {
		if !o.known[name] {
			o.fail(name, "unknown field (known: %s)", strings.Join(slices.Sorted(maps.Keys(o.known)), ", "))
		}
	}
}

// shown is a value for an error message.
func shown(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%v", v)
	}
	const longest = 60
	if r := []rune(string(text)); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return string(text)
}
