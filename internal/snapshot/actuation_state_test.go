package snapshot

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/recommender"
)

// randomActuation draws a state with that many pods, as a plan may leave it:
// instants in whole seconds, amounts of observations that 32 bits hold.
func randomActuation(r *rand.Rand, at time.Time, pods, containers int) actuator.State {
	maybe := func() bool { return r.IntN(2) == 0 }
	when := func() time.Time { return at.Add(time.Duration(r.IntN(86400)-43200) * time.Second) }
	sizes := func(named bool) []actuator.NamedSize {
		var out []actuator.NamedSize
		for i := range containers {
			n := actuator.NamedSize{Name: fmt.Sprintf("container-%d", i)}
			n.Requests = recommender.Resources{CPU: recommender.MilliCPU(r.IntN(64000)), Memory: recommender.Bytes(r.Int64N(1 << 38))}
			if named {
				n.Limits = recommender.Resources{CPU: n.Requests.CPU * 2, Memory: n.Requests.Memory}
			}
			out = append(out, n)
		}
		return out
	}
	name := func(i int) string { return fmt.Sprintf("checkout-7d9f8c6b5d-%05x", i*7919) }
	wave := func() *actuator.Wave {
		w := &actuator.Wave{Started: when(), Target: sizes(true), To: sizes(maybe()), From: sizes(maybe()), Lowers: maybe(), Passed: maybe(), Last: when()}
		if maybe() {
			w.Since = when()
		}
		for i := range r.IntN(3) {
			w.Canaries = append(w.Canaries, name(i))
		}
		return w
	}
	baseline := func() actuator.Baseline {
		var b actuator.Baseline
		for _, g := range guardCodes()[2:] {
			if maybe() {
				b.Levels = append(b.Levels, actuator.Level{
					Guard: g, N: float64(r.IntN(2880)), Mean: float64(r.Float32()), Variance: float64(r.Float32()), Answers: float64(r.IntN(1 << 20)),
				})
			}
		}
		for _, g := range guardCodes()[:2] {
			if maybe() {
				b.Events = append(b.Events, actuator.Event{Guard: g, Count: float64(r.IntN(100)), PodSeconds: float64(r.IntN(1 << 24))})
			}
		}
		return b
	}
	var s actuator.State
	for i := range pods {
		p := actuator.PodState{
			Name: name(i), UID: uidOf(fmt.Appendf(nil, "%016d", r.IntN(1e9))), Phase: phaseCodes()[r.IntN(len(phaseCodes()))],
			Since: when(), Generation: int64(r.IntN(100)), Ask: sizes(maybe()), Before: sizes(maybe()), Revert: maybe(),
		}
		if maybe() {
			p.UID, p.Until = fmt.Sprintf("odd-%d", i), when()
		}
		s.Pods = append(s.Pods, p)
	}
	if maybe() {
		s.Wave = wave()
	}
	if maybe() {
		s.Undo = wave()
	}
	if maybe() {
		s.Scaled = &actuator.Scaled{At: when(), From: r.IntN(1000), To: r.IntN(1000), Undo: maybe()}
	}
	if maybe() {
		s.Baseline, s.Watch, s.LearnedAt = baseline(), baseline(), when()
	}
	if maybe() {
		s.FrozenUntil, s.Rollbacks = when(), r.IntN(20)
	}
	for range r.IntN(4) {
		s.Waves = append(s.Waves, when())
		s.Refused = append(s.Refused, actuator.NodeRefusal{
			Node: fmt.Sprintf("ip-10-0-%d-1.ec2.internal", r.IntN(250)), Asked: recommender.Resources{CPU: 1, Memory: 2}, Until: when(),
		})
		s.Spent = append(s.Spent, actuator.SpentAt{At: when(), Spent: actuator.Spent{Resizes: r.IntN(300), Evictions: r.IntN(3)}})
	}
	return s
}

// What fits is read back as it was, but for what can be found out again.
func TestActuationRoundTrip(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-11-26T12:00:00Z")
	longest := 0
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := randomActuation(r, at, r.IntN(4), 1+r.IntN(2))
		text := EncodeActuation(s)
		longest = max(longest, len(text))
		if len(text) > actuationMost {
			t.Fatalf("seed %d: %d characters, want at most %d", seed, len(text), actuationMost)
		}
		got, err := DecodeActuation(text)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(s.Compact(), got); diff != "" {
			t.Fatalf("seed %d: state (-want +got):\n%s", seed, diff)
		}
	}
	t.Logf("at most %d characters", longest)
	if text := EncodeActuation(actuator.State{}); text != "" {
		t.Errorf("the empty state is %q, which the API refuses", text)
	}
}

// Whatever the number of pods and containers, what is written fits, can be read,
// and still says how long nothing may be lowered.
func TestActuationShortened(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-11-26T12:00:00Z")
	for _, n := range []struct{ pods, containers int }{{1, 1}, {256, 1}, {256, 3}, {20, 10}, {256, 60}} {
		s := randomActuation(rand.New(rand.NewPCG(9, uint64(n.pods*n.containers))), at, n.pods, n.containers)
		s.FrozenUntil, s.Rollbacks = at, 3
		s.Scaled = &actuator.Scaled{At: at, From: 4, To: 2}
		before := fmt.Sprintf("%+v", s)
		text := EncodeActuation(s)
		got, err := DecodeActuation(text)
		if err != nil {
			t.Fatalf("%+v: %v", n, err)
		}
		t.Logf("%d pods of %d containers: %d characters, %d pods kept, wave %v, undo %v", n.pods, n.containers, len(text), len(got.Pods), got.Wave != nil, got.Undo != nil)
		if len(text) > actuationMost {
			t.Errorf("%+v: %d characters, want at most %d", n, len(text), actuationMost)
		}
		if !got.FrozenUntil.Equal(at) || got.Rollbacks != 3 || !cmp.Equal(got.Scaled, s.Scaled) {
			t.Errorf("%+v: the freeze is %v after %d rollbacks, scaled %+v", n, got.FrozenUntil, got.Rollbacks, got.Scaled)
		}
		if before != fmt.Sprintf("%+v", s) {
			t.Errorf("%+v: the state that was encoded has changed", n)
		}
	}
}

// What is left out first is what is missed the least.
func TestActuationOrder(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-11-26T12:00:00Z")
	s := actuator.State{
		Waves:   []time.Time{at, at},
		Refused: []actuator.NodeRefusal{{Node: "a", Until: at}},
		Pods: []actuator.PodState{
			{Name: "alone", Phase: actuator.PhaseForeign}, {Name: "own", Phase: actuator.PhaseDone, Ask: []actuator.NamedSize{{Name: "app"}}},
		},
		Spent: []actuator.SpentAt{{At: at}}, Wave: &actuator.Wave{Canaries: []string{"x"}}, Undo: &actuator.Wave{Canaries: []string{"y"}},
		Watch:    actuator.Baseline{Events: []actuator.Event{{Guard: actuator.GuardRestarts}}},
		Baseline: actuator.Baseline{Levels: []actuator.Level{{Guard: actuator.GuardLatency}}}, FrozenUntil: at,
	}
	var order []string
	left := func() map[string]int {
		n := map[string]int{
			"waves": len(s.Waves), "refused": len(s.Refused), "spent": len(s.Spent), "watch": len(s.Watch.Events), "baseline": len(s.Baseline.Levels),
		}
		for _, p := range s.Pods {
			n[p.Name] = 1
		}
		if s.Wave != nil {
			n["wave"], n["canaries"] = 1, len(s.Wave.Canaries)
		}
		if s.Undo != nil {
			n["undo"], n["undo's canaries"] = 1, len(s.Undo.Canaries)
		}
		return n
	}
	for {
		before := left()
		if !shortenActuation(&s) {
			break
		}
		after := left()
		for name, n := range before {
			if after[name] < n {
				order = append(order, name)
			}
		}
	}
	want := "waves > waves > refused > alone > spent > canaries > undo's canaries > own > watch > baseline > wave > undo"
	if got := strings.Join(order, " > "); got != want {
		t.Errorf("left out in the order\n%s, want\n%s", got, want)
	}
	if !s.FrozenUntil.Equal(at) {
		t.Error("the freeze was left out")
	}
}

func TestActuationErrors(t *testing.T) {
	t.Parallel()
	good := EncodeActuation(randomActuation(rand.New(rand.NewPCG(1, 1)), instant(t, "2026-11-26T12:00:00Z"), 3, 2))
	for name, tc := range map[string]struct {
		text string
		want error
	}{
		"a later version":  {"2" + good[1:], ErrActuationVersion},
		"JSON":             {`{"pods":null}`, ErrActuationVersion},
		"no base64":        {"1!", errActuation},
		"cut off":          {good[:len(good)-4], errActuation},
		"something behind": {good + "AAAA", errActuation},
		"the version only": {"1", errActuation},
		"too long":         {"1" + strings.Repeat("A", actuationMost), errActuation},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := DecodeActuation(tc.text)
			if !errors.Is(err, tc.want) || !cmp.Equal(got, actuator.State{}) {
				t.Errorf("%v, error %v, want an empty state and %v", got, err, tc.want)
			}
		})
	}
}

// Whatever is in the status, reading it gives a state that is written as the
// same, or an error and nothing.
func FuzzDecodeActuation(f *testing.F) {
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for seed := range uint64(4) {
		f.Add(EncodeActuation(randomActuation(rand.New(rand.NewPCG(seed, 2)), at, 3, 2)))
	}
	f.Add("1")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := DecodeActuation(text)
		if err != nil {
			if !cmp.Equal(s, actuator.State{}) {
				t.Fatalf("error %v with the state %v", err, s)
			}
			return
		}
		again, err := DecodeActuation(encodeActuation(s))
		if err != nil {
			if len(encodeActuation(s)) > actuationMost {
				return // Names that a table shares may be written more often than they were.
			}
			t.Fatalf("%+v is written as what cannot be read: %v", s, err)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Errorf("state (-first +second):\n%s", diff)
		}
	})
}
