package snapshot

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/recommender"
)

// fullState has every list as long as a decision lets it become: 64 changes of
// scale, 16 turns, 8 refusals, a wish for each 30 s of an hour, and an owner's
// size of 10 containers.
func fullState(at time.Time) recommender.State {
	s := recommender.State{
		LastChange: at, Correction: 1.0625, CorrectedAt: at.Add(time.Minute), Unspent: -0.125, SurprisedAt: at.Add(-time.Hour),
		Owner: &recommender.OwnerSize{Replicas: 100},
	}
	for i := range 10 {
		s.Owner.Sizes = append(s.Owner.Sizes, recommender.Resources{CPU: recommender.MilliCPU(1500 + i), Memory: 3*recommender.GiB + recommender.Bytes(i)})
	}
	for i := range 120 {
		s.Wishes = append(s.Wishes, recommender.Wish{At: at.Add(time.Duration(i) * 30 * time.Second), Replicas: 100000 - i})
	}
	for i := range 64 {
		s.Scales = append(s.Scales, recommender.Scale{At: at.Add(time.Duration(i) * time.Minute), From: 1000 + i, To: 1000 - i})
	}
	for i := range 16 {
		s.Turns = append(s.Turns, recommender.Turn{At: at.Add(time.Duration(i) * time.Hour), Up: i%2 == 0})
	}
	for i := range 8 {
		s.Refused = append(s.Refused, recommender.Refusal{
			At:    at.Add(time.Duration(i) * time.Hour),
			Asked: recommender.Resources{CPU: 64000, Memory: 512*recommender.GiB + 1}, InForce: recommender.Resources{CPU: 32000, Memory: 256*recommender.GiB + 1},
		})
	}
	return s
}

// typicalState is one of a workload that scales: its lists hold what one day
// brings.
func typicalState(at time.Time) recommender.State {
	s := fullState(at)
	s.Wishes, s.Scales, s.Refused = s.Wishes[:10], s.Scales[:24], s.Refused[:1]
	return s
}

func TestStateRoundTrip(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-11-26T12:00:00Z")
	fields := reflect.ValueOf(fullState(at))
	for i := range fields.NumField() {
		if name := fields.Type().Field(i).Name; fields.Field(i).IsZero() && name != "Groups" {
			t.Errorf("fullState has no %s, so that nothing here sees whether it is kept", name)
		}
	}
	grouped := recommender.State{Groups: []recommender.GroupState{
		{Name: "m7i.8xlarge", State: recommender.State{LastChange: at, Turns: []recommender.Turn{{At: at, Up: true}}}}, {Name: "", State: recommender.State{}},
	}}
	for name, s := range map[string]recommender.State{
		"empty":         {},
		"one change":    {LastChange: at},
		"a correction":  {Correction: 0.9, CorrectedAt: at},
		"zero instants": {Wishes: []recommender.Wish{{Replicas: 3}}, Scales: []recommender.Scale{{At: at, From: -1, To: math.MaxInt}, {}}},
		"no containers": {Owner: &recommender.OwnerSize{}},
		"groups":        grouped,
		"typical":       typicalState(at),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := EncodeState(s)
			t.Logf("%d characters", len(text))
			got, err := DecodeState(text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(s, got); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
			if len(text) > stateMost {
				t.Errorf("%d characters, want at most %d", len(text), stateMost)
			}
		})
	}
	if text := EncodeState(recommender.State{}); text != "" {
		t.Errorf("the empty state is %q, which the API refuses", text)
	}
}

// Instants lose what is below a second, and their zone.
func TestStateSeconds(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-11-26T12:00:00Z")
	got, err := DecodeState(EncodeState(recommender.State{LastChange: at.Add(900 * time.Millisecond).In(time.FixedZone("", 3600))}))
	if err != nil || got.LastChange != at {
		t.Errorf("%v, error %v, want %v", got.LastChange, err, at)
	}
}

// What does not fit is left out from the least important on.
func TestStateShortened(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-11-26T12:00:00Z")
	full := fullState(at)
	full.Wishes, full.Refused = full.Wishes[:10], full.Refused[:2]
	full.Groups = []recommender.GroupState{{Name: "a", State: typicalState(at)}}
	before := cmp.Diff(full, recommender.State{})
	text := EncodeState(full)
	got, err := DecodeState(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > stateMost || len(text) < stateMost-100 {
		t.Errorf("%d characters, want just under %d", len(text), stateMost)
	}
	if len(got.Groups) != 1 || len(got.Groups[0].State.Scales) > 0 || len(got.Turns) > 0 {
		t.Errorf("groups %v and turns %v, want the history of groups and turns left out first", got.Groups, got.Turns)
	}
	if n := len(got.Scales); n == 0 || n == 64 {
		t.Errorf("%d changes, want some left out", n)
	}
	if diff := cmp.Diff(full.Scales[64-len(got.Scales):], got.Scales); diff != "" {
		t.Errorf("the latest changes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(full.Wishes, got.Wishes); diff != "" {
		t.Errorf("wishes (-want +got):\n%s", diff)
	}
	if before != cmp.Diff(full, recommender.State{}) {
		t.Error("the state that was encoded has changed")
	}
	huge := recommender.State{LastChange: at, Owner: &recommender.OwnerSize{Sizes: make([]recommender.Resources, 2000)}}
	for i := range 40 {
		huge.Groups = append(huge.Groups, recommender.GroupState{Name: fmt.Sprintf("group-%d", i), State: full})
	}
	got, err = DecodeState(EncodeState(huge))
	if want := (recommender.State{LastChange: at}); err != nil || !cmp.Equal(want, got) {
		t.Errorf("%v, error %v, want %v", got, err, want)
	}
}

func TestStateErrors(t *testing.T) {
	t.Parallel()
	good := EncodeState(typicalState(instant(t, "2026-11-26T12:00:00Z")))
	for name, tc := range map[string]struct {
		text string
		want error
	}{
		"a later version":  {"2" + good[1:], ErrStateVersion},
		"JSON":             {`{"lastChange":null}`, ErrStateVersion},
		"no base64":        {"1!", errState},
		"cut off":          {good[:len(good)-4], errState},
		"something behind": {good + "AAAA", errState},
		"the version only": {"1", errState},
		"too long":         {"1" + strings.Repeat("A", stateMost), errState},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := DecodeState(tc.text)
			if !errors.Is(err, tc.want) || !cmp.Equal(got, recommender.State{}) {
				t.Errorf("%v, error %v, want an empty state and %v", got, err, tc.want)
			}
		})
	}
}

// Whatever is in the status, reading it gives a state that is written as the
// same, or an error and nothing.
func FuzzDecodeState(f *testing.F) {
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for _, s := range []recommender.State{{}, typicalState(at), {Groups: []recommender.GroupState{{Name: "a", State: typicalState(at)}}}} {
		f.Add(EncodeState(s))
	}
	f.Add("1AP//////////fw")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := DecodeState(text)
		if err != nil {
			if !cmp.Equal(s, recommender.State{}) {
				t.Fatalf("error %v with the state %v", err, s)
			}
			return
		}
		again, err := DecodeState(encodeState(s))
		if err != nil {
			t.Fatalf("%+v is written as what cannot be read: %v", s, err)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Errorf("state (-first +second):\n%s", diff)
		}
	})
}
