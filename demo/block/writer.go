// Package block writes a generated history into a Prometheus data folder: one
// immutable block, in the format and by the code of Prometheus' own database.
// Equal histories give equal bytes.
package block

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
	"github.com/prometheus/prometheus/tsdb/tombstones"

	"github.com/rightsize-dev/rightsize/demo/fleet"
)

// samplesPerChunk is what Prometheus puts into a chunk.
const samplesPerChunk = 120

// Stats says what was written.
type Stats struct {
	Series  int
	Samples int
	// Bytes is the size on disk.
	Bytes int64
	// From and To are the instants of the first and the last sample.
	From, To time.Time
}

// Write generates the fleet's history into the data folder dir, which it
// creates. The folder may not hold any blocks yet. progress is told how many
// workloads are finished.
func Write(ctx context.Context, f *fleet.Fleet, dir string, progress func(done, total int)) (Stats, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return Stats{}, fmt.Errorf("create data folder: %w", err)
	}
	if old, _ := filepath.Glob(filepath.Join(dir, "*", "meta.json")); len(old) > 0 {
		return Stats{}, fmt.Errorf("data folder %s already holds blocks: name an empty one", dir)
	}
	id, err := blockID(f)
	if err != nil {
		return Stats{}, err
	}
	final := filepath.Join(dir, id.String())
	tmp := final + ".tmp-for-creation" // Prometheus removes such a folder when it starts.
	w := &writer{dir: tmp, at: f.At().UnixMilli(), meta: tsdb.BlockMeta{MinTime: math.MaxInt64, Version: 1}, last: math.MinInt64}
	err = f.Each(func(s fleet.Series, done, total int) error {
		progress(done, total)
		return errors.Join(ctx.Err(), w.add(s))
	})
	if err == nil {
		err = w.finish(ctx, id)
	}
	if err == nil {
		err = os.Rename(tmp, final)
	}
	if err != nil {
		return Stats{}, errors.Join(fmt.Errorf("write history to %s: %w", dir, err), os.RemoveAll(tmp))
	}
	return w.stats(final)
}

// blockID names the block after what is in it rather than after the time at
// which it was written.
func blockID(f *fleet.Fleet) (ulid.ULID, error) {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(f.Start().Unix())) //nolint:gosec // Any bits do.
	binary.LittleEndian.PutUint64(seed[8:], uint64(f.Interval()))    //nolint:gosec // Any bits do.
	binary.LittleEndian.PutUint64(seed[16:], uint64(f.Workloads()))  //nolint:gosec // Any bits do.
	binary.LittleEndian.PutUint64(seed[24:], f.Seed())
	return ulid.New(ulid.Timestamp(f.At()), rand.NewChaCha8(seed))
}

// writer writes one block. It holds the compressed chunks until the end,
// because the format wants them in the order of the labels.
type writer struct {
	dir    string
	at     int64
	series []series
	meta   tsdb.BlockMeta
	last   int64
}

// series is one series with its chunks.
type series struct {
	labels labels.Labels
	chunks []chunks.Meta
}

// add compresses a series. A series that ends before the history
// does gets the staleness marker that a scrape without it leaves.
func (w *writer) add(s fleet.Series) error {
	start, step := s.Start.UnixMilli(), s.Interval.Milliseconds()
	values := s.Values
	if end := start + int64(len(values))*step; end <= w.at {
		values = append(slices.Clone(values), math.Float64frombits(value.StaleNaN))
	}
	metas := make([]chunks.Meta, 0, len(values)/samplesPerChunk+1)
	for i := 0; i < len(values); i += samplesPerChunk {
		part := values[i:min(i+samplesPerChunk, len(values))]
		m, err := encode(part, start+int64(i)*step, step)
		if err != nil {
			return err
		}
		metas = append(metas, m)
	}
	w.meta.MinTime = min(w.meta.MinTime, start)
	w.last = max(w.last, metas[len(metas)-1].MaxTime)
	w.meta.Stats.NumSamples += uint64(len(values))
	w.meta.Stats.NumChunks += uint64(len(metas))
	pairs := make([]string, 0, 2*len(s.Labels))
	for _, l := range s.Labels {
		if l.Value != "" { // An empty label is none.
			pairs = append(pairs, l.Name, l.Value)
		}
	}
	w.series = append(w.series, series{labels: labels.FromStrings(pairs...), chunks: metas})
	return nil
}

// encode compresses values that begin at start.
func encode(values []float64, start, step int64) (chunks.Meta, error) {
	c := chunkenc.NewXORChunk()
	app, err := c.Appender()
	if err != nil {
		return chunks.Meta{}, fmt.Errorf("start chunk: %w", err)
	}
	for i, v := range values {
		app.Append(0, start+int64(i)*step, v)
	}
	c.Compact()
	return chunks.Meta{Chunk: c, MinTime: start, MaxTime: start + int64(len(values)-1)*step}, nil
}

// finish writes the block.
func (w *writer) finish(ctx context.Context, id ulid.ULID) error {
	if len(w.series) == 0 {
		return errors.New("the history is empty")
	}
	if err := w.merge(); err != nil {
		return err
	}
	if err := os.RemoveAll(w.dir); err != nil {
		return fmt.Errorf("clear %s: %w", w.dir, err)
	}
	if err := w.write(); err != nil {
		return fmt.Errorf("write chunks: %w", err)
	}
	if err := w.index(ctx); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	if _, err := tombstones.WriteFile(slog.New(slog.DiscardHandler), w.dir, tombstones.NewMemTombstones()); err != nil {
		return fmt.Errorf("write tombstones: %w", err)
	}
	w.meta.ULID = id
	w.meta.MaxTime = w.last + 1 // Blocks are half open.
	w.meta.Stats.NumFloatSamples = w.meta.Stats.NumSamples
	w.meta.Stats.NumSeries = uint64(len(w.series))
	w.meta.Compaction = tsdb.BlockMetaCompaction{Level: 1, Sources: []ulid.ULID{id}}
	text, err := json.MarshalIndent(w.meta, "", "\t")
	if err != nil {
		return fmt.Errorf("encode meta.json: %w", err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "meta.json"), text, 0o600); err != nil {
		return fmt.Errorf("write meta.json: %w", err)
	}
	return nil
}

// merge sorts the series and joins those of equal labels.
func (w *writer) merge() error {
	slices.SortStableFunc(w.series, func(a, b series) int {
		if c := labels.Compare(a.labels, b.labels); c != 0 {
			return c
		}
		return cmp.Compare(a.chunks[0].MinTime, b.chunks[0].MinTime)
	})
	merged := w.series[:0]
	for _, s := range w.series {
		n := len(merged)
		if n == 0 || !labels.Equal(merged[n-1].labels, s.labels) {
			merged = append(merged, s)
			continue
		}
		before := &merged[n-1]
		if end := before.chunks[len(before.chunks)-1].MaxTime; end >= s.chunks[0].MinTime {
			return fmt.Errorf("series %s: two histories overlap at %s", s.labels, time.UnixMilli(end).UTC())
		}
		before.chunks = append(before.chunks, s.chunks...)
	}
	w.series = merged
	return nil
}

// write puts the chunks on disk; from then on the series hold references.
func (w *writer) write() (err error) {
	cw, err := chunks.NewWriter(filepath.Join(w.dir, "chunks"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cw.Close()) }()
	for _, s := range w.series {
		if err := cw.WriteChunks(s.chunks...); err != nil {
			return err
		}
		for i := range s.chunks {
			s.chunks[i].Chunk = nil
		}
	}
	return nil
}

// index writes the symbols and the sorted series.
func (w *writer) index(ctx context.Context) (err error) {
	iw, err := index.NewWriter(ctx, filepath.Join(w.dir, "index"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iw.Close()) }()
	for _, s := range w.symbols() {
		if err := iw.AddSymbol(s); err != nil {
			return err
		}
	}
	for i, s := range w.series {
		if err := iw.AddSeries(storage.SeriesRef(i), s.labels, s.chunks...); err != nil {
			return err
		}
	}
	return nil
}

// symbols are all names and values of labels, sorted.
func (w *writer) symbols() []string {
	seen := map[string]struct{}{}
	for _, s := range w.series {
		s.labels.Range(func(l labels.Label) {
			seen[l.Name] = struct{}{}
			seen[l.Value] = struct{}{}
		})
	}
	all := make([]string, 0, len(seen))
	for s := range seen {
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}

// stats sums up the finished block.
func (w *writer) stats(dir string) (Stats, error) {
	s := Stats{
		Series: len(w.series), Samples: int(w.meta.Stats.NumSamples), //nolint:gosec // It was counted from an int.
		From: time.UnixMilli(w.meta.MinTime).UTC(), To: time.UnixMilli(w.last).UTC(),
	}
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			s.Bytes += info.Size()
		}
		return err
	})
	if err != nil {
		return s, fmt.Errorf("measure %s: %w", dir, err)
	}
	return s, nil
}
