package fleet

import (
	"math"
	"math/rand/v2"
	"time"
)

// CPU scheduling.
const (
	// cfsPeriodsPerSecond is ten: the period is 100 ms.
	cfsPeriodsPerSecond = 10
	// startupCPU is what a starting container uses, in cores.
	startupCPU = 0.35
	// coldShare is the part of its memory with which a container starts.
	coldShare = 0.6
)

// track is the life of one container: its state and what was scraped of it
// from grid point first of its pod on.
type track struct {
	c        *container
	cpuNoise *noise
	memNoise *noise

	cpuSeconds float64
	periods    float64
	throttled  float64
	memory     float64
	leaked     float64
	restarts   float64

	// oomedAt counts grid points of the pod until the first OOM kill; -1 where
	// there was none.
	oomedAt int
	samples trackSamples
}

// trackSamples are the scraped values.
type trackSamples struct {
	cpu       []float64
	memory    []float64
	periods   []float64
	throttled []float64
	ooms      []float64
	restarts  []float64
}

// newTrack starts a container that was just created.
func newTrack(c *container, rng *rand.Rand, step time.Duration, length int) *track {
	t := &track{
		c: c, oomedAt: -1, memory: coldShare * c.baseMemory,
		cpuNoise: newNoise(rng, c.cpuNoise, 6*time.Minute, step),
		memNoise: newNoise(rng, 0.004, 4*time.Minute, step),
	}
	backing := make([]float64, 6*length)
	cut := func(i int) []float64 { return backing[i*length : i*length : (i+1)*length] }
	t.samples = trackSamples{cpu: cut(0), memory: cut(1), periods: cut(2), throttled: cut(3), ooms: cut(4), restarts: cut(5)}
	return t
}

// age makes the container as old as it was when the history began, under the
// load it then had in units a second.
func (t *track) age(d time.Duration, load float64, rng *rand.Rand) {
	cpu := t.cap(t.c.idleCPU + t.c.cpuPerUnit*load)
	t.cpuSeconds = cpu * d.Seconds() * (0.9 + 0.2*rng.Float64())
	if t.c.limit.cpu > 0 {
		t.periods = cfsPeriodsPerSecond * d.Seconds() * activity(cpu)
		t.throttled = math.Floor(0.3 * t.periods * throttleRatio(cpu, t.c.limit.cpu))
	}
	t.memory = t.c.baseMemory + t.c.memoryPerUnit*load
	if t.c.leakPerDay > 0 && t.c.limit.memory > t.memory {
		t.leaked = rng.Float64() * (t.c.limit.memory - t.memory)
	}
}

// cap is the CPU that the container gets of what it wants, in cores.
func (t *track) cap(wanted float64) float64 {
	if t.c.limit.cpu > 0 {
		return min(wanted, 0.995*t.c.limit.cpu)
	}
	return wanted
}

// activity is the share of CFS periods in which a container that uses so many
// cores ran at all.
func activity(cores float64) float64 { return min(1, 0.15+cores) }

// throttleRatio is the share of periods in which a container is held back when
// it wants so many cores on average: work comes in bursts, so that it begins
// well below the limit.
func throttleRatio(wanted, limit float64) float64 {
	if limit <= 0 {
		return 0
	}
	return 0.95 / (1 + math.Exp(-(wanted/limit-0.95)/0.09))
}

// use is what a container does in one step.
type use struct {
	// cpu is what it wants, in cores; memory what it should hold, in bytes.
	cpu    float64
	memory float64
}

// wants is the use under a load of so many units a second.
func (t *track) wants(load float64, ready bool) use {
	u := use{cpu: t.c.idleCPU + t.c.cpuPerUnit*load, memory: t.c.baseMemory + t.c.memoryPerUnit*load}
	if !ready {
		u.cpu = max(u.cpu, startupCPU)
	}
	return u
}

// step lives through one step of dt seconds and records what a scrape at its
// end sees. It returns the cores used, and whether the container was OOM
// killed: then the next step begins with a new one.
func (t *track) step(u use, dt float64) (float64, bool) {
	wanted := u.cpu * t.cpuNoise.next()
	used := t.cap(wanted)
	t.cpuSeconds += used * dt
	if t.c.limit.cpu > 0 {
		periods := math.Round(cfsPeriodsPerSecond * dt * activity(wanted))
		t.periods += periods
		t.throttled += math.Round(periods * throttleRatio(wanted, t.c.limit.cpu))
	}
	memory := t.grow(u.memory, dt)
	killed := t.c.limit.memory > 0 && memory > t.c.limit.memory
	t.record(min(memory, orInf(t.c.limit.memory)), killed)
	if killed {
		t.restart()
	}
	return used, killed
}

// grow moves memory towards its target within the time constant and returns
// the working set.
func (t *track) grow(target, dt float64) float64 {
	fill := 5 * time.Minute
	if t.c.fill > 0 {
		fill = t.c.fill
	}
	tau := fill.Seconds()
	if target < t.memory {
		tau *= 8
	}
	t.memory += (target - t.memory) * (1 - math.Exp(-dt/tau))
	t.leaked += t.c.leakPerDay * dt / (24 * 3600)
	return (t.memory + t.leaked) * t.memNoise.next()
}

// record appends one sample to everything.
func (t *track) record(memory float64, killed bool) {
	s := &t.samples
	ooms := 0.0
	if killed {
		ooms = 1
		if t.oomedAt < 0 {
			t.oomedAt = len(s.cpu) + 1
		}
	}
	s.cpu = append(s.cpu, quantize(t.cpuSeconds))
	s.memory = append(s.memory, math.Floor(memory/4096)*4096)
	s.periods = append(s.periods, math.Floor(t.periods))
	s.throttled = append(s.throttled, math.Floor(t.throttled))
	s.ooms = append(s.ooms, ooms)
	s.restarts = append(s.restarts, t.restarts)
}

// restart begins a new container: its counters start at zero.
func (t *track) restart() {
	t.cpuSeconds, t.periods, t.throttled, t.leaked = 0, 0, 0, 0
	t.memory = coldShare * t.c.baseMemory
	t.restarts++
}

// quantize rounds seconds to 1/1024, about what a counter of CPU time is good
// for.
func quantize(seconds float64) float64 { return math.Round(seconds*1024) / 1024 }

// orInf is the limit, or no limit where there is none.
func orInf(limit float64) float64 {
	if limit <= 0 {
		return math.Inf(1)
	}
	return limit
}
