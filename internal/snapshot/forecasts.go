package snapshot

import (
	"encoding/binary"
	"hash/fnv"
	"hash/maphash"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	// slowEvery is how often light snapshots forecast what moves slowly or does not
	// decide: memory, and CPU where demand decides. The simulator does it as often.
	slowEvery = time.Hour
	// slowSpan is the history from which on a forecast may be an older one.
	slowSpan = 24 * time.Hour
)

// Memo remembers the forecasts of one workload, so that one from the same values
// is not made again: between two readings of the history, and for those that are
// made once an hour. What it gives is what would be made, bit for bit. It may be
// used by several goroutines.
type Memo struct {
	mu   sync.Mutex
	seed maphash.Seed
	kept map[string]remembered
}

// remembered is a forecast, and a hash of what it was made from. One that is
// passing is made from the newest value, so that the next takes its place.
type remembered struct {
	from     uint64
	passing  bool
	forecast forecaster.Forecast
}

// Forget drops what the next value of the history makes worthless: all but what is
// forecast once an hour.
func (m *Memo) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.kept, func(_ string, r remembered) bool { return r.passing })
}

// NewMemo returns a memo that remembers nothing yet.
func NewMemo() *Memo { return &Memo{seed: maphash.MakeSeed(), kept: map[string]remembered{}} }

// Remembering has [Build] look for forecasts in a memo before it makes them. Those
// of the snapshot are then shared with it, and must not be changed.
func Remembering(m *Memo) Option { return func(b *builder) { b.memo = m } }

// predict forecasts a series that is known under a name, in the mode and at the
// horizons of the snapshot. It is not valid where nothing can be said. A passing
// one is that of the newest value.
func (b *builder) predict(name string, passing bool, s forecaster.Series) forecaster.Forecast {
	o := b.options()
	s = o.Needed(s)
	if b.memo == nil {
		f, _ := forecaster.Predict(s, o) // Without an observation there is none.
		return f
	}
	from := b.memo.hash(s, o)
	b.memo.mu.Lock()
	was, ok := b.memo.kept[name]
	b.memo.mu.Unlock()
	if ok && was.from == from {
		return was.forecast
	}
	f, _ := forecaster.Predict(s, o)
	b.memo.mu.Lock()
	defer b.memo.mu.Unlock()
	b.memo.kept[name] = remembered{from, passing, f}
	return f
}

// options are those of the forecasts of the snapshot.
func (b *builder) options() forecaster.Options {
	return forecaster.Options{Horizons: b.horizons, Light: b.light}
}

// hash is one of all that a forecast depends on.
func (m *Memo) hash(s forecaster.Series, o forecaster.Options) uint64 {
	var h maphash.Hash
	h.SetSeed(m.seed)
	room := make([]byte, 0, 512)
	add := func(v uint64) {
		room = binary.LittleEndian.AppendUint64(room, v)
		if len(room) == cap(room) {
			_, _ = h.Write(room) // It never fails.
			room = room[:0]
		}
	}
	add(uint64(s.Start.UnixNano()))
	add(uint64(s.Step)) //nolint:gosec // Bits.
	if o.Light {
		add(1)
	}
	add(uint64(len(o.Horizons)))
	for _, d := range o.Horizons {
		add(uint64(d)) //nolint:gosec // Bits.
	}
	for _, v := range s.Values {
		add(math.Float64bits(v))
	}
	_, _ = h.Write(room)
	return h.Sum64()
}

// slow says up to when to forecast what moves slowly: the last whole hour, at
// least a step ago, on a clock of the workload's own, so that a fleet does not do
// it all at once. It depends on nothing but the time and the name, so that a
// restart changes nothing; and what was a step ago, is not corrected any more.
func (b *builder) slow(w recommender.Workload, step time.Duration) time.Time {
	steps := int(slowEvery / max(1, step))
	if !b.light || step <= 0 || steps < 2 {
		return b.now
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(w.String())) // It never fails.
	late := time.Duration(int(h.Sum32())%steps) * step
	return b.now.Add(-step - late).Truncate(slowEvery).Add(late)
}

// predictSlowly forecasts a series, which is given up to an instant, from the mark
// where there is a day of history before it, else from now.
func (b *builder) predictSlowly(name string, mark time.Time, until func(time.Time) forecaster.Series) forecaster.Forecast {
	if mark.Before(b.now) {
		if f := b.predict(name, false, until(mark)); f.Valid() && f.Span >= slowSpan {
			return f
		}
	}
	return b.predict(name, true, until(b.now))
}

// demandDecides says whether the forecast of demand carries a decision: the one
// of CPU may be older then.
func demandDecides(s *recommender.Snapshot) bool {
	return s.Demand != nil && s.Demand.Decides(s.Policy.Objective)
}

// horizonsOf are those that are forecast for a snapshot: those that a decision
// looks at, and those for people.
func horizonsOf(s recommender.Snapshot, step time.Duration) []time.Duration {
	out := append(plotHorizons(), recommender.Horizons(s, step)...)
	slices.Sort(out)
	return slices.Compact(out)
}
