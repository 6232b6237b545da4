package baseline

import (
	"math"
	"time"

	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/model"

	"github.com/rightsize-dev/rightsize/recommender"
)

// VPASizer is the recommender of the Vertical Pod Autoscaler at upstream's
// defaults, for one pod whose usage is given to it: for comparisons outside of
// a simulated cluster.
type VPASizer struct{ r *vpaRecommender }

// NewVPASizer returns a sizer that has seen nothing. Its requests are not
// raised to upstream's pod minimum, so that small workloads compare.
func NewVPASizer() *VPASizer {
	s := defaultVPASettings()
	s.podMinCPU, s.podMinMemory = 0, 0
	return &VPASizer{r: newVPARecommender(s, []model.ResourceName{model.ResourceCPU, model.ResourceMemory})}
}

// Add records the mean CPU usage in cores over the minute that ends at the
// instant, and the memory usage in bytes; NaN is nothing known.
func (v *VPASizer) Add(at time.Time, cores, bytes float64) {
	v.r.addCPU(at, 0, cores)
	if !math.IsNaN(bytes) {
		v.r.addMemory(at, 0, bytes)
	}
}

// OOMKill records a kill for want of memory under a request.
func (v *VPASizer) OOMKill(at time.Time, request recommender.Bytes) {
	v.r.recordOOM(at, 0, float64(request))
}

// Target is what upstream would request now; zero before the first sample.
func (v *VPASizer) Target() recommender.Resources {
	rec, ok := v.r.recommendation()
	if !ok {
		return recommender.Resources{}
	}
	return recommender.Resources{
		CPU: recommender.MilliCPU(rec.Target[model.ResourceCPU]), Memory: recommender.Bytes(rec.Target[model.ResourceMemory]),
	}
}
