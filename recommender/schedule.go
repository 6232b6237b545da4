package recommender

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// longestHold bounds how far ahead a size is chosen for because it cannot be
// changed before: a week and a day, as the history of peaks has it.
const longestHold = 8 * 24 * time.Hour

// open says whether an instant is inside of the window.
func (w Window) open(t time.Time) bool { return !t.Before(w.Start) && t.Before(w.End) }

// frozen is the freeze window that is open at an instant.
func (s Surroundings) frozen(t time.Time) (Window, bool) {
	for _, w := range s.Windows {
		if w.Type == WindowFreeze && w.open(t) {
			return w, true
		}
	}
	return Window{}, false
}

// closed says whether there are maintenance windows of which none is open at an
// instant, and when the next one opens; zero where that is not known.
func (s Surroundings) closed(t time.Time) (closed bool, next time.Time) {
	for _, w := range s.Windows {
		if w.Type != WindowMaintenance {
			continue
		}
		if w.open(t) {
			return false, s.nextMaintenance(t)
		}
		closed = true
	}
	return closed, s.nextMaintenance(t)
}

// nextMaintenance is when the next maintenance window opens after an instant,
// zero where that is not known.
func (s Surroundings) nextMaintenance(t time.Time) time.Time {
	var next time.Time
	for _, w := range s.Windows {
		if w.Type == WindowMaintenance && w.Start.After(t) && (next.IsZero() || w.Start.Before(next)) {
			next = w.Start
		}
	}
	return next
}

// windowBox keeps sizes where a window says so. What ran out of memory may get
// more of it all the same.
func (d *draft) windowBox(c Container, b *box) {
	if w, ok := d.s.frozen(d.s.Now); ok {
		d.keepInWindow(c, b, [2]bool{true, true}, "in the freeze "+w.Name)
		return
	}
	closed, next := d.s.closed(d.s.Now)
	if !closed || d.s.Workload.Batch() {
		return // Runs are made anew anyway.
	}
	name := "outside of the maintenance windows"
	if !next.IsZero() {
		name += ", of which the next opens " + stamp(next)
	}
	inPlace := d.s.Policy.Vertical.InPlace
	d.keepInWindow(c, b, [2]bool{!inPlace || c.RestartOnCPU, !inPlace || c.RestartOnMemory}, name)
}

// keepInWindow lowers nothing, and raises no resource whose change restarts the
// pod.
func (d *draft) keepInWindow(c Container, b *box, restarts [2]bool, name string) {
	by := why{ReasonWindow, name}
	for r, restart := range restarts {
		if restart && (r == ofCPU || !d.remembersOOM(c)) || b.present[r] > b.hi[r] {
			b.hold(r, by) // A new maximum waits, too.
		}
	}
	b.narrow(b.present, amounts{boundless, boundless}, by)
}

// prepared is the snapshot with the defaults of the policy and of the cluster
// filled in. Where sizes change in maintenance windows only and replicas cannot
// follow, what is chosen in one has to last until the next.
func (s Snapshot) prepared() Snapshot {
	s.Policy = s.Policy.withDefaults(s.Replicas)
	s.Containers = s.defaulted()
	if s.Policy.Vertical.InPlace || !s.Policy.Horizontal.Fixed && s.Workload.Scalable() || s.Workload.Batch() {
		return s
	}
	if closed, next := s.closed(s.Now); !closed && !next.IsZero() {
		s.Policy.HoldSeconds = max(s.Policy.HoldSeconds, min(next.Sub(s.Now), longestHold).Seconds())
	}
	return s
}

// defaulted are the containers with the requests that they really have: where
// none is set, Kubernetes takes the limit, or else what a LimitRange gives.
func (s Snapshot) defaulted() []Container {
	given := Resources{}
	for _, l := range s.LimitRanges {
		if l.Type == LimitRangeContainer {
			given = given.or(l.DefaultRequest).or(l.Default)
		}
	}
	out := s.Containers
	for i, c := range s.Containers {
		if has := c.Requests.or(c.Limits).or(given); has != c.Requests {
			if &out[0] == &s.Containers[0] {
				out = slices.Clone(s.Containers)
			}
			out[i].Requests = has
		}
	}
	return out
}

// ahead says whether the floor holds at some time within a span from now on.
func (f ScheduledFloor) ahead(now time.Time, span time.Duration) bool {
	return now.Before(f.To) && !now.Add(span).Before(f.From)
}

// floorBox raises what a container requests at least while a floor holds, or
// will by the time that the next decision has taken effect.
func (d *draft) floorBox(name string, b *box) {
	act := windowsOf(d.s).act
	for _, f := range d.s.Floors {
		if !f.ahead(d.s.Now, act) {
			continue
		}
		least, found := Resources{}, false
		for _, c := range f.Containers {
			if c.Name == name || c.Name == "*" && !found {
				least, found = c.Min, c.Name == name
			}
		}
		b.narrow(least.amounts(), amounts{boundless, boundless}, why{ReasonScheduledFloor, f.Name})
	}
}

// recheck is when the next decision is due: after the hold time, or earlier
// where a window opens or ends, or where it is time to reach a floor.
func (d *draft) recheck(hold float64) float64 {
	after := seconds(hold)
	at := func(t time.Time) {
		if wait := t.Sub(d.s.Now); wait > 0 {
			after = min(after, wait)
		}
	}
	for _, w := range d.s.Windows {
		at(w.Start)
		at(w.End)
	}
	w := windowsOf(d.s)
	for _, f := range d.s.Floors {
		at(f.From.Add(-max(w.act, w.ahead)))
		at(f.To)
	}
	return math.Ceil(after.Seconds())
}

// scheduledReplicas are the floors that hold now, or will by the time that pods
// ordered by the next decision serve.
func (d *draft) scheduledReplicas() {
	w := windowsOf(d.s)
	for _, f := range d.s.Floors {
		if f.MinReplicas > 0 && f.ahead(d.s.Now, w.ahead) {
			d.atLeast(f.MinReplicas, ReasonScheduledFloor, fmt.Sprintf("floor %s from %s", f.Name, stamp(f.From)))
		}
	}
	if w, ok := d.s.frozen(d.s.Now); ok {
		d.atLeast(d.s.Replicas.Desired, ReasonWindow, "freeze "+w.Name)
	}
}
