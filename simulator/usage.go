package simulator

// lossFloor is the share of the demand below which what does not fit is a
// rounding error and not a loss.
const lossFloor = 1e-9

// usageLoad shares a total of CPU and memory evenly over the ready pods.
type usageLoad struct {
	w      *world
	demand *Demand
	row    int
	last   float64 // When use was last accounted for.

	demanded, lost float64 // Core-seconds in the scored span.
	lossy          []bool  // Windows with any loss.
}

func newUsageLoad(w *world) *usageLoad {
	return &usageLoad{
		w: w, demand: &w.sc.Demand, row: w.sc.Demand.row(w.steered), last: w.steered,
		lossy: make([]bool, wholeMinutes(w.sc.Duration)),
	}
}

func (u *usageLoad) cpu() float64 { return u.demand.Rate[u.row] }

func (u *usageLoad) memory() float64 {
	if u.demand.Memory == nil {
		return 0
	}
	return u.demand.Memory[u.row]
}

// share is the part of a total that each ready pod gets.
func (u *usageLoad) share(total float64) float64 { return total / float64(len(u.w.ready)) }

// advance goes from row to row.
func (u *usageLoad) advance(to float64) float64 {
	if u.kill() {
		return u.w.now
	}
	for {
		end := u.demand.rowEnd(u.row)
		if end > to {
			return to
		}
		u.integrate(end)
		u.w.now = end
		u.row++
		if u.kill() {
			return end
		}
	}
}

// integrate accounts for all ready pods up to t.
func (u *usageLoad) integrate(t float64) {
	dt := t - u.last
	if dt <= 0 {
		return
	}
	served := 0.0
	if len(u.w.ready) > 0 {
		cpu, memory := u.share(u.cpu()), u.share(u.memory())
		for _, p := range u.w.ready {
			used := min(cpu, p.ceiling)
			served += used
			p.use.cpu += used * dt
			p.use.memory += memory * dt
			p.use.running += dt
			p.use.readySeconds += dt
			p.use.readyCPU += used * dt
			p.use.readyCeiling += p.ceiling * dt
		}
	}
	u.score(u.last, t, u.cpu(), u.cpu()-served)
	u.last = t
}

// score counts demand and loss in cores over [from, to).
func (u *usageLoad) score(from, to, demand, lost float64) {
	if from < u.w.scored {
		return // Steps are aligned to the scored start, so none crosses it.
	}
	u.demanded += demand * (to - from)
	if lost <= lossFloor*demand {
		return
	}
	u.lost += lost * (to - from)
	first := int((from - u.w.scored) / windowSeconds)
	for i := first; i < len(u.lossy) && u.w.scored+windowSeconds*float64(i) < to; i++ {
		u.lossy[i] = true
	}
}

// kill ends the pods whose share of the memory is above their limit, and then
// those that have to take over from them. It says whether there were any.
func (u *usageLoad) kill() bool {
	killed := false
	for len(u.w.ready) > 0 {
		share := u.share(u.memory())
		var victims []*pod
		for _, p := range u.w.ready {
			if share+u.w.leaked(p) > p.memLimit {
				victims = append(victims, p)
			}
		}
		if len(victims) == 0 {
			break
		}
		for _, p := range victims {
			u.w.oomKill(p)
		}
		killed = true
	}
	return killed
}

func (u *usageLoad) settle(*pod) { u.integrate(u.w.now) }

// changed has nothing to do: advance looks at the memory of the pods that
// stay.
func (u *usageLoad) changed(*pod, change) {}

func (u *usageLoad) endStep(*Observation) { u.integrate(u.w.now) }

func (u *usageLoad) finish(s *Score) []bool {
	s.SLOViolationSeconds = u.w.violatedSeconds(u.lossy)
	s.SLOViolatedRequestRatio = ratio(u.lost, u.demanded)
	return u.lossy
}
