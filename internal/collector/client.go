package collector

import (
	"context"
	"fmt"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// maxSplits is how often a query may be cut in half because the server cannot
// answer it whole.
const maxSplits = 8

// maxBackoff bounds the wait between two attempts.
const maxBackoff = 30 * time.Second

// client sends queries, a bounded number at once, again where that can help.
type client struct {
	api      promv1.API
	recorder *recorder
	source   string
	timeout  time.Duration
	attempts int
	backoff  time.Duration
	maxBytes int64
	slots    chan struct{}
	observe  func(QueryResult, time.Duration)
}

// call is one query. A step of zero makes it an instant query at end.
type call struct {
	// what names the answer in errors: "CPU usage".
	what       string
	expr       string
	start, end time.Time
	step       time.Duration
	// partial, where given, hears that the server had a part of the data only.
	partial func()
}

// points is how many grid points the call asks for.
func (q call) points() int {
	if q.step == 0 {
		return 1
	}
	return int(q.end.Sub(q.start)/q.step) + 1
}

// halves cuts a range query in two.
func (q call) halves() (call, call) {
	older, newer := q, q
	older.end = q.start.Add(time.Duration(q.points()/2-1) * q.step)
	newer.start = older.end.Add(q.step)
	return older, newer
}

// instant sends an instant query.
func (c *client) instant(ctx context.Context, r *run, q call) (model.Vector, error) {
	v, err := c.send(ctx, r, q)
	if err != nil {
		return nil, err
	}
	vector, ok := v.(model.Vector)
	if !ok {
		return nil, c.wrongType(q, v)
	}
	return vector, nil
}

// series sends a range query and hands its answer to use, in pieces where the
// server cannot give it whole.
func (c *client) series(ctx context.Context, r *run, q call, use func(model.Matrix)) error {
	return c.pieces(ctx, r, q, use, maxSplits)
}

func (c *client) pieces(ctx context.Context, r *run, q call, use func(model.Matrix), splits int) error {
	v, err := c.send(ctx, r, q)
	if tooMuch(err) && q.points() > 1 && splits > 0 {
		older, newer := q.halves()
		r.planned(2)
		if err := c.pieces(ctx, r, older, use, splits-1); err != nil {
			return err
		}
		return c.pieces(ctx, r, newer, use, splits-1)
	}
	if err != nil {
		return err
	}
	matrix, ok := v.(model.Matrix)
	if !ok {
		return c.wrongType(q, v)
	}
	use(matrix)
	return nil
}

func (c *client) wrongType(q call, v model.Value) error {
	got := "nothing"
	if v != nil {
		got = "a " + v.Type().String()
	}
	return &QueryError{What: q.what, Source: c.source, Message: "the answer is " + got + ", which is not what a query of this kind gives"}
}

// send sends a query until it is answered, fails for good or has been tried
// often enough.
func (c *client) send(ctx context.Context, r *run, q call) (model.Value, error) {
	defer r.finished()
	began := time.Now()
	for attempt := 1; ; attempt++ {
		v, failure, err := c.attempt(ctx, r, q)
		if err == nil {
			result := QueryOK
			if failure.partial {
				result = QueryPartial
			}
			c.observed(result, time.Since(began))
			return v, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !failure.retry || attempt >= min(c.attempts, failure.attempts) {
			c.observed(QueryFailed, time.Since(began))
			failure.err.Attempts = attempt
			return nil, failure.err
		}
		c.observed(QueryRetried, 0)
		if err := wait(ctx, c.delay(attempt, failure.after)); err != nil {
			return nil, err
		}
	}
}

func (c *client) observed(result QueryResult, took time.Duration) {
	if c.observe != nil {
		c.observe(result, took)
	}
}

// delay doubles with each attempt and is never shorter than the server asked
// for, within reason.
func (c *client) delay(attempt int, after time.Duration) time.Duration {
	d := min(c.backoff<<(attempt-1), maxBackoff)
	return max(d, min(after, c.timeout))
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// attempt sends a query once. The failure is set where the error is.
func (c *client) attempt(ctx context.Context, r *run, q call) (model.Value, failure, error) {
	select {
	case <-ctx.Done():
		return nil, failure{}, ctx.Err()
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	}
	ex := &exchange{requests: &r.requests}
	// The server gives up first, so that it can say why.
	qctx, cancel := context.WithTimeout(withExchange(ctx, ex), c.timeout+min(c.timeout/4, 5*time.Second))
	defer cancel()
	var v model.Value
	var warnings promv1.Warnings
	var err error
	limit := promv1.WithTimeout(c.timeout)
	if q.step == 0 {
		v, warnings, _, err = c.api.Query(qctx, q.expr, q.end, limit)
	} else {
		v, warnings, _, err = c.api.QueryRange(qctx, q.expr, promv1.Range{Start: q.start, End: q.end, Step: q.step}, limit)
	}
	if ex.skewKnown {
		r.skew(ex.skew)
	}
	if err != nil {
		return nil, c.classify(q, ex, err), fmt.Errorf("query %s: %w", q.what, err)
	}
	partial := r.warnings(q.what, warnings)
	if partial && q.partial != nil {
		q.partial()
	}
	return v, failure{partial: partial}, nil
}
