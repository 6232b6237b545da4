package snapshot

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	// calendarAhead is how far ahead the calendar is laid out: a week and a day,
	// beyond which no size is chosen.
	calendarAhead = 8 * 24 * time.Hour
	// openingsMost bounds the openings of one schedule that are looked at, so that
	// one for every minute costs no more than others.
	openingsMost = 512
	// spansMost bounds the spans of one schedule that are kept, the next first.
	spansMost = 64
)

// Calendar lays out the windows and floors of a schedule from now on: what is
// open now, the next of each, and all within eight days, at most 64 spans of one
// schedule. Spans of one schedule that touch are one. Cron expressions are read
// in the schedule's time zone with its changes of the clocks. Errors name the
// path and the value of the field.
func Calendar(s v1alpha1.Schedule, now time.Time) ([]recommender.Window, []recommender.ScheduledFloor, error) {
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil || s.TimeZone == "Local" {
		return nil, nil, fmt.Errorf("spec.schedule.timeZone: is not in the tz database, got %q", s.TimeZone)
	}
	c := &conversion{}
	var windows []recommender.Window
	for _, w := range s.Windows {
		path := fmt.Sprintf("spec.schedule.windows[%s]", w.Name)
		for _, at := range c.spans(path, w.Cron, w.DurationSeconds, now.In(zone)) {
			windows = append(windows, recommender.Window{Name: w.Name, Type: recommender.WindowType(w.Type), Start: at.start, End: at.end})
		}
	}
	var floors []recommender.ScheduledFloor
	for _, f := range s.Floors {
		path := fmt.Sprintf("spec.schedule.floors[%s]", f.Name)
		var containers []recommender.ContainerFloor
		for _, from := range f.Containers {
			at := fmt.Sprintf("%s.containers[%s]", path, from.Name)
			containers = append(containers, recommender.ContainerFloor{
				Name: from.Name, Min: recommender.Resources{CPU: c.cores(at+".cpu", from.CPU), Memory: c.bytes(at+".memory", from.Memory)},
			})
		}
		for _, at := range c.spans(path, f.Cron, f.DurationSeconds, now.In(zone)) {
			floors = append(floors, recommender.ScheduledFloor{
				Name: f.Name, From: at.start, To: at.end, MinReplicas: int(f.MinReplicas), Containers: containers,
			})
		}
	}
	if err := errors.Join(c.errs...); err != nil {
		return nil, nil, err
	}
	return windows, floors, nil
}

// span is from start on and before end, in UTC.
type span struct{ start, end time.Time }

// spans are when a cron expression holds, in the time zone of now.
func (c *conversion) spans(path, expression string, durationSeconds int32, now time.Time) []span {
	length := time.Duration(durationSeconds) * time.Second
	if length <= 0 {
		c.add(path+".durationSeconds", "must be more than 0, got %d", durationSeconds)
		return nil
	}
	// The parser knows five fields, but would let the expression set its zone.
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	if strings.Contains(expression, "=") {
		c.add(path+".cron", "is not five fields, got %q", expression)
		return nil
	}
	schedule, err := parser.Parse(expression)
	if err != nil {
		c.add(path+".cron", "is not five fields of cron, got %q: %v", expression, err)
		return nil
	}
	var out []span
	at, open := opened(schedule, now, length)
	if !open {
		at = schedule.Next(now)
	}
	for n := 0; !at.IsZero() && n < openingsMost; n++ {
		last := len(out) - 1
		switch {
		case last >= 0 && !at.After(out[last].end):
			out[last].end = at.Add(length).UTC()
		case len(out) == spansMost || len(out) > 0 && out[last].start.After(now) && at.Sub(now) > calendarAhead:
			return out
		default:
			out = append(out, span{at.UTC(), at.Add(length).UTC()})
		}
		at = schedule.Next(at)
	}
	if len(out) == 0 {
		c.add(path+".cron", "names no day within five years, got %q", expression)
	}
	return out
}

// opened is the latest opening that is not over at now. It looks back twice as
// far each time, so that a schedule for every minute takes few steps, too.
func opened(schedule cron.Schedule, now time.Time, length time.Duration) (time.Time, bool) {
	for back := time.Minute; ; back *= 2 {
		back = min(back, length)
		at := schedule.Next(now.Add(-back))
		if at.IsZero() {
			return at, false
		}
		if !at.After(now) {
			for next := schedule.Next(at); !next.IsZero() && !next.After(now); next = schedule.Next(at) {
				at = next
			}
			return at, true
		}
		if back == length {
			return time.Time{}, false
		}
	}
}
