package collector

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	// startStep and startSpan are the grid of the CPU that containers use while
	// they start: starts last minutes, and a day holds enough of them.
	startStep = time.Minute
	startSpan = 24 * time.Hour
	// startMost is how long after its creation a pod that is not ready counts as
	// one that starts, startAge how long a container has to run before its mean
	// says anything.
	startMost = 15 * time.Minute
	startAge  = 15 * time.Second
	// runsMost is how many runs of a workload are kept, the newest.
	runsMost = 200
)

// Run is one run of a workload that runs to completion: a Job that succeeded.
type Run struct {
	// Job is the name of the Job.
	Job string
	// Day is the end of the last day on which it was seen.
	Day time.Time
	// Seconds is how long it took.
	Seconds float64
	// CPUSeconds is the CPU time that its pods used, by container, as of the last
	// scrape of each; without an entry where unknown.
	CPUSeconds map[string]float64
}

// knownRun is a run that may not have ended, and when anything was last said of
// it.
type knownRun struct {
	Run
	seen time.Time
}

// Timed is what durations are of.
type Timed string

// What durations are of.
const (
	// TimedRequests: whole requests, TimedFirstTokens and TimedNextTokens: tokens
	// of a language model.
	TimedRequests    Timed = "requests"
	TimedFirstTokens Timed = "first_tokens"
	TimedNextTokens  Timed = "next_tokens"
)

// Bucket is how much of something took at most a number of seconds.
type Bucket struct {
	// Seconds is the upper bound, included; +Inf for all.
	Seconds float64
	// Rate is how many a second took at most that long.
	Rate float64
}

// startCPU is the mean CPU, from its start on, of containers whose pods were
// made lately and are not ready yet: what the counter says over the age of the
// container, so that one sample of a short start is enough. It is at most the
// largest CPU of the start.
func (s scope) startCPU() string {
	counter := s.usage("container_cpu_usage_seconds_total")
	mean := fmt.Sprintf("max by (%[1]s) (%[2]s) / (max by (%[1]s) (timestamp(%[2]s)) - max by (%[1]s) (%[3]s) > %[4]d)",
		s.container(), counter, s.usage("container_start_time_seconds"), int64(startAge.Seconds()))
	starting := fmt.Sprintf("(%[2]s) and on (%[1]s) (max by (%[1]s) (%[3]s) > time() - %[5]d) and on (%[1]s) (max by (%[1]s) (%[4]s) == 0)",
		s.pod(), mean, s.state("kube_pod_created"), s.state("kube_pod_status_ready", equal("condition", "true")), int64(startMost.Seconds()))
	return s.perOwner("max", "("+starting+")", s.owners(s.window), "container")
}

// runSeconds is how long Jobs took that completed and were still there within
// the window.
func (s scope) runSeconds(window time.Duration) string {
	of := func(metric string) string {
		return fmt.Sprintf("max by (%s) (max_over_time(%s[%s]))", s.by("namespace", "job_name"), s.state(metric), promDuration(window))
	}
	return of("kube_job_status_completion_time") + " - " + of("kube_job_status_start_time")
}

// runCPU is the CPU time that the pods of Jobs had used at their last scrape
// within the window.
func (s scope) runCPU(window time.Duration) string {
	used := s.over("max_over_time", []string{s.usage("container_cpu_usage_seconds_total")}, window, 0)
	jobs := fmt.Sprintf("(%s and on (%s) %s)", used, s.pod(), fmt.Sprintf("max_over_time(%s[%s])",
		s.state("kube_pod_owner", equal("owner_kind", "Job")), promDuration(window)))
	return s.perOwner("sum", jobs, s.owners(window), "container")
}

// deadlines are how long Jobs may run, and how far apart the runs of CronJobs
// are.
func (s scope) deadlines(window time.Duration) string {
	last := func(metric string) string {
		return fmt.Sprintf("last_over_time(%s[%s])", s.state(metric), promDuration(window))
	}
	return fmt.Sprintf("max by (%s) (%s) or max by (%s) (%s - %s > 0)", s.by("namespace", "job_name"), last("kube_job_spec_active_deadline_seconds"),
		s.by("namespace", "cronjob"), last("kube_cronjob_next_schedule_time"), last("kube_cronjob_status_last_schedule_time"))
}

// runTasks ask about the runs of Jobs at the points of a grid, each of which
// tells of the time since the one before it.
func (x *collection) runTasks(g grid) []task {
	n := x.found.series["kube_job_status_completion_time"]
	if n == 0 || g.n == 0 {
		return nil
	}
	tasks := x.ranges(task{signal: tableRuns, call: call{what: "runs of Jobs"}, series: x.noteRuns}, g, x.scaled(n), weight{3, 0},
		func(s scope) string { return s.runSeconds(g.step) })
	tasks = append(tasks, x.ranges(task{signal: tableRuns, call: call{what: "CPU time of Jobs"}, series: x.noteRunCPU}, g, x.groups, weightUsage(),
		func(s scope) string { return s.runCPU(g.step) })...)
	return append(tasks, task{
		signal: tableRuns, call: call{what: "deadlines of Jobs", expr: x.scope.deadlines(x.grids.coarse.step), end: x.grids.fine.end},
		vector: func(v model.Vector) {
			x.mu.Lock()
			defer x.mu.Unlock()
			for _, sample := range v {
				w := x.jobOrCronJob(sample.Metric)
				if d := float64(sample.Value); d > x.fresh.deadlines[w] && !math.IsInf(d, 0) {
					x.fresh.deadlines[w] = d
				}
			}
		},
	})
}

// jobOrCronJob is the workload that a series about a Job or a CronJob is of.
func (x *collection) jobOrCronJob(m model.Metric) recommender.Workload {
	if name := m["cronjob"]; name != "" {
		return x.owners.id(m, "CronJob", name)
	}
	return x.owners.resolve(x.owners.id(m, "Job", m["job_name"]))
}

func (x *collection) noteRuns(matrix model.Matrix) {
	for _, s := range matrix {
		w := x.jobOrCronJob(s.Metric)
		if w.Name == "" || !x.wanted(w) {
			continue
		}
		for _, p := range s.Values {
			if v := float64(p.Value); v >= 0 && !math.IsInf(v, 0) {
				at := p.Timestamp.Time().UTC()
				x.noteRun(w, knownRun{Run{Job: string(s.Metric["job_name"]), Seconds: v, Day: at}, at})
			}
		}
	}
}

func (x *collection) noteRunCPU(matrix model.Matrix) {
	for _, s := range matrix {
		job := x.owners.of(s.Metric)
		w := x.owners.resolve(job)
		if job.Kind != "Job" || w.Name == "" || !x.wanted(w) {
			continue
		}
		for _, p := range s.Values {
			if v := float64(p.Value); v >= 0 && !math.IsInf(v, 0) {
				x.noteRun(w, knownRun{Run{Job: job.Name, CPUSeconds: map[string]float64{string(s.Metric["container"]): v}}, p.Timestamp.Time().UTC()})
			}
		}
	}
}

func (x *collection) noteRun(w recommender.Workload, r knownRun) {
	x.Archive.mu.Lock()
	defer x.Archive.mu.Unlock()
	x.addRun(w, r)
}

// addRun lays what is said of a run over what is known of it: of each number the
// largest.
func (a *Archive) addRun(w recommender.Workload, r knownRun) {
	if a.runs[w] == nil {
		a.runs[w] = map[string]knownRun{}
	}
	is := a.runs[w][r.Job]
	is.Job, is.Seconds = r.Job, max(is.Seconds, r.Seconds)
	if r.Day.After(is.Day) {
		is.Day = r.Day
	}
	if r.seen.After(is.seen) {
		is.seen = r.seen
	}
	used := maps.Clone(is.CPUSeconds)
	for container, v := range r.CPUSeconds {
		if used == nil {
			used = map[string]float64{}
		}
		used[container] = max(used[container], v)
	}
	is.CPUSeconds = used
	a.runs[w][r.Job] = is
}

// forgetRuns drops the runs of a workload that are older than the history.
func (a *Archive) forgetRuns(w recommender.Workload) {
	runs, start := a.runs[w], a.grids.start()
	maps.DeleteFunc(runs, func(_ string, r knownRun) bool { return r.seen.Before(start) })
	if extra := len(runs) - 2*runsMost; extra > 0 {
		oldest := slices.SortedFunc(maps.Values(runs), byDay)
		for _, r := range oldest[:extra] {
			delete(runs, r.Job)
		}
	}
	if len(runs) == 0 {
		delete(a.runs, w)
	}
}

func byDay(a, b knownRun) int { return cmp.Or(a.seen.Compare(b.seen), cmp.Compare(a.Job, b.Job)) }

// runsOf are the newest runs of a workload that ended, oldest first.
func (a *Archive) runsOf(w recommender.Workload) []Run {
	var out []Run
	for _, r := range a.runs[w] {
		if !r.Day.IsZero() { // One of which only CPU time is known has not ended.
			out = append(out, r.Run)
		}
	}
	slices.SortFunc(out, func(a, b Run) int { return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Job, b.Job)) })
	return out[max(0, len(out)-runsMost):]
}
