// Package kubelet plays the kubelets of all nodes for tests, where kwok plays the
// nodes: kwok knows nothing of resizes. What it does to pods is what a kubelet of
// Kubernetes 1.37 does, as far as the API shows it:
//
//   - it runs the pods that are scheduled, sidecars included, and takes away those
//     that are deleted, unless kwok does,
//   - a resize is Infeasible where the node can never hold it, Deferred while others
//     take the room, and otherwise allocated at once and in force a moment later,
//   - a memory limit is not lowered below what is in use: that is an Error, until
//     the limit is put back,
//   - containers whose policy says so restart with a resize,
//   - a container that uses more memory than its limit is killed and restarts.
//
// There is no container below it: how much memory one uses is what the test says.
package kubelet

import (
	"context"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// Options say how fast the kubelets are. Zero durations are a tenth of a second.
type Options struct {
	// KwokRunsPods says that kwok has stages that start pods and take them away:
	// then only what kwok does not do is done here.
	KwokRunsPods bool
	// StartDelay is how long a pod takes to run once it is scheduled, ReadyDelay
	// to be ready after that, ResizeDelay from the allocation of a resize to its
	// being in force, RestartDelay from the end of a container to its next start.
	StartDelay, ReadyDelay, ResizeDelay, RestartDelay time.Duration
	// Workers is how many pods are looked after at a time; zero means 4.
	Workers int
}

// Verdict is what a kubelet is made to say of the resizes of a pod.
type Verdict string

// The verdicts.
const (
	// Auto: by what there is on the node.
	Auto Verdict = ""
	// Deferred and Infeasible: whatever there is.
	Deferred   Verdict = corev1.PodReasonDeferred
	Infeasible Verdict = corev1.PodReasonInfeasible
	// Error: it is allocated and cannot be made.
	Error Verdict = corev1.PodReasonError
	// Silent: the kubelet does not answer.
	Silent Verdict = "Silent"
)

// Kubelet plays the kubelets.
type Kubelet struct {
	client kubernetes.Interface
	pods   cache.SharedIndexInformer
	nodes  corelisters.NodeLister
	queue  workqueue.TypedDelayingInterface[types.NamespacedName]
	o      Options
	t      testing.TB

	mu sync.Mutex
	// known is what each pod was allocated, by UID; waiting are those of which a
	// resize is Deferred, by node.
	known   map[types.UID]*pod
	waiting map[string]map[types.UID]types.NamespacedName
	// said and used are by namespace/name and, for memory, container.
	said map[types.NamespacedName]Verdict
	used map[container]int64
}

// container names a container of a pod.
type container struct {
	pod  types.NamespacedName
	name string
}

// byNode is the index of pods by their node.
const byNode = "node"

// Start starts the kubelets, which end with the test.
func Start(t testing.TB, config *rest.Config, o Options) *Kubelet {
	t.Helper()
	for _, d := range []*time.Duration{&o.StartDelay, &o.ReadyDelay, &o.ResizeDelay, &o.RestartDelay} {
		if *d <= 0 {
			*d = 100 * time.Millisecond
		}
	}
	if o.Workers <= 0 {
		o.Workers = 4
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatalf("kubelet: %v", err)
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	k := &Kubelet{
		client: client, pods: factory.Core().V1().Pods().Informer(), nodes: factory.Core().V1().Nodes().Lister(), o: o, t: t,
		queue: workqueue.NewTypedDelayingQueue[types.NamespacedName](),
		known: map[types.UID]*pod{}, waiting: map[string]map[types.UID]types.NamespacedName{}, said: map[types.NamespacedName]Verdict{}, used: map[container]int64{},
	}
	if err := k.pods.AddIndexers(cache.Indexers{byNode: indexByNode}); err != nil {
		t.Fatalf("kubelet: %v", err)
	}
	if _, err := k.pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: k.changed, UpdateFunc: func(_, p any) { k.changed(p) }, DeleteFunc: k.gone,
	}); err != nil {
		t.Fatalf("kubelet: %v", err)
	}
	ctx := t.Context() // Ends before what follows.
	var workers sync.WaitGroup
	t.Cleanup(func() {
		k.queue.ShutDown()
		workers.Wait()
		factory.Shutdown()
	})
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	for range o.Workers {
		workers.Go(func() {
			for k.next(ctx) {
			}
		})
	}
	return k
}

func indexByNode(object any) ([]string, error) {
	if p, ok := object.(*corev1.Pod); ok && p.Spec.NodeName != "" {
		return []string{p.Spec.NodeName}, nil
	}
	return nil, nil
}

// Say makes the kubelet of a pod answer its resizes as told, until told otherwise.
func (k *Kubelet) Say(namespace, name string, v Verdict) {
	key := types.NamespacedName{Namespace: namespace, Name: name}
	k.mu.Lock()
	k.said[key] = v
	k.mu.Unlock()
	k.queue.Add(key)
}

// Use sets how much memory a container holds, in bytes. More than its limit gets
// it killed, and again after each restart while it is more.
func (k *Kubelet) Use(namespace, name, of string, bytes int64) {
	key := types.NamespacedName{Namespace: namespace, Name: name}
	k.mu.Lock()
	k.used[container{key, of}] = bytes
	k.mu.Unlock()
	k.queue.Add(key)
}

// Kill kills a container for want of memory, once.
func (k *Kubelet) Kill(namespace, name, of string) {
	key := types.NamespacedName{Namespace: namespace, Name: name}
	k.mu.Lock()
	for _, p := range k.known {
		if p.key == key {
			p.kill = of
		}
	}
	k.mu.Unlock()
	k.queue.Add(key)
}

// changed has a pod looked at, and those of its node that wait for room.
func (k *Kubelet) changed(object any) {
	p, ok := object.(*corev1.Pod)
	if !ok || p.Spec.NodeName == "" {
		return
	}
	k.queue.Add(types.NamespacedName{Namespace: p.Namespace, Name: p.Name})
	k.mu.Lock()
	defer k.mu.Unlock()
	for uid, other := range k.waiting[p.Spec.NodeName] {
		if uid != p.UID {
			k.queue.Add(other)
		}
	}
}

func (k *Kubelet) gone(object any) {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	p, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	k.mu.Lock()
	delete(k.known, p.UID)
	delete(k.waiting[p.Spec.NodeName], p.UID)
	k.mu.Unlock()
	k.changed(p)
}

// next looks after one pod; false when the kubelets have ended.
func (k *Kubelet) next(ctx context.Context) bool {
	key, ended := k.queue.Get()
	if ended {
		return false
	}
	defer k.queue.Done(key)
	object, exists, err := k.pods.GetStore().GetByKey(key.String())
	p, ok := object.(*corev1.Pod)
	if err != nil || !exists || !ok || p.Spec.NodeName == "" {
		return true
	}
	if _, err := k.nodes.Get(p.Spec.NodeName); err != nil {
		return true // Nobody plays that node.
	}
	if after := k.reconcile(ctx, p.DeepCopy()); after > 0 {
		k.queue.AddAfter(key, after)
	}
	return true
}
