// Package scores writes the results of simulations: tables, JSON, pages and
// test reports, and checks them against budgets.
package scores

import (
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/rightsize-dev/rightsize/simulator"
)

// metrics lists the names of a score's fields in their order.
func metrics() []string {
	t := reflect.TypeFor[simulator.Score]()
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("json")
	}
	return names
}

// IsMetric says whether a score has a field of that name.
func IsMetric(name string) bool { return slices.Contains(metrics(), name) }

// MetricNames lists the names of all fields.
func MetricNames() string { return strings.Join(metrics(), ", ") }

// value is a field of a score; the boolean is false where it is null.
func value(s simulator.Score, metric string) (float64, bool) {
	i := slices.Index(metrics(), metric)
	if i < 0 {
		return 0, false
	}
	v := reflect.ValueOf(s).Field(i)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return 0, false
		}
		v = v.Elem()
	}
	switch {
	case v.CanFloat():
		return v.Float(), true
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	default:
		return 0, false
	}
}

// JSON writes one document a line.
func JSON(w io.Writer, lists []simulator.ScoreList) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, l := range lists {
		if err := encoder.Encode(l); err != nil {
			return err
		}
	}
	return nil
}
