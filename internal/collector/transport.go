package collector

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// errOversize says that an answer is larger than Config.MaxResponseBytes.
var errOversize = errors.New("the answer is larger than the response budget")

// exchange is what one attempt at a query learns about HTTP. The client
// library keeps only part of it.
type exchange struct {
	status      int
	contentType string
	retryAfter  time.Duration
	// skew is the server's clock minus ours; known says whether it was given.
	skew      time.Duration
	skewKnown bool
	oversize  atomic.Bool
	// requests counts what was sent over all attempts and queries.
	requests *atomic.Int64
}

type exchangeKey struct{}

func withExchange(ctx context.Context, ex *exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, ex)
}

// recorder is the outermost round tripper: it adds the configured URL
// parameters, bounds answers and fills the exchange.
type recorder struct {
	next     http.RoundTripper
	params   map[string]string
	maxBytes int64
}

// RoundTrip sends one request.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	ex, _ := req.Context().Value(exchangeKey{}).(*exchange)
	if ex == nil {
		return nil, errors.New("request outside a query")
	}
	ex.requests.Add(1)
	if len(r.params) > 0 {
		req = req.Clone(req.Context())
		q := req.URL.Query()
		for k, v := range r.params {
			q.Set(k, v)
		}
		req.URL.RawQuery = q.Encode()
	}
	resp, err := r.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	ex.status = resp.StatusCode
	ex.contentType = resp.Header.Get("Content-Type")
	ex.retryAfter = retryAfter(resp.Header.Get("Retry-After"), now)
	ex.skew, ex.skewKnown = clockSkew(resp.Header, now)
	resp.Body = &limitedBody{body: resp.Body, left: r.maxBytes, oversize: &ex.oversize}
	return resp, nil
}

// retryAfter reads the header of this name: seconds or a date. Zero means none.
func retryAfter(header string, now time.Time) time.Duration {
	if header == "" {
		return 0
	}
	if s, err := strconv.Atoi(header); err == nil {
		return max(0, time.Duration(min(s, 3600))*time.Second)
	}
	if t, err := http.ParseTime(header); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

// clockSkew compares the Date of an answer, and its Age where a cache added
// one, with our clock. It is exact to a second or so.
func clockSkew(h http.Header, now time.Time) (time.Duration, bool) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0, false
	}
	if age, err := strconv.Atoi(h.Get("Age")); err == nil && age > 0 {
		date = date.Add(time.Duration(age) * time.Second)
	}
	return date.Sub(now), true
}

// limitedBody fails with errOversize after so many bytes.
type limitedBody struct {
	body     io.ReadCloser
	left     int64
	oversize *atomic.Bool
}

// Read reads at most what is left of the budget.
func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		b.oversize.Store(true)
		return 0, errOversize
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		b.oversize.Store(true)
		return n, errOversize
	}
	return n, err
}

// Close closes the body.
func (b *limitedBody) Close() error { return b.body.Close() }

// gzipTripper asks for compressed answers, which the round tripper of the
// Prometheus project does not. It sits behind whatever signs requests.
type gzipTripper struct{ next http.RoundTripper }

// RoundTrip sends one request.
func (g *gzipTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Accept-Encoding") != "" {
		return g.next.RoundTrip(req)
	}
	req = req.Clone(req.Context())
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := g.next.RoundTrip(req)
	if err != nil || !strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		return resp, err
	}
	z, err := gzip.NewReader(resp.Body)
	if err != nil {
		_ = resp.Body.Close() // The first error says more.
		return nil, fmt.Errorf("compressed answer: %w", err)
	}
	resp.Body = &gzipBody{z: z, body: resp.Body}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength = -1
	resp.Uncompressed = true
	return resp, nil
}

type gzipBody struct {
	z    *gzip.Reader
	body io.ReadCloser
}

// Read decompresses.
func (b *gzipBody) Read(p []byte) (int, error) { return b.z.Read(p) }

// Close closes both layers.
func (b *gzipBody) Close() error { return errors.Join(b.z.Close(), b.body.Close()) }
