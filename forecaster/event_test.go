package forecaster_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// during is an event from one span after the end of the series to another.
func during(s forecaster.Series, from, to time.Duration, factor float64) forecaster.Event {
	return forecaster.Event{Name: "sale", Start: s.End().Add(from), End: s.End().Add(to), Factor: factor}
}

func predictWith(t *testing.T, s forecaster.Series, o forecaster.Options) forecaster.Forecast {
	t.Helper()
	f, err := forecaster.Predict(s, o)
	if err != nil {
		t.Fatal(err)
	}
	checkInvariants(t, s, f)
	return f
}

func TestEventErrors(t *testing.T) {
	t.Parallel()
	at := monday()
	good := forecaster.Event{Name: "sale", Start: at, End: at.Add(time.Hour), Factor: 2}
	level := forecaster.Event{Name: "launch", Start: at, End: at.Add(time.Hour), Override: new(5.0)}
	with := func(e forecaster.Event, change func(*forecaster.Event)) []forecaster.Event {
		change(&e)
		return []forecaster.Event{good, e}
	}
	cases := map[string]struct {
		events []forecaster.Event
		want   string
	}{
		"no start":          {with(good, func(e *forecaster.Event) { e.Start = time.Time{} }), `event "sale": start: is missing`},
		"ends at its start": {with(good, func(e *forecaster.Event) { e.End = at }), `event "sale": end: 2026-03-02T00:00:00Z is not after`},
		"no name":           {with(good, func(e *forecaster.Event) { e.Name, e.Factor = "", -1 }), "event number 2: factor: -1 is not between"},
		"neither":           {with(good, func(e *forecaster.Event) { e.Factor = 0 }), `event "sale": factor: an event needs a factor or an override`},
		"both":              {with(level, func(e *forecaster.Event) { e.Factor = 1 }), `event "launch": override: an event has a factor or an override, not both`},
		"NaN factor":        {with(good, func(e *forecaster.Event) { e.Factor = math.NaN() }), `event "sale": factor: NaN`},
		"infinite level":    {with(level, func(e *forecaster.Event) { e.Override = new(math.Inf(1)) }), `event "launch": override: +Inf`},
		"two levels": {
			[]forecaster.Event{level, {Name: "b", Start: at.Add(time.Minute), End: at.Add(2 * time.Hour), Override: new(1.0)}},
			`event "b": override: overlaps that of event "launch"`,
		},
		"product": {with(good, func(e *forecaster.Event) { e.Factor = 1e6 }), ""},
		"product of three": {
			append(with(good, func(e *forecaster.Event) { e.Factor = 1e6 }), forecaster.Event{Start: at, End: at.Add(time.Hour), Factor: 1e6}),
			"events at 2026-03-02T00:00:00Z: the product of their factors is 2e+12",
		},
	}
	for name, tc := range cases {
		_, err := forecaster.Predict(flat(1, 1), forecaster.Options{Events: tc.events})
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: error %v, want %q", name, err, tc.want)
		}
	}
}

// A factor over the whole of every window scales the forecast: by a power of
// two exactly.
func TestEventScales(t *testing.T) {
	t.Parallel()
	s := demand(4032, 5*time.Minute)
	o := forecaster.Options{}
	want := predictWith(t, s, o)
	o.Events = []forecaster.Event{during(s, time.Minute, 48*time.Hour, 2), during(s, time.Second, 30*time.Hour, 2)}
	got := predictWith(t, s, o)
	for i := range want.Point {
		for j := range want.Point[i] {
			want.Point[i][j] *= 4
			want.Max[i][j] *= 4
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-four times +with two doublings):\n%s", diff)
	}
	for _, e := range []forecaster.Event{during(s, 25*time.Hour, 26*time.Hour, 9), during(s, time.Second, time.Minute, 9)} {
		o.Events = []forecaster.Event{e}
		if diff := cmp.Diff(predictWith(t, s, forecaster.Options{}), predictWith(t, s, o)); diff != "" {
			t.Errorf("an event between grid points or beyond the horizon changed the forecast:\n%s", diff)
		}
	}
}

// A sale in part of a day's window counts by what is usual at its time: at
// night (usually 60) a doubling stays below the peak of the day (140), at the
// peak it doubles that; half of it at the peak takes the peak away.
func TestEventInWindow(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 3))
	end := monday().Add(14 * 24 * time.Hour) // Midnight: the wave starts at its mean, highest at 6, lowest at 18.
	s := series(monday(), end, 5*time.Minute, func(at time.Time) float64 {
		return 100 + 40*math.Sin(2*math.Pi*at.Sub(monday()).Hours()/24) + 2*r.NormFloat64()
	})
	day := 24 * time.Hour
	for _, light := range []bool{false, true} {
		ask := func(events ...forecaster.Event) float64 {
			return predictWith(t, s, forecaster.Options{Light: light, Events: events}).MaxWithin(day, 0.95)
		}
		usual := ask()
		for name, tc := range map[string]struct {
			event     forecaster.Event
			low, high float64
		}{
			"double at night":  {during(s, 17*time.Hour, 19*time.Hour, 2), usual - 1, usual + 1},
			"triple at night":  {during(s, 17*time.Hour, 19*time.Hour, 3), 180, 225}, // Wide: a fortnight has few days.
			"double at peak":   {during(s, 5*time.Hour, 7*time.Hour, 2), 1.9 * usual, 2.05 * usual},
			"none at the peak": {during(s, 2*time.Hour, 10*time.Hour, 0.001), 110, 130},
			"a single step":    {during(s, 6*time.Hour, 6*time.Hour+time.Minute, 2), 1.85 * usual, 2.05 * usual},
			"launch": {forecaster.Event{
				Name: "launch", Start: s.End().Add(20 * time.Hour), End: s.End().Add(22 * time.Hour), Override: new(1000.0),
			}, 1000, 1150},
			"maintenance over the peak": {forecaster.Event{
				Name: "off", Start: s.End().Add(2 * time.Hour), End: s.End().Add(10 * time.Hour), Override: new(0.0),
			}, 110, 130},
		} {
			if light { // A week of history says less about a day's maximum.
				tc.low, tc.high = tc.low/1.2, tc.high*1.2
			}
			if got := ask(tc.event); got < tc.low || got > tc.high {
				t.Errorf("light %v, %s: 0.95 quantile of the day's maximum %.1f, want %.1f to %.1f (usually %.1f)", light, name, got, tc.low, tc.high, usual)
			}
		}
	}
}

// An override sets the median and keeps the relative spread.
func TestEventOverride(t *testing.T) {
	t.Parallel()
	s := demand(4032, 5*time.Minute)
	o := forecaster.Options{Horizons: []time.Duration{time.Hour}}
	usual := predictWith(t, s, o)
	e := during(s, time.Minute, 2*time.Hour, 0)
	e.Override = new(1000.0)
	o.Events = []forecaster.Event{e, during(s, time.Minute, 2*time.Hour, 7)} // The factor yields.
	got := predictWith(t, s, o)
	if m := got.At(time.Hour, 0.5); m != 1000 {
		t.Errorf("median %v, want 1000", m)
	}
	size := max(usual.At(time.Hour, 0.5), 89) // The mean of the demand lies near 89.
	want := 1000 * (1 + (usual.At(time.Hour, 0.95)-usual.At(time.Hour, 0.5))/size)
	if q := got.At(time.Hour, 0.95); math.Abs(q-want) > 20 {
		t.Errorf("0.95 quantile %v, want about %v", q, want)
	}
	e.Override = new(0.0)
	o.Events = []forecaster.Event{e}
	if q := predictWith(t, s, o).MaxWithin(time.Hour, 0.99); q != 0 {
		t.Errorf("0.99 quantile of the maximum while nothing is expected: %v", q)
	}
	// Idle series have no spread to speak of, but a level.
	if q := predictWith(t, flat(300, 0), forecaster.Options{Events: []forecaster.Event{
		{Start: monday(), End: monday().Add(1000 * time.Hour), Factor: 2},
		{Start: flat(300, 0).End().Add(time.Second), End: monday().Add(1000 * time.Hour), Override: new(7.0)},
	}}).At(time.Hour, 0.99); q != 7 {
		t.Errorf("0.99 quantile of an idle series at level 7: %v", q)
	}
}

// Past events are not learned as if they were usual: divided out, the forecast
// is that of the series without them; under an override they are gaps.
func TestPastEvents(t *testing.T) {
	t.Parallel()
	plain := demand(4032, 5*time.Minute)
	sold, launched := plain, plain
	sold.Values, launched.Values = append([]float64(nil), plain.Values...), append([]float64(nil), plain.Values...)
	gone := forecaster.Series{Start: plain.Start, Step: plain.Step, Values: append([]float64(nil), plain.Values...)}
	for i := 3900; i < 3960; i++ {
		sold.Values[i] *= 4
		launched.Values[i], gone.Values[i] = 5000, math.NaN()
	}
	e := forecaster.Event{Name: "past", Start: plain.Time(3900), End: plain.Time(3960), Factor: 4}
	got := predictWith(t, sold, forecaster.Options{Events: []forecaster.Event{e}})
	if diff := cmp.Diff(predictWith(t, plain, forecaster.Options{}), got); diff != "" {
		t.Errorf("after a sale (-without +with):\n%s", diff)
	}
	e.Factor, e.Override = 0, new(5000.0)
	got = predictWith(t, launched, forecaster.Options{Events: []forecaster.Event{e}})
	if diff := cmp.Diff(predictWith(t, gone, forecaster.Options{}), got); diff != "" {
		t.Errorf("after a launch (-gap +override):\n%s", diff)
	}
	// Whole numbers stay so, though the usual of 7 is 7/3; fractions too.
	replicas, cores := flat(400, 6), flat(20, 0.7)
	replicas.Values[399] = 7
	e = forecaster.Event{Start: replicas.Time(0), End: replicas.Time(400), Factor: 3}
	for _, row := range predictWith(t, replicas, forecaster.Options{Events: []forecaster.Event{e}}).Max {
		for _, v := range row {
			if v != math.Trunc(v) {
				t.Errorf("%v replicas", v)
			}
		}
	}
	if q := predictWith(t, cores, forecaster.Options{Events: []forecaster.Event{e}}).At(5*time.Minute, 0.5); math.Abs(q-0.7) > 0.01 {
		t.Errorf("median %v of a series of 0.7 cores, three times the usual, in the event", q)
	}
}

// eventsOf are a dozen events of all kinds in and after a series, some
// overlapping.
func eventsOf(s forecaster.Series, seed uint64) []forecaster.Event {
	r := rand.New(rand.NewPCG(seed, 8))
	span := s.End().Sub(s.Start)
	var out []forecaster.Event
	last := s.Start
	for range 12 {
		start := s.Start.Add(time.Duration(r.Float64() * 1.2 * float64(span)))
		e := forecaster.Event{Start: start, End: start.Add(time.Duration(r.ExpFloat64() * float64(2*time.Hour)))}
		if e.Factor = math.Exp(2 * r.NormFloat64()); e.Start.After(last) && r.IntN(2) == 0 {
			e.Factor, e.Override = 0, new(200*r.Float64())
			last = e.End
		}
		if e.End.After(e.Start) {
			out = append(out, e)
		}
	}
	return out
}

// A model that lives through events, before, in and after them, gives what one
// gives that is built from the history: see TestIncrementalIsRebuild.
func TestIncrementalWithEvents(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		step    time.Duration
		options forecaster.Options
	}{
		"full":         {5 * time.Minute, forecaster.Options{History: 2 * 24 * time.Hour}},
		"light":        {5 * time.Minute, forecaster.Options{History: 2 * 24 * time.Hour, Light: true}},
		"half an hour": {30 * time.Minute, forecaster.Options{History: 4 * 24 * time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := bumpy(3, int(5*24*time.Hour/tc.step), tc.step)
			o := tc.options
			o.Events = eventsOf(s, 1)
			live, err := forecaster.NewModel(forecaster.Series{Start: s.Start, Step: s.Step}, o)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range s.Values {
				live.Update(v)
				if i%67 != 0 {
					continue
				}
				want, wantErr := forecaster.Predict(forecaster.Series{Start: s.Start, Step: s.Step, Values: s.Values[:i+1]}, o)
				got, gotErr := live.Forecast()
				if (wantErr == nil) != (gotErr == nil) {
					t.Fatalf("after %d values: error %v, rebuilt %v", i+1, gotErr, wantErr)
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
					t.Fatalf("after %d values (-rebuilt +live):\n%s", i+1, diff)
				}
			}
		})
	}
}

// Whatever the events, quantiles are finite and in order.
func TestEventsKeepOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		s := bumpy(seed, 300+int(seed)*20, 10*time.Minute)
		if seed%4 == 3 {
			for i := range s.Values {
				s.Values[i] -= 90 // Negative as well.
			}
		}
		o := forecaster.Options{Light: seed%2 == 1, Events: eventsOf(s, seed)}
		o.Horizons = []time.Duration{10 * time.Minute, time.Hour, 7 * time.Hour, 24 * time.Hour}
		f, err := forecaster.Predict(s, o)
		if err != nil {
			t.Fatal(err)
		}
		checkInvariants(t, s, f)
	}
}
