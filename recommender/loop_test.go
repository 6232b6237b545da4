package recommender_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// A target that is a utilisation of something which is changed, too, has a loop
// gain: the Horizontal Pod Autoscaler on CPU utilisation adds pods because the
// Vertical one made their requests smaller, which lowers usage per pod, which
// makes requests smaller. What rightsize asks for depends on demand and not on
// what it asked for before: from any sizes and replicas, repeated decisions on
// their own output come to rest at once, at the same place.
func TestDecideHasNoLoopGain(t *testing.T) {
	t.Parallel()
	policies := map[string]func(*recommender.Snapshot){
		"usage":    func(*recommender.Snapshot) {},
		"demand":   func(s *recommender.Snapshot) { *s = withDemand(*s, 45, 100) },
		"in place": func(s *recommender.Snapshot) { *s = withDemand(*s, 45, 100); s.Policy.Vertical.InPlace = true },
		"latency objective": func(s *recommender.Snapshot) {
			*s = withDemand(*s, 45, 100)
			s.Policy.Objective = recommender.Objective{LatencySeconds: 0.2}
		},
		"with limits": func(s *recommender.Snapshot) {
			*s = withDemand(*s, 45, 100)
			s.Containers[0].Limits = s.Containers[0].Requests
		},
	}
	for name, change := range policies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			least, most := math.Inf(1), 0.0
			for _, start := range []recommender.MilliCPU{250, 1000, 4000} {
				for _, pods := range []int{2, 5, 20} {
					s := shop()
					s.Containers[0].Requests.CPU = start
					change(&s)
					s.Replicas.Desired, s.Replicas.Ready = pods, pods
					cores := settle(t, fmt.Sprintf("from %d pods of %d m", pods, start), s)
					least, most = min(least, cores), max(most, cores)
				}
			}
			// Where it rests depends on the start only by what is not worth a
			// change: 10 % of a size, 5 % of the cost for the number of pods, and
			// the price of starting and stopping them. For usage alone the
			// replicas, which stay as they are, each want room for one lost.
			if name != "usage" && most > 1.35*least {
				t.Errorf("rests at %.2f to %.2f cores", least, most)
			}
		})
	}
}

// settle feeds decisions back until 20 have been made, each after the
// stabilization window of the one before. From the fourth on nothing changes.
// It returns the cores it ends with.
func settle(t *testing.T, name string, s recommender.Snapshot) float64 {
	t.Helper()
	for i := range 20 {
		d := decide(s)
		c := &s.Containers[0]
		target := d.Containers[0].Target
		if i >= 3 && (d.Action != recommender.ActionHold) {
			t.Fatalf("%s, decision %d: %s from %d pods of %v to %d of %v", name, i, d.Action, s.Replicas.Desired, c.Requests, d.DesiredReplicas, target)
		}
		c.Requests, c.Limits = target, d.Containers[0].TargetLimits
		s.Replicas.Desired, s.Replicas.Ready = d.DesiredReplicas, d.DesiredReplicas
		s.State, s.Now = d.State, s.Now.Add(6*time.Minute)
	}
	return s.Containers[0].Requests.CPU.Cores() * float64(s.Replicas.Desired)
}
