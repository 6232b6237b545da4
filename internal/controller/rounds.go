package controller

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/telemetry"
	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	// settle is how long after the end of a step its history is read: by then it
	// has been scraped.
	settle = 10 * time.Second
	// spreadEach is the time that a round takes for each RightSize at least, and
	// spreadShare the share of the step that it takes at most: a small fleet is
	// done in a moment, and a large one uses a part of the time evenly.
	spreadEach  = 50 * time.Millisecond
	spreadShare = 0.8
	// retryLeast is the wait after a reading that failed; it doubles up to the
	// step.
	retryLeast = 5 * time.Second
	// outageAfter is for how long pulses have to fail for the history to be read
	// before it is due, which then tells of an outage.
	outageAfter = 10 * time.Second
)

// rounds brings the history up to date once a step and then has every RightSize
// looked at, and between rounds those whose demand is a surprise.
type rounds struct {
	data    *data
	reader  client.Reader
	queues  []*queue
	metrics *metrics
	tracer  trace.Tracer
	log     logr.Logger
	step    time.Duration
	pulse   time.Duration
	// usage is what else tells of surprises; nil for nothing.
	usage *usages
	// every is called before each round.
	every func(context.Context)
	// due is sent to where a round does not wait for its time: pulses tell that
	// Prometheus is away, or answers again.
	due chan struct{}

	mu      sync.Mutex
	began   time.Time
	pending map[reconcile.Request]bool
}

// Start goes round until the context ends. It runs in the leader alone.
func (r *rounds) Start(ctx context.Context) error {
	var group sync.WaitGroup
	if r.pulse > 0 {
		group.Go(func() { r.pulses(ctx) })
		if r.usage != nil {
			group.Go(func() { r.measures(ctx) })
		}
	}
	wait := retryLeast
	for {
		began := time.Now()
		if err := r.round(ctx, began); err != nil {
			if !sleepUntil(ctx, wait, r.due) {
				break
			}
			wait = min(2*wait, r.step)
			continue
		}
		wait = retryLeast
		if !sleepUntil(ctx, time.Until(began.Truncate(r.step).Add(r.step+min(settle, r.step/4))), r.due) {
			break
		}
	}
	group.Wait()
	return nil
}

// sleep waits, and says whether there is anything left to do after it.
func sleep(ctx context.Context, d time.Duration) bool { return sleepUntil(ctx, d, nil) }

// sleepUntil is the same, but waits no longer than until something is due.
func sleepUntil(ctx context.Context, d time.Duration, due <-chan struct{}) bool {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
	case <-due:
	}
	return ctx.Err() == nil
}

// round reads the history and has all RightSizes looked at, whether that failed
// or not: they then say so.
func (r *rounds) round(ctx context.Context, at time.Time) error {
	if r.every != nil {
		r.every(ctx)
	}
	if err := r.name(ctx); err != nil {
		return err
	}
	spanned, span := r.tracer.Start(ctx, "collect", trace.WithAttributes(attribute.String("at", at.UTC().Format(time.RFC3339))))
	err := r.data.history.Refresh(spanned, at)
	if err != nil {
		span.RecordError(err)
	}
	span.End()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_, failed := r.data.state()
	turned := r.data.refreshed(time.Now(), err)
	frozen := 0.0
	switch {
	case err != nil:
		frozen = 1
		if failed == nil {
			r.log.Error(err, "the history cannot be read; nothing is lowered meanwhile")
		}
	case failed != nil:
		r.log.Info("the history can be read again")
	}
	r.metrics.gauge(telemetry.Frozen, frozen, frozenMetrics)
	if err != nil && !turned {
		return err // There is nothing new to decide by, or to tell.
	}
	if listed := r.enqueue(ctx, at); listed != nil {
		return listed
	}
	return err
}

// name has the signals that RightSizes name read from now on, so that the first
// reading has them already. Of several about one target, the oldest names them.
// What is wrong with them is told when each is looked at.
func (r *rounds) name(ctx context.Context) error {
	var all v1alpha1.RightSizeList
	if err := r.reader.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list RightSizes: %w", err)
	}
	oldest := map[string]*v1alpha1.RightSize{}
	for i := range all.Items {
		rs := &all.Items[i]
		key := rs.Namespace + " " + targetKey(targetKind(rs.Spec.TargetRef), rs.Spec.TargetRef.Name)
		if was := oldest[key]; was == nil || rs.CreationTimestamp.Before(&was.CreationTimestamp) {
			oldest[key] = rs
		}
	}
	for _, rs := range oldest {
		if len(rs.Spec.Demand.Signals) > 0 {
			_ = r.data.watch(rs) // Told by its own reconciliation.
		}
	}
	return nil
}

// enqueue spreads all RightSizes over a part of the step, in an order that is the
// same each time.
func (r *rounds) enqueue(ctx context.Context, at time.Time) error {
	var all v1alpha1.RightSizeList
	if err := r.reader.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list RightSizes: %w", err)
	}
	spread := min(time.Duration(float64(r.step)*spreadShare), time.Duration(len(all.Items))*spreadEach)
	r.mu.Lock()
	r.began, r.pending = at, make(map[reconcile.Request]bool, len(all.Items))
	for i := range all.Items {
		r.pending[reconcile.Request{NamespacedName: keyOf(&all.Items[i])}] = true
	}
	r.mu.Unlock()
	for i := range all.Items {
		q := reconcile.Request{NamespacedName: keyOf(&all.Items[i])}
		priority := priorityRound
		if !isTrue(&all.Items[i].Status, v1alpha1.ConditionRecommendationAvailable) {
			priority = priorityFirst
		}
		for n, to := range r.queues {
			// The roles take turns: what one writes, the other sees.
			to.add(priority, share(q, spread)+time.Duration(n)*time.Second, q)
		}
	}
	return nil
}

// share is when in the spread something is looked at.
func share(q reconcile.Request, spread time.Duration) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(q.String())) // It never fails.
	return time.Duration(float64(spread) * float64(h.Sum32()) / (1 << 32))
}

// done notes that something has been looked at. After the last of a round, its
// length is known.
func (r *rounds) done(q reconcile.Request) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.pending[q] {
		return
	}
	delete(r.pending, q)
	if len(r.pending) == 0 {
		r.metrics.gauge(telemetry.RoundDuration, time.Since(r.began).Seconds())
	}
}

// outage says when the history is to be read at once, by how pulses go.
type outage struct {
	since time.Time
	told  bool
}

// pulsed takes in how a pulse went and how the history was read last. True once
// when pulses have failed for a while, and when they succeed though the history
// could not be read.
func (o *outage) pulsed(now time.Time, pulse, reading error) bool {
	switch {
	case pulse == nil:
		*o = outage{}
		return reading != nil
	case o.since.IsZero():
		o.since = now
		return false
	case o.told || now.Sub(o.since) < outageAfter:
		return false
	}
	o.told = true
	return true
}

// pulses has surprises looked at without delay: no more often than there is
// anything new.
func (r *rounds) pulses(ctx context.Context) {
	var away outage
	for sleep(ctx, max(r.pulse, r.data.history.ScrapeInterval())) {
		how, failure := r.data.state()
		if how == knownNothing {
			continue
		}
		surprised, err := r.data.history.Pulse(ctx, time.Now())
		if away.pulsed(time.Now(), err, failure) {
			select {
			case r.due <- struct{}{}:
			default: // It is due already, or under way.
			}
		}
		if err != nil { // Some of it may be known.
			r.log.V(1).Info("the newest demand cannot be read", "error", err.Error())
		}
		r.hurry(ctx, surprised)
	}
}

// hurry has the RightSizes of workloads looked at before all others. Their
// namespaces are listed once each, as one late scrape may make a surprise of all.
func (r *rounds) hurry(ctx context.Context, surprised []recommender.Workload) {
	type target struct{ kind, name string }
	in := map[string]map[target]bool{}
	for _, w := range surprised {
		if in[w.Namespace] == nil {
			in[w.Namespace] = map[target]bool{}
		}
		in[w.Namespace][target{w.Kind, w.Name}] = true
	}
	for namespace, targets := range in {
		var named v1alpha1.RightSizeList
		if err := r.reader.List(ctx, &named, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
			r.log.Error(err, "list RightSizes", "namespace", namespace)
			continue
		}
		for i := range named.Items {
			if ref := named.Items[i].Spec.TargetRef; targets[target{ref.Kind, ref.Name}] {
				r.queues[0].add(prioritySurprise, 0, reconcile.Request{NamespacedName: keyOf(&named.Items[i])})
			}
		}
	}
}
