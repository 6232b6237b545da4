package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// Field managers of the status: each role owns its fields of it, so that neither
// can undo what the other says.
const (
	managerRecommender = v1alpha1.FieldManager + "-recommender"
	managerActuator    = v1alpha1.FieldManager + "-actuator"
)

// writeTimeout bounds the writing of one status.
const writeTimeout = 30 * time.Second

// lasting is a context that ends a while after its parent: what is being written
// then is written to the end.
func lasting(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return out, func() {
		stop()
		cancel()
	}
}

// ofActuator says which fields of a status are the actuator's: the condition
// Applied, the pods, and its own state.
func ofActuator(s v1alpha1.RightSizeStatus) v1alpha1.RightSizeStatus {
	out := v1alpha1.RightSizeStatus{Pods: s.Pods, Actuation: s.Actuation}
	for _, c := range s.Conditions {
		if c.Type == v1alpha1.ConditionApplied {
			out.Conditions = append(out.Conditions, c)
		}
	}
	return out
}

// ofRecommender is all the rest.
func ofRecommender(s v1alpha1.RightSizeStatus) v1alpha1.RightSizeStatus {
	out := *s.DeepCopy()
	out.Pods, out.Actuation, out.Conditions = v1alpha1.PodCounts{}, "", nil
	for _, c := range s.Conditions {
		if c.Type != v1alpha1.ConditionApplied {
			out.Conditions = append(out.Conditions, c)
		}
	}
	return out
}

// joined is a status with the recommender's fields of one and the actuator's of
// another.
func joined(recommender, actuator v1alpha1.RightSizeStatus) v1alpha1.RightSizeStatus {
	out, theirs := ofRecommender(recommender), ofActuator(actuator)
	out.Pods, out.Actuation = theirs.Pods, theirs.Actuation
	out.Conditions = append(out.Conditions, theirs.Conditions...)
	return *out.DeepCopy()
}

// statuses writes the fields of one role. It remembers what it wrote, since the
// cache may be behind.
type statuses struct {
	client  client.Client
	manager string
	// own are the fields of the role; over lays those of a status over another.
	own  func(v1alpha1.RightSizeStatus) v1alpha1.RightSizeStatus
	over func(own, rest v1alpha1.RightSizeStatus) v1alpha1.RightSizeStatus

	mu      sync.Mutex
	written map[types.UID]written
}

type written struct {
	version string
	status  v1alpha1.RightSizeStatus
}

func statusesOfRecommender(c client.Client) *statuses {
	return &statuses{client: c, manager: managerRecommender, own: ofRecommender, over: joined, written: map[types.UID]written{}}
}

func statusesOfActuator(c client.Client) *statuses {
	over := func(own, rest v1alpha1.RightSizeStatus) v1alpha1.RightSizeStatus { return joined(rest, own) }
	return &statuses{client: c, manager: managerActuator, own: ofActuator, over: over, written: map[types.UID]written{}}
}

// current is the status of a RightSize from the cache, with what this role wrote
// since.
func (s *statuses) current(rs *v1alpha1.RightSize) v1alpha1.RightSizeStatus {
	s.mu.Lock()
	w, ok := s.written[rs.UID]
	s.mu.Unlock()
	if !ok {
		return *rs.Status.DeepCopy()
	}
	if newer, err := resourceversion.CompareResourceVersion(w.version, rs.ResourceVersion); err != nil || newer <= 0 {
		s.forget(rs.UID)
		return *rs.Status.DeepCopy()
	}
	return s.over(w.status, rs.Status)
}

func (s *statuses) forget(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.written, uid)
}

// apply writes this role's fields of a status. That the object is gone, or is
// another of the same name, is no error: there is nothing to tell any more.
func (s *statuses) apply(ctx context.Context, rs *v1alpha1.RightSize, status v1alpha1.RightSizeStatus) error {
	own := s.own(status)
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&own)
	if err != nil {
		return fmt.Errorf("status of %s/%s: %w", rs.Namespace, rs.Name, err)
	}
	u := object(v1alpha1.GroupVersion.WithKind("RightSize"))
	u.SetNamespace(rs.Namespace)
	u.SetName(rs.Name)
	u.SetUID(rs.UID)
	u.Object["status"] = fields
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err = s.client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(s.manager), client.ForceOwnership)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		s.forget(rs.UID)
		return nil
	}
	if err != nil {
		return fmt.Errorf("write status of %s/%s: %w", rs.Namespace, rs.Name, err)
	}
	s.remember(rs.UID, u, status)
	return nil
}

// remember keeps what was written, as the API server answered.
func (s *statuses) remember(uid types.UID, answer *unstructured.Unstructured, status v1alpha1.RightSizeStatus) {
	version := answer.GetResourceVersion()
	if version == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written[uid] = written{version, *status.DeepCopy()}
}

// condition is that of a status, nil where there is none of the type.
func condition(s *v1alpha1.RightSizeStatus, kind string) *metav1.Condition {
	for i := range s.Conditions {
		if s.Conditions[i].Type == kind {
			return &s.Conditions[i]
		}
	}
	return nil
}
