package controller

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/rightsize-dev/rightsize/internal/snapshot"
)

// loads is what pods take of each node, kept up to date with every pod that comes,
// changes and goes: adding it up anew goes over all pods of a cluster, each of
// which is a kilobyte to copy.
type loads struct {
	// told says that all pods that were there at first have been told of.
	told func() bool

	mu   sync.Mutex
	pods map[types.UID]reserved
	// nodes are the sums of those that have any.
	nodes map[string]snapshot.Load
}

// untilTold is how often it is asked whether all pods have been told of.
const untilTold = 50 * time.Millisecond

// reserved is what one pod takes of its node.
type reserved struct {
	node string
	load snapshot.Load
}

func newLoads() *loads {
	return &loads{pods: map[types.UID]reserved{}, nodes: map[string]snapshot.Load{}}
}

// follow takes in the pods of a cache from now on. Those that are there are told
// of, too.
func (l *loads) follow(ctx context.Context, caches cache.Cache) error {
	pods, err := caches.GetInformer(ctx, &corev1.Pod{})
	if err != nil {
		return err
	}
	handler, err := pods.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    l.is,
		UpdateFunc: func(_, o any) { l.is(o) },
		DeleteFunc: func(o any) {
			if last, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
				o = last.Obj
			}
			if p, ok := o.(*corev1.Pod); ok {
				l.put(p.UID, reserved{})
			}
		},
	})
	if err != nil {
		return err
	}
	l.told = handler.HasSynced
	return nil
}

// is takes in a pod as it is.
func (l *loads) is(o any) {
	if p, ok := o.(*corev1.Pod); ok {
		l.put(p.UID, reserved{p.Spec.NodeName, snapshot.LoadOf([]*corev1.Pod{p})})
	}
}

// put replaces what a pod takes, by nothing where it has no node.
func (l *loads) put(uid types.UID, now reserved) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if was, ok := l.pods[uid]; ok {
		l.nodes[was.node] = l.nodes[was.node].Less(was.load)
		if l.nodes[was.node] == (snapshot.Load{}) {
			delete(l.nodes, was.node)
		}
		delete(l.pods, uid)
	}
	if now.node != "" && now.load != (snapshot.Load{}) {
		l.pods[uid] = now
		l.nodes[now.node] = l.nodes[now.node].More(now.load)
	}
}

// all is what is taken of each node that has pods. It waits for the first of them
// to be counted.
func (l *loads) all(ctx context.Context) (map[string]snapshot.Load, error) {
	for !l.told() {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("count what pods take of nodes: %w", ctx.Err())
		case <-time.After(untilTold):
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.nodes), nil
}
