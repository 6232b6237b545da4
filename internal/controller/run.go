package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/klog/v2" //nolint:depguard // The client logs by it, whatever logger it is given.
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/actuator/kube"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/history"
	"github.com/rightsize-dev/rightsize/internal/telemetry"
	"github.com/rightsize-dev/rightsize/recommender"
)

// program is what runs.
type program struct {
	options  Options
	manager  ctrl.Manager
	settings *settings
	world    *world
	metrics  *metrics
	events   *events
	data     *data
	// writer changes workloads, discovery asks what the cluster serves, which was
	// last done at asked.
	writer    *kube.Writer
	discovery *discovery.DiscoveryClient
	asked     time.Time
	tracing
	health *health
	step   time.Duration
}

// Run runs the program until the context ends.
func Run(ctx context.Context, o Options) (err error) {
	ctrl.SetLogger(o.Quiet)
	klog.SetLogger(o.Log.WithName("client-go"))
	p := &program{options: o, health: &health{address: o.Health}}
	if p.settings, err = readSettings(o.ConfigFile, o.Log.WithName("settings")); err != nil {
		return err
	}
	if p.metrics, err = newMetrics(ctrlmetrics.Registry, o.Version, o.Role); err != nil {
		return err
	}
	read, step, err := connect(p.settings.get(), o.dir(), o.Namespaces, p.metrics.queried)
	if err != nil {
		return err
	}
	p.step, p.data = step, &data{history: history.New(read, history.Options{
		ScrapeInterval: o.Pulse, Surprised: func(quantity string) { p.metrics.count(telemetry.Surprises, quantity) },
	})}
	if p.tracing, err = newTracing(ctx, o.Version, o.Role); err != nil {
		return err
	}
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, p.end(last))
	}()
	if err := p.prepare(ctx); err != nil {
		return err
	}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return p.health.Start(running) })
	o.Log.Info("rightsize-controller starts", "version", o.Version, "role", o.Role, "prometheus", read.Source(), "step", step.String(), "namespaces", o.Namespaces)
	group.Go(func() error { return p.manager.Start(running) })
	return group.Wait()
}

// prepare makes the manager and everything that it runs.
func (p *program) prepare(ctx context.Context) error {
	connection, err := p.options.restConfig()
	if err != nil {
		return err
	}
	if p.manager, err = ctrl.NewManager(connection, p.managerOptions()); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	p.events = &events{to: p.manager.GetEventRecorder("rightsize-" + string(p.options.Role))}
	if err := index(ctx, p.manager.GetFieldIndexer()); err != nil {
		return err
	}
	p.world = &world{
		cached: p.manager.GetCache(), live: p.manager.GetClient(), caches: p.manager.GetCache(), mapper: p.manager.GetRESTMapper(),
		served: map[schema.GroupVersionKind]bool{},
	}
	if p.world.nodesReadable, err = p.readable(ctx, &corev1.NodeList{}); err != nil {
		return err
	}
	if p.world.nodesReadable && len(p.options.Namespaces) == 0 {
		p.world.loads = newLoads()
		if err := p.world.loads.follow(ctx, p.manager.GetCache()); err != nil {
			return fmt.Errorf("watch pods: %w", err)
		}
	}
	if err := p.warm(ctx); err != nil {
		return err
	}
	if err := p.manager.Add(p.settings); err != nil {
		return err
	}
	if p.discovery, err = discovery.NewDiscoveryClientForConfigAndClient(connection, p.manager.GetHTTPClient()); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if err := p.roles(ctx); err != nil {
		return err
	}
	return p.probes()
}

func (p *program) managerOptions() ctrl.Options {
	o, yes := p.options, true
	renew, retry := o.LeaseDuration*2/3, o.LeaseDuration*2/15
	return ctrl.Options{
		Scheme: newScheme(), Logger: o.Quiet, Cache: cacheOptions(o.Namespaces),
		Client:  client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{}, Unstructured: false}},
		Metrics: metricsserver.Options{BindAddress: o.Metrics}, HealthProbeBindAddress: "0", PprofBindAddress: o.Profiling,
		LeaderElection: o.LeaderElect, LeaderElectionID: "rightsize-" + string(o.Role), LeaderElectionNamespace: o.Namespace,
		LeaderElectionReleaseOnCancel: true, LeaseDuration: &o.LeaseDuration, RenewDeadline: &renew, RetryPeriod: &retry,
		GracefulShutdownTimeout: &p.options.Grace,
		Controller:              config.Controller{MaxConcurrentReconciles: o.Concurrency, EnableWarmup: &yes, CacheSyncTimeout: 10 * time.Minute},
	}
}

// readable says whether objects of a kind may be listed in the whole cluster.
func (p *program) readable(ctx context.Context, list client.ObjectList) (bool, error) {
	err := p.manager.GetAPIReader().List(ctx, list, client.Limit(1))
	if apierrors.IsForbidden(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask the API server: %w", err)
	}
	return true, nil
}

// warm starts all caches with the program, so that they are full before anything
// is looked at, and in those who stand by as well.
func (p *program) warm(ctx context.Context) error {
	objects := []client.Object{
		&v1alpha1.RightSize{}, &corev1.Pod{}, &corev1.ResourceQuota{}, &corev1.LimitRange{}, &policyv1.PodDisruptionBudget{},
		&autoscalingv2.HorizontalPodAutoscaler{}, replicaSet(),
	}
	for _, k := range targetKinds() {
		objects = append(objects, object(k))
	}
	if p.world.nodesReadable {
		objects = append(objects, &corev1.Node{})
	}
	for _, o := range objects {
		if _, err := p.manager.GetCache().GetInformer(ctx, o); err != nil {
			return fmt.Errorf("watch %T: %w", o, err)
		}
	}
	return nil
}

// probes says when the caches are full.
func (p *program) probes() error {
	return p.manager.Add(always(func(ctx context.Context) error {
		if p.manager.GetCache().WaitForCacheSync(ctx) {
			p.health.ready.Store(true)
		}
		return nil
	}))
}

// always runs without being the leader.
type always func(context.Context) error

func (f always) Start(ctx context.Context) error { return f(ctx) }

// NeedLeaderElection implements the manager's interface.
func (f always) NeedLeaderElection() bool { return false }

// roles sets up what this program does.
func (p *program) roles(ctx context.Context) error {
	goes := &rounds{
		data: p.data, reader: p.manager.GetCache(), metrics: p.metrics, tracer: p.tracer, log: p.options.Log.WithName("rounds"),
		step: p.step, pulse: p.options.Pulse, every: p.ask, due: make(chan struct{}),
	}
	p.writer = kube.NewWriter(p.manager.GetClient(), p.manager.GetAPIReader())
	p.ask(ctx)
	together := newShared()
	if p.options.Role.recommends() {
		if err := p.recommender(goes, together); err != nil {
			return err
		}
		if err := p.optIn(ctx); err != nil {
			return err
		}
	}
	if p.options.Role.actuates() {
		if err := p.actuator(goes, together); err != nil {
			return err
		}
	}
	return p.manager.Add(goes)
}

// askEvery is how often the cluster is asked what it can do.
const askEvery = time.Hour

// ask finds out what the cluster can do, and which other autoscalers it serves.
func (p *program) ask(ctx context.Context) {
	p.world.discover(ctx)
	if time.Since(p.asked) < askEvery {
		return
	}
	var pods corev1.PodList
	options := []client.ListOption{client.Limit(100)}
	if len(p.options.Namespaces) > 0 {
		options = append(options, client.InNamespace(p.options.Namespaces[0]))
	}
	err := p.manager.GetAPIReader().List(ctx, &pods, options...)
	if err == nil {
		var f actuator.Features
		if f, err = p.writer.Discover(ctx, p.discovery, pointers(pods.Items)); err == nil {
			p.asked = time.Now()
			p.world.mu.Lock()
			p.world.features = f
			p.world.mu.Unlock()
			p.options.Log.Info("the cluster can", "resizeInPlace", f.Resize, "lowerMemoryLimits", f.MemoryLimitShrink, "sizeNewPods", f.SizedAtCreation)
			return
		}
	}
	p.options.Log.Error(err, "cannot ask the cluster what it can do; asked again with the next round")
}

func (p *program) recommender(goes *rounds, together *shared) error {
	q := &queue{}
	goes.queues = append(goes.queues, q)
	r := &recommends{
		world: p.world, settings: p.settings, data: p.data, rounds: goes, metrics: p.metrics, events: p.events, tracer: p.tracer, traces: p.traces,
		statuses: statusesOfRecommender(p.manager.GetClient()), grace: p.options.writing(),
		folder: p.options.Record, shared: together, alone: !p.options.Role.actuates(),
		memory: map[types.UID]recommender.State{}, uids: map[types.NamespacedName]types.UID{},
	}
	var err error
	if r.board, err = p.externalMetrics(); err != nil {
		return err
	}
	c, err := controller.New("rightsize-recommender", p.manager, controller.Options{Reconciler: r, LogConstructor: p.logger("recommender")})
	if err != nil {
		return err
	}
	w := &watcher{reader: p.manager.GetCache(), after: 2 * time.Second}
	if goes.usage, err = p.usage(w); err != nil {
		return err
	}
	return p.watch(c, w, q, predicate.TypedGenerationChangedPredicate[*v1alpha1.RightSize]{})
}

func (p *program) actuator(goes *rounds, together *shared) error {
	q := &queue{}
	goes.queues = append(goes.queues, q)
	a := &actuates{
		world: p.world, settings: p.settings, data: p.data, shared: together, metrics: p.metrics, events: p.events, tracer: p.tracer,
		traces: p.traces, statuses: statusesOfActuator(p.manager.GetClient()), writer: p.writer, budgets: &budgets{},
		grace: p.options.writing(), warmup: p.options.Warmup, memory: map[types.UID]*acting{}, uids: map[types.NamespacedName]types.UID{},
	}
	if !p.options.Role.recommends() {
		a.rounds = goes // Else a round is over when all has been decided.
	}
	c, err := controller.New("rightsize-actuator", p.manager, controller.Options{Reconciler: a, LogConstructor: p.logger("actuator")})
	if err != nil {
		return err
	}
	p.settings.changed = func(ctx context.Context) { a.look(ctx, q) }
	if err := p.manager.Add(leads(func(ctx context.Context) error {
		a.begin(ctx, q)
		return nil
	})); err != nil {
		return err
	}
	return p.watch(c, &watcher{reader: p.manager.GetCache(), after: 500 * time.Millisecond, progress: true}, q, predicate.TypedFuncs[*v1alpha1.RightSize]{
		UpdateFunc: func(e event.TypedUpdateEvent[*v1alpha1.RightSize]) bool {
			return e.ObjectOld.Generation != e.ObjectNew.Generation ||
				!apiequality.Semantic.DeepEqual(ofRecommender(e.ObjectOld.Status), ofRecommender(e.ObjectNew.Status))
		},
	})
}

// leads runs in the leader alone.
type leads func(context.Context) error

func (f leads) Start(ctx context.Context) error { return f(ctx) }

// NeedLeaderElection implements the manager's interface.
func (f leads) NeedLeaderElection() bool { return true }

// logger is what the controller itself logs by, and each reconciliation.
func (p *program) logger(role string) func(*reconcile.Request) logr.Logger {
	log := p.options.Log.WithName(role)
	return func(q *reconcile.Request) logr.Logger {
		if q == nil {
			return p.options.Quiet
		}
		return log.WithValues("namespace", q.Namespace, "rightsize", q.Name)
	}
}

// watch adds the sources of a controller: its RightSizes and what they are about.
func (p *program) watch(c controller.Controller, w *watcher, q *queue, of predicate.TypedPredicate[*v1alpha1.RightSize]) error {
	caches := p.manager.GetCache()
	sources := []source.Source{
		q.source(),
		source.Kind(caches, &v1alpha1.RightSize{}, &handler.TypedEnqueueRequestForObject[*v1alpha1.RightSize]{}, of),
		source.Kind(caches, &v1alpha1.RightSize{}, w.siblings()),
		source.Kind(caches, &corev1.Pod{}, w.pods()),
		source.Kind(caches, &autoscalingv2.HorizontalPodAutoscaler{}, rivals[*autoscalingv2.HorizontalPodAutoscaler](w)),
	}
	for _, k := range targetKinds() {
		sources = append(sources, source.TypedKind[*unstructured.Unstructured, reconcile.Request](caches, object(k), w.targets()))
	}
	for _, s := range sources {
		if err := c.Watch(s); err != nil {
			return fmt.Errorf("watch: %w", err)
		}
	}
	p.world.followRivals(func(k schema.GroupVersionKind) {
		if err := c.Watch(source.TypedKind[*unstructured.Unstructured, reconcile.Request](caches, object(k), rivals[*unstructured.Unstructured](w))); err != nil {
			p.options.Log.Error(err, "another autoscaler is not watched", "kind", k.Kind) // Rounds look at it all the same.
		}
	})
	return nil
}
