package controller

import (
	"errors"
	"testing"
	"time"
)

// An outage of Prometheus is told of before the round that would find it, once and
// not for a query that failed once; and that it is over, at once.
func TestOutage(t *testing.T) {
	t.Parallel()
	failed := errors.New("refused")
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	var o outage
	for i, step := range []struct {
		after          int // Seconds.
		pulse, reading error
		due            bool
	}{
		{0, nil, nil, false},
		{15, failed, nil, false},
		{20, nil, nil, false}, // Once.
		{35, failed, nil, false},
		{50, failed, nil, true},
		{65, failed, failed, false},
		{80, failed, failed, false},
		{95, nil, failed, true},
		{110, nil, nil, false},
		{125, failed, nil, false},
		{140, failed, nil, true}, // Again.
	} {
		if due := o.pulsed(at.Add(time.Duration(step.after)*time.Second), step.pulse, step.reading); due != step.due {
			t.Errorf("step %d: %v, want %v", i, due, step.due)
		}
	}
}
