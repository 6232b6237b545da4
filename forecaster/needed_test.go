package forecaster_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// What is needed of a series begins at a midnight, a history back, and gives the
// same forecast as all of it.
func TestNeeded(t *testing.T) {
	t.Parallel()
	s := demand(20*288+100, 5*time.Minute)
	for name, days := range map[string]int{"full": 14, "light": 7} {
		o := modes[name]
		got := o.Needed(s)
		begin := s.End().UTC().Truncate(24 * time.Hour).Add(-time.Duration(days) * 24 * time.Hour)
		if late := got.Start.Sub(begin); late < 0 || late >= s.Step || !got.End().Equal(s.End()) {
			t.Errorf("%s: from %s to %s, want from %s to %s", name, got.Start, got.End(), begin, s.End())
		}
		a, errA := forecaster.Predict(s, o)
		b, errB := forecaster.Predict(got, o)
		if errA != nil || errB != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %v (%v) from all, %v (%v) from what is needed", name, a, errA, b, errB)
		}
	}
	short := s.Tail(time.Hour)
	if got := (forecaster.Options{}).Needed(short); len(got.Values) != len(short.Values) {
		t.Errorf("of an hour %d of %d values are needed", len(got.Values), len(short.Values))
	}
	if got := (forecaster.Options{}).Needed(forecaster.Series{}); got.Values != nil {
		t.Errorf("of nothing %v is needed", got)
	}
}
