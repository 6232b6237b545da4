package world

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// World is the series of simulated clusters: labels with __name__, and the
// value at an instant, which may be absent.
type World struct {
	series []simulated
}

type simulated struct {
	labels map[string]string
	value  func(t time.Time) (float64, bool)
}

// Add adds a series; its labels are pairs of name and value.
func (w *World) Add(name string, value func(t time.Time) (float64, bool), labels ...string) {
	m := map[string]string{"__name__": name}
	for i := 0; i < len(labels); i += 2 {
		m[labels[i]] = labels[i+1]
	}
	w.series = append(w.series, simulated{m, value})
}

// Write sends everything in [from, to] by remote write, in order of time.
// Series that vanish get a staleness marker, as a scrape would give them.
func (w *World) Write(t testing.TB, base string, from, to time.Time, interval time.Duration) {
	t.Helper()
	const batch = 60
	alive := make([]bool, len(w.series))
	for start := from; !start.After(to); start = start.Add(batch * interval) {
		var request []byte
		for i, s := range w.series {
			var samples []byte
			for j := range batch {
				at := start.Add(time.Duration(j) * interval)
				if at.After(to) {
					break
				}
				v, ok := s.value(at)
				if !ok && !alive[i] {
					continue
				}
				if !ok {
					v = math.Float64frombits(0x7ff0000000000002) // Prometheus: value.StaleNaN.
				}
				alive[i] = ok
				samples = protowire.AppendTag(samples, 2, protowire.BytesType)
				samples = protowire.AppendBytes(samples, sampleMessage(v, at))
			}
			if samples == nil {
				continue
			}
			request = protowire.AppendTag(request, 1, protowire.BytesType)
			request = protowire.AppendBytes(request, append(labelMessages(s.labels), samples...))
		}
		if request != nil {
			post(t, base+"/api/v1/write", snappyLiteral(request))
		}
	}
}

// sampleMessage is prometheus.Sample: value = 1, timestamp = 2.
func sampleMessage(v float64, at time.Time) []byte {
	b := protowire.AppendTag(nil, 1, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, math.Float64bits(v))
	b = protowire.AppendTag(b, 2, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(at.UnixMilli()))
}

// labelMessages is repeated prometheus.Label (name = 1, value = 2) as field 1
// of a TimeSeries.
func labelMessages(labels map[string]string) []byte {
	names := make([]string, 0, len(labels))
	for n := range labels {
		names = append(names, n)
	}
	slices.Sort(names)
	var b []byte
	for _, n := range names {
		l := protowire.AppendTag(nil, 1, protowire.BytesType)
		l = protowire.AppendString(l, n)
		l = protowire.AppendTag(l, 2, protowire.BytesType)
		l = protowire.AppendString(l, labels[n])
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendBytes(b, l)
	}
	return b
}

// snappyLiteral wraps data in the snappy block format without compressing it:
// the length, then literals of at most 65536 bytes (tag 61<<2, two bytes of
// length less one).
func snappyLiteral(data []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(data)))
	for len(data) > 0 {
		n := min(len(data), 1<<16)
		out = append(out, 61<<2, byte(n-1), byte((n-1)>>8))
		out = append(out, data[:n]...)
		data = data[n:]
	}
	return out
}

func post(t testing.TB, url string, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode/100 != 2 {
		t.Fatalf("remote write: %s: %s", resp.Status, answer)
	}
}
