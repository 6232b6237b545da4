package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// The priorities of the queue; events of objects have 0, lists at the start -100.
const (
	// prioritySurprise is for demand above what was expected.
	prioritySurprise = 100
	// priorityFirst is for what nothing is recommended for yet: demand above what was
	// expected of others must not keep it waiting.
	priorityFirst = prioritySurprise
	// priorityProgress is for how far a resize is: what is to be resized comes first.
	priorityProgress = -5
	// priorityRound is for what is looked at since it is time.
	priorityRound = -10
)

// queue is that of a controller, for what has to be looked at without an event of
// an object. Before the controller has started, adding does nothing.
type queue struct {
	mu sync.Mutex
	to priorityqueue.PriorityQueue[reconcile.Request]
}

// source hands the queue of the controller over when it starts.
func (q *queue) source() source.Source {
	return source.Func(func(_ context.Context, to workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.to, _ = to.(priorityqueue.PriorityQueue[reconcile.Request])
		return nil
	})
}

// add has something looked at after a while.
func (q *queue) add(priority int, after time.Duration, what ...reconcile.Request) {
	q.mu.Lock()
	to := q.to
	q.mu.Unlock()
	if to != nil {
		to.AddWithOpts(priorityqueue.AddOpts{After: after, Priority: &priority}, what...)
	}
}
