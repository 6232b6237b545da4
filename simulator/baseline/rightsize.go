package baseline

import (
	"github.com/rightsize-dev/rightsize/simulator"
)

// Ablations of rightsize: what is left of it without one of its parts. They
// have rightsize's settings, under their own names.
const (
	// noForecast takes the last value and its recent errors for a forecast.
	noForecast = "rightsize-naive"
	// noVertical keeps the sizes, noHorizontal the replicas.
	noVertical   = "rightsize-horizontal"
	noHorizontal = "rightsize-vertical"
	// noCalibration leaves quantiles where the experts' past errors put them.
	noCalibration = "rightsize-uncalibrated"
)

// buildRightsize makes rightsize, or one of its ablations, and reads its
// overrides.
func buildRightsize(name string) build {
	return func(_ *simulator.Scenario, s *settings) (simulator.Policy, error) {
		o := simulator.DefaultRightsize()
		o.Naive, o.FixedSize, o.FixedReplicas = name == noForecast, name == noVertical, name == noHorizontal
		if name == noCalibration {
			o.Without = []string{"calibration"}
		}
		o.Light = s.text("forecaster", "full", "full", "light") == "light"
		o.Risk = s.number("risk", 0, 0.0001, 0.5)
		o.ChangeHours = s.number("changeHours", 0, 0, 100)
		o.Utilization = s.number("cpuUtilization", 0, 0.01, 1)
		o.MemoryMargin = s.number("memoryMargin", 0, 0, 10)
		o.Stabilization = s.duration("downscaleStabilization", 0)
		o.Every = s.duration("interval", o.Every)
		o.ForecastEvery = s.duration("forecastInterval", o.ForecastEvery)
		if s.err != nil {
			return simulator.Policy{}, s.err
		}
		p := simulator.Rightsize(o)
		p.Name = name
		return p, nil
	}
}
