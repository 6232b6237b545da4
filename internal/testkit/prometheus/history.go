package prometheus

import (
	"encoding/binary"
	"maps"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// batch is how many points of each series go into one request.
const batch = 120

// Value is a series at an instant, at which it may be absent.
type Value func(t time.Time) (float64, bool)

// History is series that are functions of time.
type History struct {
	series []series
}

type series struct {
	labels map[string]string
	value  Value
}

// Add adds a series; its labels are pairs of name and value.
func (h *History) Add(name string, value Value, labels ...string) {
	m := map[string]string{"__name__": name}
	for i := 0; i < len(labels); i += 2 {
		m[labels[i]] = labels[i+1]
	}
	h.series = append(h.series, series{m, value})
}

// Always is a value that does not change.
func Always(v float64) Value { return func(time.Time) (float64, bool) { return v, true } }

// Write sends everything in [from, to] by remote write, in order of time.
// Series that vanish get a staleness marker, as a scrape would give them.
func (s *Server) Write(h *History, from, to time.Time, interval time.Duration) {
	s.t.Helper()
	Write(s.t, s.URL, h, from, to, interval)
}

// Write is [Server.Write] for a server at a URL.
func Write(t testing.TB, url string, h *History, from, to time.Time, interval time.Duration) {
	t.Helper()
	alive := make([]bool, len(h.series))
	labels := make([][]byte, len(h.series))
	for i := range h.series {
		labels[i] = labelMessages(h.series[i].labels)
	}
	var request, one, samples []byte
	for start := from; !start.After(to); start = start.Add(batch * interval) {
		request = request[:0]
		for i := range h.series {
			samples = h.series[i].samples(samples[:0], start, to, interval, &alive[i])
			if len(samples) == 0 {
				continue
			}
			one = append(append(one[:0], labels[i]...), samples...)
			request = protowire.AppendTag(request, 1, protowire.BytesType)
			request = protowire.AppendBytes(request, one)
		}
		if len(request) > 0 {
			remoteWrite(t, url, request)
		}
	}
}

// samples appends the points of one request as repeated prometheus.Sample.
func (s *series) samples(b []byte, start, to time.Time, interval time.Duration, alive *bool) []byte {
	for j := range batch {
		at := start.Add(time.Duration(j) * interval)
		if at.After(to) {
			break
		}
		v, ok := s.value(at)
		if !ok && !*alive {
			continue
		}
		if !ok {
			v = math.Float64frombits(0x7ff0000000000002) // Prometheus: value.StaleNaN.
		}
		*alive = ok
		b = protowire.AppendTag(b, 2, protowire.BytesType)
		b = protowire.AppendBytes(b, sampleMessage(v, at))
	}
	return b
}

func remoteWrite(t testing.TB, url string, request []byte) {
	t.Helper()
	_, err := send(t.Context(), http.MethodPost, url+"/api/v1/write", snappyLiteral(request),
		"Content-Type", "application/x-protobuf", "Content-Encoding", "snappy", "X-Prometheus-Remote-Write-Version", "0.1.0")
	if err != nil {
		t.Fatal(err)
	}
}

// sampleMessage is prometheus.Sample: value = 1, timestamp = 2.
func sampleMessage(v float64, at time.Time) []byte {
	b := protowire.AppendTag(make([]byte, 0, 20), 1, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, math.Float64bits(v))
	b = protowire.AppendTag(b, 2, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(at.UnixMilli()))
}

// labelMessages is repeated prometheus.Label (name = 1, value = 2) as field 1
// of a TimeSeries. Empty labels are none.
func labelMessages(labels map[string]string) []byte {
	var b []byte
	for _, n := range slices.Sorted(maps.Keys(labels)) {
		if labels[n] == "" {
			continue
		}
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
	out := binary.AppendUvarint(make([]byte, 0, len(data)+len(data)/1000+16), uint64(len(data)))
	for len(data) > 0 {
		n := min(len(data), 1<<16)
		out = append(out, 61<<2, byte(n-1), byte((n-1)>>8))
		out = append(out, data[:n]...)
		data = data[n:]
	}
	return out
}
