package baseline

import (
	"github.com/rightsize-dev/rightsize/simulator"
)

// buildRightsize reads the overrides of rightsize.
func buildRightsize(_ *simulator.Scenario, s *settings) (simulator.Policy, error) {
	o := simulator.DefaultRightsize()
	o.Risk = s.number("risk", 0, 0.0001, 0.5)
	o.Utilization = s.number("cpuUtilization", 0, 0.01, 1)
	o.MemoryMargin = s.number("memoryMargin", 0, 0, 10)
	o.Stabilization = s.duration("downscaleStabilization", 0)
	o.Every = s.duration("interval", o.Every)
	o.ForecastEvery = s.duration("forecastInterval", o.ForecastEvery)
	mode := s.text("dimensions", "both", "both", "horizontal", "vertical")
	o.FixedReplicas = mode == "vertical"
	o.FixedSize = mode == "horizontal"
	if s.err != nil {
		return simulator.Policy{}, s.err
	}
	return simulator.Rightsize(o), nil
}
