package scenario

import (
	"strings"
	"testing"
	"time"
)

func TestParseEvents(t *testing.T) {
	t.Parallel()
	events, err := ParseEvents([]byte(`
- {name: sale, start: 2026-11-27T08:00:00Z, end: "2026-11-27T10:00:00+01:00", factor: 3}
- {start: 2026-12-01T00:00:00Z, end: 2026-12-02T00:00:00Z, override: 0}
`))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	if e := events[0]; e.Name != "sale" || !e.Start.Equal(start) || !e.End.Equal(start.Add(time.Hour)) || e.Factor != 3 || e.Override != nil {
		t.Errorf("sale: %+v", e)
	}
	if e := events[1]; e.Name != "" || e.Factor != 0 || e.Override == nil || *e.Override != 0 {
		t.Errorf("override: %+v", e)
	}
	for text, want := range map[string]string{
		"":             "must be a list of events, got null",
		"name: sale":   "must be a list of events",
		"- 3":          "[0]: must be a mapping, got 3",
		"- {start: a}": "[0].end: is required",
		"- {end: a, start: 2026-11-27T08:00:00Z, factor: 3}":                                    `[0].end: must be a time such as 2026-11-27T08:00:00Z, got "a"`,
		"- {start: 2026-11-27T08:00:00Z, end: 2026-11-28T08:00:00Z, factor: lots}":              `[0].factor: must be a number, got "lots"`,
		"- {start: 2026-11-27T08:00:00Z, end: 2026-11-28T08:00:00Z, factor: 3, from: 1}":        "[0].from: unknown field (known: end, factor, name, override, start)",
		"- {start: 2026-11-27T08:00:00Z, start: 2026-11-28T08:00:00Z}":                          "not valid YAML",
		"- {start: 1764230400, end: 2026-11-28T08:00:00Z, factor: 3}":                           "[0].start: must be a time",
		"- {start: 2026-11-27T08:00:00Z, end: 2026-11-28T08:00:00Z, factor: 3, name: [launch]}": "[0].name: must be a string",
	} {
		if _, err := ParseEvents([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}
