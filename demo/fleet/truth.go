package fleet

import (
	"fmt"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// Truth is what really happened to a workload, before and after Options.At.
type Truth struct {
	// Demand is in units a second over all pods, as it arrived.
	Demand forecaster.Series
	// CPU is in cores over all pods.
	CPU forecaster.Series
	// Memory is in bytes of the pod that used the most.
	Memory forecaster.Series
	// Replicas is the number of pods.
	Replicas int
}

// Truth returns what really happened to a workload, up to a day after
// Options.At. Value i is of the interval that ends at its instant.
func (f *Fleet) Truth(namespace, name string) (Truth, error) {
	for i := range f.workloads {
		w := &f.workloads[i]
		if w.namespace != namespace || w.name != name {
			continue
		}
		r := f.run(w)
		series := func(values []float64) forecaster.Series {
			return forecaster.Series{Start: f.grid.start, Step: f.grid.step, Values: values}
		}
		return Truth{Demand: series(r.arrivals), CPU: series(r.cpu), Memory: series(r.memory), Replicas: w.replicas}, nil
	}
	return Truth{}, fmt.Errorf("fleet has no workload %s in namespace %s", name, namespace)
}

// Peak returns the largest mean over window that ends within (from, to]; NaN
// where there is none.
func Peak(s forecaster.Series, from, to time.Time, window time.Duration) float64 {
	width := max(1, int(window/s.Step))
	means := forecaster.Series{Start: s.Start, Step: s.Step}
	sum := 0.0
	for i, v := range s.Values {
		sum += v
		if i >= width {
			sum -= s.Values[i-width]
		}
		t := s.Time(i)
		if i >= width-1 && t.After(from) && !t.After(to) {
			means.Values = append(means.Values, sum/float64(width))
		}
	}
	return means.Peak()
}
