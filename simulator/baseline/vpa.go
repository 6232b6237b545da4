package baseline

import (
	"time"

	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/model"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// vpaInterval is how often upstream's recommender reads metrics and
// recommends, and how often its updater looks at the pods (flags
// recommender-interval and updater-interval).
const vpaInterval = time.Minute

// buildVPA makes the policy vpa: the Vertical Pod Autoscaler for CPU and
// memory.
func buildVPA(_ *simulator.Scenario, s *settings) (simulator.Policy, error) {
	settings := readVPASettings(s)
	if s.err != nil {
		return simulator.Policy{}, s.err
	}
	return simulator.Policy{Name: "vpa", Every: vpaInterval, New: func(setup simulator.Setup) (simulator.Decider, error) {
		return newVPA(setup, settings, []model.ResourceName{model.ResourceCPU, model.ResourceMemory}), nil
	}}, nil
}

// vpaDecider is the Vertical Pod Autoscaler: the real recommender and the real
// update conditions of k8s.io/autoscaler/vertical-pod-autoscaler v1.8.1, to be
// called every minute of simulated time.
//
// Where upstream's components touch a cluster, it does this:
//
//   - Metrics are one sample a pod and minute, the average of the step that
//     ended last. With a step of more than a minute each average is taken once,
//     as upstream drops metrics that it has seen.
//   - It starts with the first sample: upstream's recommender recommends the
//     least there is for pods that run and of which it has none yet.
//   - The history of the warm-up is fed in the same way, as if the recommender
//     had run all along (its checkpoints have that effect).
//   - New pods get the target at once, as the admission controller gives it to
//     them. Running pods are resized in place when the updater's conditions say
//     so, in mode InPlace: a resize that is Deferred is not answered by an
//     eviction, and its target is renewed every minute.
//   - The number of pods that are updated at one time is not limited, as with
//     upstream's in-place-skip-disruption-budget flag; see
//     [defaultVPASettings] on workloads of one pod.
//   - Limits follow the requests in the initial ratio, as the simulator sets
//     them.
//
// Upstream logs by klog. At klog's default verbosity, which nothing here
// changes, the code in use writes nothing; a test holds it to that.
type vpaDecider struct {
	setup       simulator.Setup
	minReplicas int
	recommender *vpaRecommender
	updater     *vpaUpdater
	pods        map[int]podHistory
	last        time.Time // The previous call.
}

// podHistory is what is remembered of a pod from call to call.
type podHistory struct {
	oomKills int
	// memoryRequest was in force at the last call.
	memoryRequest recommender.Bytes
	// running is when its container began to run, zero if it was not ready at
	// the last call.
	running time.Time
	// killStarted and killed are as in [vpaPod].
	killStarted, killed time.Time
}

// newVPA returns a VPA that controls those resources.
func newVPA(s simulator.Setup, settings vpaSettings, controlled []model.ResourceName) *vpaDecider {
	return &vpaDecider{
		setup:       s,
		minReplicas: settings.minReplicas,
		recommender: newVPARecommender(settings, controlled),
		updater:     newVPAUpdater(settings, s.Scenario.Bounds),
	}
}

// Decide feeds what was observed, recommends and says which pods to resize.
func (d *vpaDecider) Decide(o simulator.Observation) simulator.Action {
	if d.pods == nil {
		d.feedHistory(o)
		d.pods = map[int]podHistory{}
	}
	d.feed(o)
	d.last = o.Now
	a := o.Keep()
	rec, ok := d.recommender.recommendation()
	if !ok {
		return a
	}
	target, err := d.updater.recommend(rec)
	if err != nil {
		// Upstream keeps its last recommendation; it never fails on amounts.
		return a
	}
	a.Template = controlledOr(target, o.Template)
	if len(o.Pods) < d.minReplicas {
		return a
	}
	verdicts, round := map[vpaPod]bool{}, newVPARound(&o)
	for i := range o.Pods {
		p := &o.Pods[i]
		if want := controlledOr(target, p.Wanted); want != p.Wanted && round.admits(p, want) && d.wants(p, o.Now, verdicts) {
			round.initiated++
			a.Resize = append(a.Resize, simulator.PodResize{ID: p.ID, Requests: want})
		}
	}
	return a
}

// Recommendation is what upstream's object would show in its status: bounds
// and target within what the scenario allows. It is false as long as there is
// none.
func (d *vpaDecider) Recommendation() (VPARecommendation, bool) {
	r := d.updater.vpa.Status.Recommendation
	if r == nil {
		return VPARecommendation{}, false
	}
	c := &r.ContainerRecommendations[0]
	return VPARecommendation{
		LowerBound: fromResourceList(c.LowerBound), Target: fromResourceList(c.Target), UpperBound: fromResourceList(c.UpperBound),
	}, true
}

// VPARecommendation is a recommendation of the Vertical Pod Autoscaler for one
// container.
type VPARecommendation struct{ LowerBound, Target, UpperBound recommender.Resources }

// controlledOr returns the target, and for resources that are not controlled
// what there is now.
func controlledOr(target, now recommender.Resources) recommender.Resources {
	if target.CPU == 0 {
		target.CPU = now.CPU
	}
	if target.Memory == 0 {
		target.Memory = now.Memory
	}
	return target
}

// wants asks the updater about a pod, once for all pods that are alike.
func (d *vpaDecider) wants(p *simulator.PodObservation, now time.Time, verdicts map[vpaPod]bool) bool {
	h := d.pods[p.ID]
	pod := d.updater.alike(vpaPod{
		requests: p.Requests, started: p.Started, killStarted: h.killStarted, killed: h.killed,
	}, now)
	verdict, ok := verdicts[pod]
	if !ok {
		verdict = d.updater.wants(pod, now)
		verdicts[pod] = verdict
	}
	return verdict
}

// feedHistory gives the recommender one sample a minute of the time before the
// first call.
func (d *vpaDecider) feedHistory(o simulator.Observation) {
	h := d.setup.History
	if h.Replicas < 1 || len(o.Pods) == 0 || h.CPU.Step <= 0 {
		return
	}
	taken := -1
	first := h.CPU.Start
	for at := first; at.Before(o.Now); at = at.Add(vpaInterval) {
		i := int(at.Sub(first) / h.CPU.Step)
		if i >= len(h.CPU.Values) {
			break
		}
		if i == taken {
			continue
		}
		taken = i
		end := first.Add(time.Duration(i) * h.CPU.Step)
		for n := range min(h.Replicas, len(o.Pods)) {
			d.recommender.addCPU(end, o.Pods[n].ID, h.CPU.Values[i]/float64(h.Replicas))
			if i < len(h.Memory.Values) {
				d.recommender.addMemory(end, o.Pods[n].ID, h.Memory.Values[i])
			}
		}
	}
}

// feed gives the recommender what was measured over the last step, and the OOM
// kills since the last call.
func (d *vpaDecider) feed(o simulator.Observation) {
	at := stepEnd(o, d.setup.Start)
	alive := make(map[int]bool, len(o.Pods))
	for i := range o.Pods {
		p := &o.Pods[i]
		alive[p.ID] = true
		if p.HasMetrics {
			d.recommender.addCPU(at, p.ID, p.CPUCores)
			d.recommender.addMemory(at, p.ID, p.MemoryBytes)
		}
		d.pods[p.ID] = d.follow(p)
	}
	for id := range d.pods {
		if !alive[id] {
			delete(d.pods, id)
		}
	}
	d.recommender.forget(alive)
}

// follow brings the memory of a pod up to date and records a new OOM kill.
func (d *vpaDecider) follow(p *simulator.PodObservation) podHistory {
	h, seen := d.pods[p.ID]
	startup := d.setup.Scenario.Service.Startup()
	if p.OOMKills > h.oomKills {
		h.oomKills = p.OOMKills
		h.killed = p.LastOOMKill
		h.killStarted = h.running
		if h.running.IsZero() { // It has become ready since the last call.
			h.killStarted = maxTime(p.Started, d.last.Add(-startup))
		}
		// A resize that the last call asked for was not in force at once.
		request := p.Requests.Memory
		if seen && !h.killed.After(d.last.Add(d.setup.Scenario.Cluster.ResizeDelay)) {
			request = h.memoryRequest
		}
		d.recommender.recordOOM(h.killed, p.ID, float64(request))
	}
	h.memoryRequest = p.Requests.Memory
	h.running = time.Time{}
	if p.Ready {
		h.running = maxTime(p.Started, p.ReadyChanged.Add(-startup))
	}
	return h
}

// maxTime is the later of two instants.
func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
