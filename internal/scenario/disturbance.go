package scenario

import "github.com/rightsize-dev/rightsize/simulator"

// readDisturbances reads what may break, be deployed, or stand between the
// world and its metrics; all of it is absent by default.
func readDisturbances(spec *object, sc *simulator.Scenario) {
	metrics := spec.object("metrics")
	sc.Metrics = simulator.MetricsQuality{Delay: metrics.duration("delay", 0), MissingRatio: metrics.number("missingRatio", 0)}
	for _, o := range metrics.objects("outages") {
		o.required("at", "for")
		sc.Metrics.Outages = append(sc.Metrics.Outages, simulator.Outage{At: o.duration("at", 0), For: o.duration("for", 0)})
		o.done()
	}
	metrics.done()
	for _, o := range spec.objects("failures") {
		o.required("at")
		sc.Failures = append(sc.Failures, simulator.Failure{
			At: o.duration("at", 0), For: o.duration("for", 0), Pods: o.integer("pods", 0), Nodes: o.integer("nodes", 0),
		})
		o.done()
	}
	for _, o := range spec.objects("deploys") {
		o.required("at")
		sc.Deploys = append(sc.Deploys, simulator.Deploy{
			At: o.duration("at", 0), CPUFactor: o.number("cpuSecondsPerRequestFactor", 1), MemoryFactor: o.number("memoryFactor", 1),
		})
		o.done()
	}
}
