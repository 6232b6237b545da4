package scores

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Names that would overlap are one, and others stay where their points are.
func TestLabels(t *testing.T) {
	t.Parallel()
	same := func(v float64) float64 { return v }
	var got []string
	for _, l := range labels([]point{
		{x: 130, y: 100, label: "hpa"}, {x: 100, y: 104, label: "hpa+vpa"}, {x: 60, y: 200, label: "rightsize"}, {x: 130, y: 150, label: "oracle"},
	}, same, same) {
		got = append(got, l.text)
	}
	if diff := cmp.Diff([]string{"hpa, hpa+vpa", "rightsize", "oracle"}, got); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}
