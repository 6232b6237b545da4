package controller

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/metricsapi"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/internal/telemetry"
	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	// missingPatience is how long a target may be missing before that is told as
	// stalled: objects of one manifest come in any order.
	missingPatience = 2 * time.Minute
	// missingAgain is how often a target is looked for whose kind is not watched.
	missingAgain = 30 * time.Second
)

// recommends decides about RightSizes and writes what it decides into their
// statuses.
type recommends struct {
	world    *world
	settings *settings
	data     *data
	rounds   *rounds
	statuses *statuses
	metrics  *metrics
	events   *events
	tracer   trace.Tracer
	traces   *traces
	shared   *shared
	// folder is where decisions are recorded; empty for nowhere.
	folder string
	// alone says that the actuator is another program, or none.
	alone bool
	// board holds what is offered as external metrics; nil where nothing is.
	board   *metricsapi.Board
	grace   time.Duration
	decider recommender.Recommender

	mu sync.Mutex
	// memory is what the last decision about a RightSize left behind: newer than
	// what its status says, where that has not changed in meaning.
	memory map[types.UID]recommender.State
	uids   map[types.NamespacedName]types.UID
}

// Reconcile decides about one RightSize.
func (r *recommends) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	defer r.rounds.done(q)
	rs := &v1alpha1.RightSize{}
	if err := r.world.cached.Get(ctx, q.NamespacedName, rs); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(q.NamespacedName)
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("read RightSize %s: %w", q, err)
	}
	if rs.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	r.know(rs)
	ctx, span := r.tracer.Start(ctx, "decision", trace.WithAttributes(
		attribute.String("k8s.namespace.name", rs.Namespace), attribute.String("rightsize", rs.Name), attribute.Int64("generation", rs.Generation)))
	defer span.End()
	result, err := r.decide(ctx, rs)
	if err != nil {
		span.RecordError(err)
	}
	return result, err
}

// know notes under which UID a name is, and forgets what was of another.
func (r *recommends) know(rs *v1alpha1.RightSize) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if was, ok := r.uids[keyOf(rs)]; ok && was != rs.UID {
		delete(r.memory, was)
		r.statuses.forget(was)
	}
	r.uids[keyOf(rs)] = rs.UID
}

func (r *recommends) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	uid := r.uids[key]
	delete(r.memory, uid)
	delete(r.uids, key)
	r.statuses.forget(uid)
	r.traces.forget(uid)
	r.shared.forget(uid)
	r.data.unwatch(uid)
	r.metrics.forget(key)
	r.board.Remove(key)
}

// decide does what is to be done about a RightSize now.
func (r *recommends) decide(ctx context.Context, rs *v1alpha1.RightSize) (reconcile.Result, error) {
	now := time.Now()
	before := r.statuses.current(rs)
	after := *before.DeepCopy()
	after.ObservedGeneration = rs.Generation
	c := conditions{&after, now, rs.Generation}
	c.drop(v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled)
	if rs.Spec.Mode == v1alpha1.ModePaused {
		r.keepConditions(c)
		return reconcile.Result{}, r.publish(ctx, rs, before, after, nil, now)
	}
	found, err := r.world.resolve(ctx, rs)
	if err != nil {
		return reconcile.Result{}, err
	}
	if found.reason == v1alpha1.ReasonResolved {
		if err := r.data.watch(rs); err != nil {
			found.reason, found.message = v1alpha1.ReasonUnknownSignal, firstLine(err)
		}
	}
	if how, _ := r.data.state(); how == knownNothing && before.ObservedGeneration == rs.Generation {
		return reconcile.Result{}, nil // After a restart there is nothing new to tell before the history has been read.
	}
	ok := found.reason == v1alpha1.ReasonResolved
	c.set(v1alpha1.ConditionTargetResolved, ok, found.reason, found.message)
	result := reconcile.Result{}
	stalled := ""
	if !ok {
		stalled = found.reason
	}
	if found.reason == v1alpha1.ReasonTargetNotFound {
		if age := now.Sub(rs.CreationTimestamp.Time); age < missingPatience {
			stalled, result.RequeueAfter = "", missingPatience-age+time.Second
		} else if _, watched := watchedKind(targetKind(rs.Spec.TargetRef)); !watched {
			result.RequeueAfter = missingAgain
		}
	}
	message := found.message
	policy, err := r.policy(rs, now)
	if err != nil {
		stalled, message = v1alpha1.ReasonInvalid, firstLine(err)
	}
	var d *recommender.Decision
	if r.mayDecide(rs, found, err) {
		d = r.recommend(ctx, rs, found, policy, &after, c)
	} else if found.found && rs.Spec.Mode != v1alpha1.ModeDryRun && stalled != v1alpha1.ReasonInvalid {
		// What a status recommends is what new pods are made with.
		after.Recommendation, after.Savings, after.DesiredReplicas, after.Reasons = v1alpha1.Recommendation{}, v1alpha1.Savings{}, nil, nil
		c.set(v1alpha1.ConditionRecommendationAvailable, false, found.reason, "none while the target is not this RightSize's alone to size")
	}
	if stalled != "" {
		c.set(v1alpha1.ConditionStalled, true, stalled, message)
	}
	r.ready(c, ok && stalled == "", found, message, stalled)
	return result, r.publish(ctx, rs, before, after, d, now)
}

// mayDecide says whether a recommendation makes sense: there is a target, the
// spec can be, and in a mode by which pods are made to the size that the status
// says, nothing is in the way.
func (r *recommends) mayDecide(rs *v1alpha1.RightSize, found resolved, invalid error) bool {
	if !found.found || invalid != nil {
		return false
	}
	return found.reason == v1alpha1.ReasonResolved || rs.Spec.Mode == v1alpha1.ModeDryRun
}

// keepConditions leaves the conditions of a paused RightSize as they were, about
// this generation.
func (r *recommends) keepConditions(c conditions) {
	for i := range c.status.Conditions {
		if c.status.Conditions[i].Type != v1alpha1.ConditionApplied {
			c.status.Conditions[i].ObservedGeneration = c.generation
		}
	}
}

// ready sums up.
func (r *recommends) ready(c conditions, ok bool, found resolved, message, stalled string) {
	switch {
	case !ok && stalled != "":
		c.set(v1alpha1.ConditionReady, false, stalled, message)
	case !ok:
		c.set(v1alpha1.ConditionReady, false, found.reason, message)
	case len(c.status.Recommendation.Containers) == 0 && c.status.Recommendation.Replicas == nil:
		reason := v1alpha1.ReasonNoData
		if a := condition(c.status, v1alpha1.ConditionRecommendationAvailable); a != nil {
			reason, message = a.Reason, a.Message
		}
		c.set(v1alpha1.ConditionReady, false, reason, message)
	default:
		c.set(v1alpha1.ConditionReady, true, v1alpha1.ReasonRecommended, "the target is resolved and there is a recommendation")
	}
}

// settled is the policy of a RightSize with its calendar.
type settled struct {
	recommender.Policy
	windows []recommender.Window
	floors  []recommender.ScheduledFloor
}

// policy is what the RightSize says over what the settings say.
func (r *recommends) policy(rs *v1alpha1.RightSize, now time.Time) (settled, error) {
	id, _ := r.data.workload(rs.Namespace, rs.Spec.TargetRef.Kind, rs.Spec.TargetRef.Name)
	p, err := snapshot.Policy(rs.Spec, r.settings.get().Policy(id))
	if err != nil {
		return settled{}, err
	}
	r.world.mu.Lock()
	p.Vertical.InPlace = r.world.features.Resize
	r.world.mu.Unlock()
	windows, floors, err := snapshot.Calendar(rs.Spec.Schedule, now)
	return settled{p, windows, floors}, err
}

// recommend decides and lays the decision into a status. Nil where there is
// nothing to decide by.
func (r *recommends) recommend(ctx context.Context, rs *v1alpha1.RightSize, found resolved, p settled, after *v1alpha1.RightSizeStatus, c conditions) *recommender.Decision {
	how, failure := r.data.state()
	id, several := r.data.workload(rs.Namespace, rs.Spec.TargetRef.Kind, rs.Spec.TargetRef.Name)
	switch {
	case how == knownNothing:
		if condition(after, v1alpha1.ConditionRecommendationAvailable) == nil {
			c.set(v1alpha1.ConditionRecommendationAvailable, false, v1alpha1.ReasonReading, "the history of the cluster is being read")
		}
		c.set(v1alpha1.ConditionReconciling, true, v1alpha1.ReasonReading, "the history of the cluster is being read")
		return nil
	case how == knownStale && !r.data.history.Exceeded(id, c.now):
		c.set(v1alpha1.ConditionRecommendationAvailable, false, v1alpha1.ReasonSourceUnavailable, firstLine(failure))
		return nil
	case several:
		c.set(v1alpha1.ConditionRecommendationAvailable, false, v1alpha1.ReasonNoData, "several clusters have such a workload: set prometheus.cluster in the settings")
		return nil
	}
	_, span := r.tracer.Start(ctx, "snapshot")
	snapshot.ExpectEngine(&p.Policy, found.objects)
	others, err := r.group(ctx, rs, c.now)
	if err != nil {
		log.FromContext(ctx).Error(err, "the others of the group are not known")
	}
	s, ok := r.data.history.Snapshot(id, c.now, p.Policy, others...)
	if !ok {
		span.End()
		c.set(v1alpha1.ConditionRecommendationAvailable, false, v1alpha1.ReasonNoData, "Prometheus has no series of "+id.Kind+" "+id.Name)
		return nil
	}
	r.shared.held(rs.UID, peaksOf(s))
	snapshot.Observe(&s, found.objects)
	s.Windows, s.Floors = p.windows, p.floors
	s.State = r.state(ctx, rs, after.State)
	span.End()
	d := r.decideBy(ctx, rs, s)

	*after = snapshot.Status(d, *after)
	if f, ok := snapshot.Forecast(s, d); ok {
		after.Forecast = f
	}
	ignored := snapshot.Ignored(rs.Spec)
	if rs.Spec.Demand.Group != "" && len(s.Variants) == 0 {
		ignored = append(ignored, "demand.group: no two of it serve a language model")
	}
	if len(ignored) > 0 && d.Action != recommender.ActionNone {
		c.set(v1alpha1.ConditionRecommendationAvailable, true, v1alpha1.ReasonRecommended, "not looked at: "+strings.Join(ignored, ", "))
	}
	if how == knownStale {
		c.set(v1alpha1.ConditionRecommendationAvailable, true, v1alpha1.ReasonRecommended,
			"raised by "+usageSource+", lowered by nothing, since Prometheus does not answer: "+firstLine(failure))
	}
	if err := record(r.folder, s, d); err != nil {
		log.FromContext(ctx).Error(err, "decisions are not recorded")
	}
	r.measure(rs, s, d)
	r.board.Post(types.NamespacedName{Namespace: rs.Namespace, Name: rs.Name}, s, d)
	return &d
}

// decideBy decides and remembers what the decision leaves to the next.
func (r *recommends) decideBy(ctx context.Context, rs *v1alpha1.RightSize, s recommender.Snapshot) recommender.Decision {
	_, span := r.tracer.Start(ctx, "decide")
	defer span.End()
	began := time.Now()
	d := r.decider.Decide(s)
	r.metrics.observe(telemetry.DecisionDuration, time.Since(began))
	span.SetAttributes(attribute.String("action", string(d.Action)), attribute.Int("replicas", d.DesiredReplicas))
	r.mu.Lock()
	r.memory[rs.UID] = d.State
	r.mu.Unlock()
	return d
}

// state is what the decision before left: in memory, else in the status. One that
// cannot be read is as if there was none.
func (r *recommends) state(ctx context.Context, rs *v1alpha1.RightSize, text string) recommender.State {
	r.mu.Lock()
	s, ok := r.memory[rs.UID]
	r.mu.Unlock()
	if ok {
		return s
	}
	s, err := snapshot.DecodeState(text)
	if err != nil {
		log.FromContext(ctx).Info("the state in the status is of no use; the workload counts as new", "error", err.Error())
	}
	return s
}

// publish writes a status where it says something new, or confirms a
// recommendation that pods do not have yet. A write under way ends, even when the
// program is to end.
func (r *recommends) publish(ctx context.Context, rs *v1alpha1.RightSize, before, after v1alpha1.RightSizeStatus, d *recommender.Decision, now time.Time) error {
	r.tell(rs, after)
	confirms := d != nil && r.alone && unfinished(rs, after) && (before.DecisionTime == nil || now.Sub(before.DecisionTime.Time) >= confirmEvery)
	if !confirms && !changed(rs.Spec.Mode, before, after, now) {
		r.confirm(rs, d)
		return nil
	}
	if d != nil && d.Action != recommender.ActionNone {
		after.DecisionTime = &metav1.Time{Time: now.UTC().Truncate(time.Second)}
	}
	spanned, span := r.tracer.Start(ctx, "status")
	defer span.End()
	spanned, cancel := lasting(spanned, r.grace)
	defer cancel()
	if err := r.statuses.apply(spanned, rs, after); err != nil {
		return err
	}
	r.confirm(rs, d)
	r.traces.keep(rs.UID, trace.SpanContextFromContext(ctx))
	r.events.transitions(rs, before, after)
	return nil
}

// confirm tells the actuator of this program that what the status recommends
// stands.
func (r *recommends) confirm(rs *v1alpha1.RightSize, d *recommender.Decision) {
	if d != nil && d.Action != recommender.ActionNone {
		r.shared.confirm(rs, d.At)
	}
}

// unfinished says whether pods are to have the recommendation and do not.
func unfinished(rs *v1alpha1.RightSize, s v1alpha1.RightSizeStatus) bool {
	if rs.Spec.Mode != v1alpha1.ModeApply && rs.Spec.Mode != v1alpha1.ModeInitial {
		return false
	}
	return !isTrue(&s, v1alpha1.ConditionApplied) || differ(s.CurrentReplicas, s.DesiredReplicas)
}

// firstLine is an error in one line.
func firstLine(err error) string {
	if err == nil {
		return ""
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

var _ reconcile.Reconciler = (*recommends)(nil)
