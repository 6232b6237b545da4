package scenario

import (
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// LoadEvents reads a file of known events: a YAML list of
// {name?, start, end, factor|override}.
func LoadEvents(path string) ([]forecaster.Event, error) {
	return loadList(path, "events", readEvent)
}

// ParseEvents reads known events. Errors name the place of the field. Whether
// the numbers make sense is up to the forecaster.
func ParseEvents(text []byte) ([]forecaster.Event, error) {
	return parseList(text, "events", readEvent)
}

func readEvent(o *object) (forecaster.Event, error) {
	o.required("start", "end")
	e := forecaster.Event{Name: o.text("name"), Start: o.instant("start"), End: o.instant("end"), Factor: o.number("factor", 0)}
	if o.has("override") {
		level := o.number("override", 0)
		e.Override = &level
	}
	o.done()
	return e, *o.err
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
