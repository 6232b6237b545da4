// Package faults stands between a client and an API server in tests and has
// some requests fail, by a seed: refused before they are carried out, carried
// out with the answer lost, or hanging. Reading is left alone unless asked for.
//
// Only tests import it.
package faults

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"
)

// hang is how long a request hangs before its connection breaks.
const hang = 2 * time.Second

// Kind is how a request fails.
type Kind string

// The kinds of failures.
const (
	// Internal is an answer 500, nothing carried out.
	Internal Kind = "500"
	// TooMany is an answer 429 that asks to try again in a second, nothing
	// carried out.
	TooMany Kind = "429"
	// Hang has the connection break after a while, nothing carried out.
	Hang Kind = "hang"
	// Lost has the request carried out and the answer lost.
	Lost Kind = "lost"
)

// Proxy is one that runs.
type Proxy struct {
	// URL is its address.
	URL string

	mu     sync.Mutex
	random *rand.Rand
	share  float64
	counts map[Kind]int
	writes int
}

// Start starts a proxy in front of the server at a URL whose certificate is of
// the authority in caFile. It serves with a certificate and key of its own
// until the test ends. Nothing fails until [Proxy.Fail].
func Start(t testing.TB, server, caFile, certFile, keyFile string) *Proxy {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", caFile)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 100,
	}
	p := &Proxy{counts: map[Kind]int{}}
	reverse := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = target.Host
		},
		Transport: transport, FlushInterval: -1, // Watches.
		ErrorLog: log.New(io.Discard, "", 0),
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, _ error) {
			panic(http.ErrAbortHandler) // As if the server itself were gone.
		},
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.URL = fmt.Sprintf("https://%s", listener.Addr())
	web := &http.Server{Handler: p.handler(reverse), ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	ended := make(chan error, 1)
	go func() { ended <- web.ServeTLS(listener, certFile, keyFile) }()
	t.Cleanup(func() {
		_ = web.Close() // What the listener says is of no use now.
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("proxy: %v", err)
		}
		transport.CloseIdleConnections()
	})
	return p
}

// Fail has a share of the writes fail from now on, each kind as often as the
// others, as a seed decides.
func (p *Proxy) Fail(share float64, seed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.share, p.random = share, rand.New(rand.NewPCG(seed, seed))
	p.counts, p.writes = map[Kind]int{}, 0
}

// Counts returns how many writes there were since [Proxy.Fail], and how many
// failed in each way.
func (p *Proxy) Counts() (writes int, failed map[Kind]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writes, maps.Clone(p.counts)
}

// fate decides about the next write.
func (p *Proxy) fate() Kind {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writes++
	if p.share <= 0 || p.random.Float64() >= p.share {
		return ""
	}
	k := []Kind{Internal, TooMany, Hang, Lost}[p.random.IntN(4)]
	p.counts[k]++
	return k
}

func (p *Proxy) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		switch p.fate() {
		case Internal:
			refuse(w, http.StatusInternalServerError, "InternalError")
		case TooMany:
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusTooManyRequests, "TooManyRequests")
		case Hang:
			select {
			case <-r.Context().Done():
			case <-time.After(hang):
			}
			panic(http.ErrAbortHandler)
		case Lost:
			next.ServeHTTP(&nowhere{header: http.Header{}}, r)
			panic(http.ErrAbortHandler)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// refuse answers as an API server does.
func refuse(w http.ResponseWriter, code int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"this request was made to fail","reason":%q,"code":%d}`, reason, code)
}

// nowhere takes an answer and loses it.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}
func (n *nowhere) Flush()                      {}
