package controller

import (
	"context"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/telemetry"
)

// budgetsEvery is how often metrics tell what is left of the budgets.
const budgetsEvery = 15 * time.Second

// begin starts the time of warming up, in the leader, and looks at everything once
// it is over. Then it tells what is left of the budgets until the context ends.
func (a *actuates) begin(ctx context.Context, q *queue) {
	a.mu.Lock()
	a.started = time.Now()
	a.mu.Unlock()
	a.frozen()
	var group sync.WaitGroup
	if a.warmup > 0 {
		a.metrics.gauge(telemetry.Frozen, 1, frozenWarmUp)
		group.Go(func() {
			if sleep(ctx, a.warmup) {
				a.metrics.gauge(telemetry.Frozen, 0, frozenWarmUp)
				a.look(ctx, q)
			}
		})
	}
	for more := true; more; more = sleep(ctx, budgetsEvery) {
		a.budgets.mu.Lock()
		a.budgets.tell(a.metrics, a.settings.get().Budgets, time.Now())
		a.budgets.mu.Unlock()
	}
	group.Wait()
}

// frozen tells whether the kill switch is on.
func (a *actuates) frozen() {
	on := 0.0
	if a.settings.get().KillSwitch {
		on = 1
	}
	a.metrics.gauge(telemetry.Frozen, on, frozenKillSwitch)
}

// look has every RightSize looked at by the actuator: the settings have changed,
// or it has warmed up.
func (a *actuates) look(ctx context.Context, q *queue) {
	a.frozen()
	var all v1alpha1.RightSizeList
	if err := a.world.list(ctx, &all, ""); err != nil {
		log.Log.Error(err, "cannot look at all RightSizes")
		return
	}
	for i := range all.Items {
		q.add(0, 0, reconcile.Request{NamespacedName: keyOf(&all.Items[i])})
	}
}
