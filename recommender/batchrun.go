package recommender

import "fmt"

const (
	// runsLeast is how many runs it takes to learn from how long they took.
	runsLeast = 3
	// runSlack is the share of a deadline that a run may take.
	runSlack = 0.8
)

// batchNeed sizes a run by what the pods of past runs used, not by what the
// next hour brings: between runs there is nothing to forecast.
//
// Samples are means over minutes, which a run shorter than that does not fill.
// Where the runs are known, a pod gets at least what it used over the time it
// ran,
//
//	cores ≥ CPU seconds / seconds
//
// and, where they come close to their deadline while the limit cut them off,
// what gets their CPU time done within 0.8 of it.
func (d *draft) batchNeed(c Container, n *containerNeed) {
	perPod := orDefault(c.CPU.PodP95, c.CPU.Peak)
	d.add(Reason{
		Code: ReasonPerRun, Container: c.Name, Subject: "cpu", Unit: "cores", Before: c.CPU.Mean, After: perPod,
		Message: fmt.Sprintf("runs to completion: the largest pod used up to %s cores in 95 %% of its time", num(perPod)),
	})
	if cores, message := c.runCores(); cores > perPod {
		d.add(Reason{
			Code: ReasonPerRun, Container: c.Name, Subject: "cpu", Unit: "cores", Before: perPod, After: cores, Message: message,
		})
		perPod = cores
	}
	pods := float64(d.s.Replicas.pods())
	n.cpu, n.cpuAhead = perPod*pods, perPod*pods
	n.cpuMedian, n.cpuExpected = c.CPU.Mean, c.CPU.Mean
	n.cpuHigh = max(n.cpu, c.CPU.Peak)
	n.imbalance = 1
}

// runCores is the CPU that past runs of a container ask for by the time they
// took, with a sentence about it; 0 where that is not known.
func (c Container) runCores() (cores float64, message string) {
	r := c.Runs
	if r == nil || r.Count < runsLeast || !(r.Seconds > 0) || !(r.CPUSecondsP95 > 0) {
		return 0, ""
	}
	took := max(r.Seconds, r.SecondsP95)
	cores = r.CPUSecondsP95 / took
	message = fmt.Sprintf("%d runs used up to %s CPU seconds within %s s: %s cores while they ran",
		r.Count, num(r.CPUSecondsP95), num(took), num(cores))
	cut := c.ThrottledRatio > throttledRatio || cores >= peggedShare*c.Limits.CPU.Cores() && c.Limits.CPU > 0
	if r.DeadlineSeconds > 0 && took > runSlack*r.DeadlineSeconds && cut {
		cores = r.CPUSecondsP95 / (runSlack * r.DeadlineSeconds)
		message = fmt.Sprintf("runs take up to %s s of the %s s they may, cut off by their limit: %s cores get %s CPU seconds done in %s of it",
			num(took), num(r.DeadlineSeconds), num(cores), num(r.CPUSecondsP95), percent(runSlack))
	}
	return cores, message
}
