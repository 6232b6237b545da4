package controller

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/actuator/kube"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/internal/telemetry"
	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	// watchEvery is how often a change is judged while it is watched.
	watchEvery = time.Minute
	// peaksFor is how long peaks of memory are kept: they are from the history,
	// which has nothing newer within a step.
	peaksFor = 5 * time.Minute
	// budgetEvery is when it is tried again after a budget was used up: that of
	// resizes is for a minute.
	budgetEvery = time.Minute
	// retryEvery is when it is tried again after a step was not made and not
	// refused: the API server did not answer, or something has changed since.
	retryEvery = 5 * time.Second
	// learnedBack is how far back evidence is looked for at first.
	learnedBack = time.Hour
)

// acting is what is in memory about one RightSize.
type acting struct {
	state    actuator.State
	refusals map[string]actuator.Refusal
	// refused is how changes were refused, by what was written.
	refused map[string]refusal
	// told is what of the state was written last.
	told string
	// peaks are of memory, as of an instant.
	peaks   map[string]recommender.Bytes
	peaksAt time.Time
}

// actuates puts what statuses recommend into force.
type actuates struct {
	world    *world
	settings *settings
	data     *data
	rounds   *rounds
	shared   *shared
	statuses *statuses
	writer   *kube.Writer
	budgets  *budgets
	metrics  *metrics
	events   *events
	tracer   trace.Tracer
	traces   *traces
	grace    time.Duration
	warmup   time.Duration
	started  time.Time

	mu     sync.Mutex
	memory map[types.UID]*acting
	uids   map[types.NamespacedName]types.UID
}

// Reconcile makes what may be changed now about one RightSize.
func (a *actuates) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	defer a.rounds.done(q)
	rs := &v1alpha1.RightSize{}
	if err := a.world.cached.Get(ctx, q.NamespacedName, rs); err != nil {
		if apierrors.IsNotFound(err) {
			a.forget(q.NamespacedName)
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("read RightSize %s: %w", q, err)
	}
	if rs.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	if err := a.budgets.restore(ctx, a.world); err != nil {
		return reconcile.Result{}, err
	}
	before := a.statuses.current(rs)
	after := *before.DeepCopy()
	x := &action{rs: rs, now: time.Now(), memory: a.remember(rs, before), after: &after}
	x.conditions = conditions{&after, x.now, rs.Generation}
	ctx, span := a.tracer.Start(a.traces.into(ctx, rs.UID), "actuation", trace.WithAttributes(
		attribute.String("k8s.namespace.name", rs.Namespace), attribute.String("rightsize", rs.Name)))
	defer span.End()
	result, err := a.act(ctx, x)
	if err != nil {
		span.RecordError(err)
		return result, err
	}
	return result, a.publish(ctx, x, before)
}

// action is one go at a RightSize.
type action struct {
	rs     *v1alpha1.RightSize
	now    time.Time
	memory *acting
	after  *v1alpha1.RightSizeStatus
	conditions
}

// remember is what is known about a RightSize: in memory, else from its status.
func (a *actuates) remember(rs *v1alpha1.RightSize, s v1alpha1.RightSizeStatus) *acting {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := keyOf(rs)
	if was, ok := a.uids[key]; ok && was != rs.UID {
		delete(a.memory, was)
		a.statuses.forget(was)
	}
	a.uids[key] = rs.UID
	m := a.memory[rs.UID]
	if m == nil {
		m = &acting{}
		if state, err := snapshot.DecodeActuation(s.Actuation); err == nil {
			m.state = state
		}
		m.told = essence(m.state)
		a.memory[rs.UID] = m
	}
	return m
}

func (a *actuates) forget(key types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	uid := a.uids[key]
	delete(a.memory, uid)
	delete(a.uids, key)
	a.statuses.forget(uid)
	a.metrics.forget(key)
}

// essence is what of a state is written as soon as it changes. What is usual for
// the workload goes on changing without anything being done, and what only ends by
// time is known to have ended from the rest.
func essence(s actuator.State) string {
	s = s.Compact()
	s.Baseline, s.Watch, s.LearnedAt, s.Spent, s.Waves = actuator.Baseline{}, actuator.Baseline{}, time.Time{}, nil, nil
	return snapshot.EncodeActuation(s)
}

// act plans and makes the plan.
func (a *actuates) act(ctx context.Context, x *action) (reconcile.Result, error) {
	if reason, message, idle := idleMode(x.rs.Spec.Mode); idle {
		x.after.Pods = v1alpha1.PodCounts{}
		x.set(v1alpha1.ConditionApplied, false, reason, message)
		return reconcile.Result{}, nil
	}
	found, err := a.world.resolve(ctx, x.rs)
	if err != nil {
		return reconcile.Result{}, err
	}
	if found.reason != v1alpha1.ReasonResolved {
		x.after.Pods = v1alpha1.PodCounts{}
		x.set(v1alpha1.ConditionApplied, false, found.reason, found.message)
		return reconcile.Result{}, nil
	}
	if err := a.data.watch(x.rs); err != nil {
		x.set(v1alpha1.ConditionApplied, false, v1alpha1.ReasonUnknownSignal, firstLine(err))
		return reconcile.Result{}, nil
	}
	_, span := a.tracer.Start(ctx, "plan")
	in, plan := a.plan(x, found.objects)
	span.SetAttributes(attribute.Int("steps", len(plan.Steps)))
	span.End()
	outcomes := a.make(ctx, x, found.objects, plan)
	a.count(x.rs, plan, outcomes)
	x.after.Pods = podCounts(in, x.memory.state)
	applied(x, in, plan)
	return reconcile.Result{RequeueAfter: again(plan, x.memory.state, outcomes)}, nil
}

// idleMode says why a mode changes nothing.
func idleMode(mode v1alpha1.Mode) (reason, message string, idle bool) {
	switch mode {
	case v1alpha1.ModeDryRun, "":
		return v1alpha1.ReasonDryRun, "mode DryRun changes nothing", true
	case v1alpha1.ModePaused:
		return v1alpha1.ReasonPaused, "mode Paused changes nothing", true
	case v1alpha1.ModeInitial, v1alpha1.ModeApply:
	}
	return "", "", false
}

// again is when the next plan is due without an event.
func again(plan actuator.Plan, s actuator.State, outcomes []kube.Outcome) time.Duration {
	d := time.Duration(plan.RecheckAfterSeconds * float64(time.Second))
	if slices.ContainsFunc(outcomes, func(o kube.Outcome) bool { return o.Result != kube.Applied && o.Result != kube.Refused }) {
		return retryEvery
	}
	if watched := s.Wave != nil && !s.Wave.Passed || s.Scaled != nil || len(s.Pods) > 0; watched && (d == 0 || d > watchEvery) {
		d = watchEvery
	}
	budget := slices.ContainsFunc(plan.Reasons, func(r actuator.PodReason) bool { return r.Code == actuator.ReasonBudget })
	if budget && (d == 0 || d > budgetEvery) {
		d = budgetEvery
	}
	return d
}

// plan is what may be done now. The budgets over all workloads are taken from
// under one lock, so that two plans never spend the same.
func (a *actuates) plan(x *action, o snapshot.Objects) (actuator.Input, actuator.Plan) {
	settings := a.settings.get()
	how, failure := a.data.state()
	ref := x.rs.Spec.TargetRef
	id, _ := a.data.workload(x.rs.Namespace, ref.Kind, ref.Name)
	m := snapshot.Moment{
		Now: x.now, KillSwitch: settings.KillSwitch, Stale: how != knownFresh || failure != nil, State: x.memory.state, Refused: x.memory.refusals,
		Peaks: a.peaks(id, x),
	}
	if a.warmup > 0 {
		a.mu.Lock()
		m.Started = a.started
		a.mu.Unlock()
		if m.Started.IsZero() {
			m.Started = x.now
		}
	}
	since := x.memory.state.LearnedAt
	if since.IsZero() {
		since = x.now.Add(-learnedBack)
	}
	m.Evidence = a.data.history.Evidence(id, since)
	d := snapshot.Decided(id, *x.after, a.standsAt(x))
	a.budgets.mu.Lock()
	defer a.budgets.mu.Unlock()
	m.Cluster = a.budgets.ledger.Left(settings.Budgets, x.now)
	in := snapshot.Input(x.rs, d, o, m)
	in.Settings.WarmupSeconds = a.warmup.Seconds()
	plan, next := actuator.Next(in)
	a.budgets.ledger.Add(x.now, plan.Spent)
	a.budgets.tell(a.metrics, settings.Budgets, x.now)
	x.memory.state = next
	return in, plan
}

// standsAt is when the recommendation of the status was last known to stand: when
// it was written, or later by a decision of this program that found it unchanged.
func (a *actuates) standsAt(x *action) time.Time {
	var at time.Time
	if t := x.after.DecisionTime; t != nil {
		at = t.Time
	}
	if later := a.shared.confirmed(x.rs); later.After(at) {
		at = later
	}
	return at
}

// peaks are, by container, the most memory that a pod held lately, as far as this
// program has read it.
func (a *actuates) peaks(id recommender.Workload, x *action) map[string]recommender.Bytes {
	if p := a.shared.holding(x.rs.UID); p != nil {
		return p
	}
	m := x.memory
	if m.peaks != nil && x.now.Sub(m.peaksAt) < peaksFor {
		return m.peaks
	}
	if s, ok := a.data.history.Snapshot(id, x.now, recommender.Policy{}); ok {
		m.peaks, m.peaksAt = peaksOf(s), x.now
	}
	return m.peaks
}

// make makes the steps of a plan. Those under way end, even when the program is to
// end.
func (a *actuates) make(ctx context.Context, x *action, o snapshot.Objects, plan actuator.Plan) []kube.Outcome {
	if len(plan.Steps) == 0 {
		return nil
	}
	ctx, span := a.tracer.Start(ctx, "steps", trace.WithAttributes(attribute.Int("steps", len(plan.Steps))))
	defer span.End()
	ctx, cancel := lasting(ctx, a.grace)
	defer cancel()
	target := kube.Target{
		APIVersion: o.Target.GetAPIVersion(), Kind: o.Target.GetKind(), Namespace: o.Target.GetNamespace(), Name: o.Target.GetName(),
		TakeOver: o.TakeOver(), PodsPerReplica: o.PodsPerReplica(),
	}
	outcomes := a.writer.Write(ctx, target, plan)
	x.memory.refusals = kube.Refusals(x.memory.refusals, outcomes)
	x.memory.noteRefusals(x.now, target.Kind, outcomes)
	x.memory.state = kube.Forget(x.memory.state, outcomes)
	for _, r := range outcomes {
		switch r.Result {
		case kube.Applied:
			log.FromContext(ctx).Info("changed", "step", r.Step.Kind, "pod", r.Step.Pod, "reason", r.Step.Reason.Code, "message", r.Step.Reason.Message)
		case kube.Refused, kube.Failed:
			log.FromContext(ctx).Info("not changed", "step", r.Step.Kind, "pod", r.Step.Pod, "result", r.Result, "refusal", r.Refusal, "message", r.Message)
		case kube.Stale, kube.Skipped:
			log.FromContext(ctx).V(1).Info("not changed", "step", r.Step.Kind, "pod", r.Step.Pod, "result", r.Result, "message", r.Message)
		}
	}
	return outcomes
}

// publish writes the actuator's fields where they say something new.
func (a *actuates) publish(ctx context.Context, x *action, before v1alpha1.RightSizeStatus) error {
	a.tell(x)
	told := essence(x.memory.state)
	was, is := ofActuator(before), ofActuator(*x.after)
	if told == x.memory.told && sameApplied(was, is) {
		return nil
	}
	x.after.Actuation = snapshot.EncodeActuation(x.memory.state.Compact())
	ctx, span := a.tracer.Start(ctx, "status")
	defer span.End()
	ctx, cancel := lasting(ctx, a.grace)
	defer cancel()
	if err := a.statuses.apply(ctx, x.rs, *x.after); err != nil {
		return err
	}
	x.memory.told = told
	if isTrue(x.after, v1alpha1.ConditionApplied) {
		a.traces.forget(x.rs.UID) // What comes later is no part of it.
	}
	a.events.transitions(x.rs, was, is)
	return nil
}

// tell gives what is known of the pods as metrics.
func (a *actuates) tell(x *action) {
	key, mode := keyOf(x.rs), string(x.rs.Spec.Mode)
	a.metrics.tellConditions(key, mode, func(kind string) bool { return kind == v1alpha1.ConditionApplied }, *x.after)
	var all []series
	if p := x.after.Pods; p.Total != nil {
		outdated := *p.Total - *p.Sized - *p.Pending - *p.Refused
		for state, n := range map[string]int32{"sized": *p.Sized, "pending": *p.Pending, "refused": *p.Refused, "outdated": outdated} {
			all = append(all, series{[]string{state}, float64(n)})
		}
	}
	a.metrics.tell(key, mode, map[string][]series{telemetry.Pods: all})
}

var _ reconcile.Reconciler = (*actuates)(nil)
