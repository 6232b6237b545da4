// Package server runs a Prometheus inside this program: the database, the
// query engine and the HTTP API of the released server, on a data folder that
// is already there. It scrapes nothing and evaluates no rules.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/grafana/regexp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/notifications"
	v1 "github.com/prometheus/prometheus/web/api/v1"
)

// Defaults of the released server that matter for answers.
const (
	maxSamples    = 50_000_000
	queryTimeout  = 2 * time.Minute
	lookback      = 5 * time.Minute
	maxBlock      = 31 * 24 * time.Hour
	readBytes     = 1 << 20
	readSamples   = 50_000_000
	readParallel  = 10
	headerTimeout = 10 * time.Second
)

// Server is a running Prometheus.
type Server struct {
	db     *tsdb.DB
	http   *http.Server
	listen net.Listener
	failed chan error
}

// Start opens the data folder and serves it on the address, for example
// 127.0.0.1:0 for any free port, until Close.
func Start(ctx context.Context, dataDir, address string) (*Server, error) {
	db, err := open(dataDir)
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", address, err), db.Close())
	}
	s := &Server{db: db, listen: l, failed: make(chan error, 1)}
	s.http = &http.Server{Handler: handler(db, dataDir), ReadHeaderTimeout: headerTimeout}
	go func() { s.failed <- s.http.Serve(l) }()
	return s, nil
}

// URL is where the server listens.
func (s *Server) URL() string { return "http://" + s.listen.Addr().String() }

// Close stops serving and closes the database.
func (s *Server) Close() error {
	err := s.http.Close()
	if served := <-s.failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return errors.Join(err, s.db.Close())
}

// open opens the database without a write-ahead log, since nothing is written,
// and keeps its blocks as they are, however old.
func open(dataDir string) (*tsdb.DB, error) {
	opts := tsdb.DefaultOptions()
	opts.RetentionDuration = 0
	opts.MaxBlockDuration = maxBlock.Milliseconds()
	opts.WALSegmentSize = -1
	db, err := tsdb.Open(dataDir, quiet(), nil, opts, nil)
	if err != nil {
		return nil, fmt.Errorf("open data folder %s: %w", dataDir, err)
	}
	db.DisableCompactions()
	return db, nil
}

// quiet is a logger that says nothing.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// handler serves the HTTP API.
func handler(db *tsdb.DB, dataDir string) http.Handler {
	p := parser.NewParser(parser.Options{})
	engine := promql.NewEngine(promql.EngineOpts{
		Logger: quiet(), MaxSamples: maxSamples, Timeout: queryTimeout, LookbackDelta: lookback,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
		EnableAtModifier:         true, EnableNegativeOffset: true, Parser: p,
	})
	started := time.Now()
	registry := prometheus.NewRegistry()
	api := v1.NewAPI(engine, db, nil, noExemplars{},
		func(context.Context) v1.ScrapePoolsRetriever { return nothing{} },
		func(context.Context) v1.TargetRetriever { return nothing{} },
		func(context.Context) v1.AlertmanagerRetriever { return nothing{} },
		func() config.Config { return config.DefaultConfig },
		map[string]string{}, v1.GlobalURLOptions{Scheme: "http"},
		func(next http.HandlerFunc) http.HandlerFunc { return next },
		admin{db}, dataDir, false, false, 0, quiet(),
		func(context.Context) v1.RulesRetriever { return nothing{} },
		readSamples, readParallel, readBytes, false, regexp.MustCompile("^$"),
		func() (v1.RuntimeInfo, error) {
			return v1.RuntimeInfo{
				StartTime: started, ServerTime: time.Now(), ReloadConfigSuccess: true,
				GoroutineCount: runtime.NumGoroutine(), GOMAXPROCS: runtime.GOMAXPROCS(0),
			}, nil
		},
		&v1.PrometheusVersion{Version: version(), GoVersion: runtime.Version()},
		func() []notifications.Notification { return nil },
		func() (<-chan notifications.Notification, func(), bool) { return nil, nil, false },
		registry, registry, nil, false, nil, false, false, false, lookback, false, false, nil, nil,
		v1.OpenAPIOptions{Version: version()}, p, false, queryTimeout)
	router := route.New()
	api.Register(router.WithPrefix("/api/v1"))
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", router)
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "Prometheus is ready.") }
	mux.HandleFunc("GET /-/ready", ok)
	mux.HandleFunc("GET /-/healthy", ok)
	return mux
}
