package snapshot

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/recommender"
)

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC()
}

// spansOf writes spans as they are read.
func spansOf(windows []recommender.Window) []string {
	var out []string
	for _, w := range windows {
		out = append(out, w.Start.Format(time.RFC3339)+" "+w.End.Format(time.RFC3339))
	}
	return out
}

func TestCalendarWindows(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		zone, cron, now string
		seconds         string
		want            []string
	}{
		// 2026-11-26 is a Thursday.
		"the next Sunday": {
			cron: "0 2 * * SUN", seconds: "14400", now: "2026-11-26T12:00:00Z",
			want: []string{"2026-11-29T02:00:00Z 2026-11-29T06:00:00Z"},
		},
		"open now, and the next": {
			cron: "0 2 * * SUN", seconds: "14400", now: "2026-11-29T03:00:00Z",
			want: []string{"2026-11-29T02:00:00Z 2026-11-29T06:00:00Z", "2026-12-06T02:00:00Z 2026-12-06T06:00:00Z"},
		},
		"closed at its end": {
			cron: "0 2 1 * *", seconds: "3600", now: "2026-11-01T03:00:00Z",
			want: []string{"2026-12-01T02:00:00Z 2026-12-01T03:00:00Z"},
		},
		"the next is beyond eight days": {
			cron: "0 0 1 1 *", seconds: "86400", now: "2026-03-01T00:00:00Z",
			want: []string{"2027-01-01T00:00:00Z 2027-01-02T00:00:00Z"},
		},
		// Berlin goes from UTC+2 to UTC+1 on 2026-10-25 at 01:00 UTC.
		"clocks go back": {
			zone: "Europe/Berlin", cron: "0 8 * * SAT,SUN", seconds: "3600", now: "2026-10-24T00:00:00Z",
			want: []string{
				"2026-10-24T06:00:00Z 2026-10-24T07:00:00Z", "2026-10-25T07:00:00Z 2026-10-25T08:00:00Z", "2026-10-31T07:00:00Z 2026-10-31T08:00:00Z",
			},
		},
		"spans that touch are one": {
			cron: "0 0-3 26 11 *", seconds: "3600", now: "2026-11-25T12:00:00Z",
			want: []string{"2026-11-26T00:00:00Z 2026-11-26T04:00:00Z"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := "spec: {schedule: {timeZone: '" + tc.zone + "', windows: [{name: w, type: Freeze, cron: '" + tc.cron + "', durationSeconds: " + tc.seconds + "}]}}"
			windows, _, err := Calendar(specOf(t, text).Schedule, instant(t, tc.now))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, spansOf(windows)); diff != "" {
				t.Errorf("windows (-want +got):\n%s", diff)
			}
			if w := windows[0]; w.Name != "w" || w.Type != recommender.WindowFreeze {
				t.Errorf("window %+v", w)
			}
		})
	}
}

func TestCalendarFloors(t *testing.T) {
	t.Parallel()
	s := specOf(t, `
spec:
  schedule:
    floors:
    - {name: sale, cron: "0 8 * * MON", durationSeconds: 3600, minReplicas: 12, containers: [{name: app, cpu: 500m, memory: 1Gi}]}
`).Schedule
	_, floors, err := Calendar(s, instant(t, "2026-11-26T12:00:00Z"))
	if err != nil {
		t.Fatal(err)
	}
	want := []recommender.ScheduledFloor{{
		Name: "sale", From: instant(t, "2026-11-30T08:00:00Z"), To: instant(t, "2026-11-30T09:00:00Z"), MinReplicas: 12,
		Containers: []recommender.ContainerFloor{{Name: "app", Min: recommender.Resources{CPU: 500, Memory: recommender.GiB}}},
	}}
	if diff := cmp.Diff(want, floors); diff != "" {
		t.Errorf("floors (-want +got):\n%s", diff)
	}
}

// A schedule for every minute is open now and costs a bounded number of steps,
// however long each opening is.
func TestCalendarEveryMinute(t *testing.T) {
	t.Parallel()
	now := instant(t, "2026-11-26T12:00:30Z")
	for _, seconds := range []string{"60", "2678400"} {
		text := "spec: {schedule: {windows: [{name: w, type: Maintenance, cron: '* * * * *', durationSeconds: " + seconds + "}]}}"
		windows, _, err := Calendar(specOf(t, text).Schedule, now)
		if err != nil {
			t.Fatal(err)
		}
		if len(windows) != 1 || windows[0].Start.After(now) || windows[0].End.Sub(now) < 8*time.Hour {
			t.Errorf("windows of %s s: %v", seconds, spansOf(windows))
		}
	}
	text := "spec: {schedule: {windows: [{name: w, type: Maintenance, cron: '*/2 * * * *', durationSeconds: 60}]}}"
	windows, _, err := Calendar(specOf(t, text).Schedule, now)
	if err != nil || len(windows) != spansMost {
		t.Errorf("%d windows, error %v, want %d", len(windows), err, spansMost)
	}
}

func TestCalendarErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"zone":      {"{timeZone: Mars/Olympus}", `spec.schedule.timeZone: is not in the tz database, got "Mars/Olympus"`},
		"local":     {"{timeZone: Local}", `spec.schedule.timeZone: is not in the tz database, got "Local"`},
		"cron":      {"{windows: [{name: w, cron: '61 * * * *', durationSeconds: 60}]}", `spec.schedule.windows[w].cron: is not five fields of cron, got "61 * * * *"`},
		"own zone":  {"{windows: [{name: w, cron: 'TZ=UTC 1 * * * *', durationSeconds: 60}]}", `spec.schedule.windows[w].cron: is not five fields, got "TZ=UTC 1 * * * *"`},
		"never":     {"{floors: [{name: f, cron: '0 0 30 2 *', durationSeconds: 60}]}", `spec.schedule.floors[f].cron: names no day within five years, got "0 0 30 2 *"`},
		"no length": {"{floors: [{name: f, cron: '0 0 1 2 *'}]}", "spec.schedule.floors[f].durationSeconds: must be more than 0, got 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := Calendar(specOf(t, "spec: {schedule: "+tc.text+"}").Schedule, instant(t, "2026-11-26T12:00:00Z"))
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("error %v, want %s", err, tc.want)
			}
		})
	}
}
