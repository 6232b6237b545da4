package recommender

import (
	"fmt"
	"slices"
	"time"
)

const (
	// oomPeace is how long after a kill for want of memory the evidence counts,
	// and oomPeaceMost the longest where kills came again and again: a week and
	// a day, so that what happens every week comes around once.
	oomPeace     = 3 * 24 * time.Hour
	oomPeaceMost = 8 * 24 * time.Hour
	// oomBump and oomBumpBytes are how the Vertical Pod Autoscaler raises
	// memory after such a kill.
	oomBump      = 1.2
	oomBumpBytes = 100 * float64(MiB)
	// trendDaysMost bounds how far ahead a trend is followed.
	trendDaysMost = 7
)

// memoryNeed is what a pod is taken to reach until the next decision has taken
// effect. Memory cannot be taken back, so it follows the maximum of a window:
//
//  1. the window maximum with the margin that its history asks for, or what an
//     accepted season says of the hours ahead, where sizes can follow it;
//  2. the growth of a leak;
//  3. what kills for want of memory have taught;
//  4. what a limit has to hold besides, page cache, before it may shrink.
func (d *draft) memoryNeed(c Container, w windows, n *containerNeed) {
	d.windowNeed(c, w, n)
	if !d.s.Workload.Batch() {
		d.seasonNeed(c, w, n)
		d.trendNeed(c, w, n)
	}
	d.oomNeed(c, n)
	d.cacheNeed(c, n)
	n.memoryHigh = n.memory * (1 + d.memoryMargin(c, w).Share)
}

// memoryMargin is the owner's, or else learned.
func (d *draft) memoryMargin(c Container, w windows) Margin {
	if own := d.s.Policy.Vertical.containerRules(c.Name).MemoryMargin; own > 0 {
		return Margin{Share: own}
	}
	_, regular := c.Memory.Season.within(w.act + d.age(c.Memory.Forecast))
	return WindowMargin(c.Memory.DailyPeaks, c.Memory.windowPeak(), d.s.Policy.Risk, regular)
}

// windowNeed is the window maximum, or the forecast's median of the maximum
// where that is more: what lies beyond is what the margin is for.
func (d *draft) windowNeed(c Container, w windows, n *containerNeed) {
	peak := c.Memory.windowPeak()
	switch {
	case d.s.Workload.Batch():
		// The next run may be like any that was seen.
		peak = slices.Max(append(slices.Clone(c.Memory.DailyPeaks), peak))
	case c.Memory.Forecast.Valid():
		peak = max(peak, d.within(c.Memory.Forecast, w.act, 0.5))
	}
	margin := d.memoryMargin(c, w)
	n.memoryLow, n.memory = peak, peak*(1+margin.Share)
	d.add(Reason{
		Code: ReasonMemoryPeak, Container: c.Name, Subject: "memory", Unit: "bytes", Before: c.Memory.Last, After: n.memory,
		Message: fmt.Sprintf("a pod reaches %s (8-day peak, what 14 days saw twice, and forecast); %s is %s",
			size(peak), margin.text(), size(n.memory)),
	})
	d.heapNeed(c, peak, n)
}

// text says where the margin comes from.
func (m Margin) text() string {
	on := percent(m.Share) + " on top"
	switch {
	case m.Days == 0:
		return on
	case m.Share <= marginFloor:
		return fmt.Sprintf("%s, the least, as %d daily peaks hardly differ,", on, m.Days)
	case m.Share >= marginMost:
		return fmt.Sprintf("%s, the most, as %d daily peaks differ a lot,", on, m.Days)
	default:
		return fmt.Sprintf("%s, as %d daily peaks ask for,", on, m.Days)
	}
}

// seasonNeed lets memory be small between its peaks: where sizes change in
// place, a season is accepted that sees as far as the decision has to last, and
// the forecast is one to rely on. What the season says of the hours ahead, the
// forecast quantile of their maximum and what is used now all have to be
// covered, with the default margin. It never raises anything.
func (d *draft) seasonNeed(c Container, w windows, n *containerNeed) {
	u, v, rules := c.Memory, d.s.Policy.Vertical, d.s.Policy.Vertical.containerRules(c.Name)
	expected, ok := u.Season.within(w.act + d.age(c.Memory.Forecast))
	if !ok || !v.InPlace || rules.Fixed || u.TrendPerDay > 0 || distrust(u.Forecast) != "" || u.Forecast.Reach() < w.act {
		return
	}
	level := 1 - d.s.Policy.Risk
	peak := max(expected, d.within(u.Forecast, w.act, level), u.Last, u.Recent)
	need := peak * (1 + max(defaultMemoryMargin, rules.MemoryMargin))
	if need >= n.memory {
		return
	}
	d.add(Reason{
		Code: ReasonMemorySeason, Container: c.Name, Subject: "memory", Unit: "bytes", Before: n.memory, After: need,
		Message: fmt.Sprintf("memory repeats every %s: within %s it went up to %s then, and stays below %s with probability %s; "+
			"it was high %d times in the last week as foretold (by chance: %s)",
			span(seconds(u.Season.PeriodSeconds)), span(w.act), size(expected), size(d.within(u.Forecast, w.act, level)), percent(level),
			u.Season.Peaks, percent(u.Season.Chance)),
	})
	n.ratio *= n.memory / need // Fewer pods have shown what the maximum takes.
	n.memoryLow, n.memory = peak, need
}

// trendNeed follows growth for the time that the decision has to last, and
// says when it will have reached the limit. It is a leak unless a heap grows that
// still may, around a live set that does not.
func (d *draft) trendNeed(c Container, w windows, n *containerNeed) {
	grow := c.Memory.TrendPerDay
	if grow <= 0 {
		return
	}
	days := min(max(1, w.act.Hours()/24), trendDaysMost)
	raised := n.memory + grow*days
	until := "; it has no limit to stop at"
	if limit := float64(c.Limits.Memory); limit > 0 {
		left := max(0, limit-max(c.Memory.Peak, c.Memory.Last)) / grow
		until = fmt.Sprintf("; the limit of %s is reached in %s days", size(limit), num(left))
	}
	why := "which looks like a leak"
	if r := c.Runtime; r.live() && !r.heapIsFull() && r.LiveTrendPerDay <= 0 {
		why = "as a heap does that still may: what is live after a collection does not grow"
	}
	d.add(Reason{
		Code: ReasonMemoryTrend, Container: c.Name, Subject: "memory", Unit: "bytes", Before: n.memory, After: raised,
		Message: fmt.Sprintf("daily peaks grow by %s a day, %s%s", size(grow), why, until),
	})
	n.memory = raised
}

// oomNeed keeps memory above what was not enough:
//
//	floor = max(1.2 L, L + 100 MiB)
//
// with L the limit at the kill, or what was used where that is not known. The
// evidence ends with a peace that is longer than kills have been coming for:
//
//	until = last kill + min(8 days, max(3 days, last kill - first kill + 1 day))
//
// What really was needed shows once there is room for it, and then the window
// maximum holds it; a kill that nothing has confirmed does not bind for longer.
func (d *draft) oomNeed(c Container, n *containerNeed) {
	if c.OOMKills == 0 {
		return
	}
	until := c.oomUntil()
	if !d.s.Now.Before(until) {
		return
	}
	at := float64(c.OOMLimit)
	if at == 0 {
		at = c.Memory.Peak
		unchanged := !d.s.State.LastChange.IsZero() && d.s.State.LastChange.Before(c.LastOOMKill)
		if limit := float64(c.Limits.Memory); unchanged || c.Memory.Peak >= 0.9*limit {
			at = max(at, limit)
		}
	}
	floor := max(at*oomBump, at+oomBumpBytes)
	d.add(Reason{
		Code: ReasonOOMKilled, Container: c.Name, Subject: "memory", Unit: "bytes", Before: n.memory, After: max(n.memory, floor),
		Message: fmt.Sprintf("killed for want of memory %d times, last %s at %s: at least %s until %s, if it stays the last",
			c.OOMKills, stamp(c.LastOOMKill), size(at), size(floor), stamp(until)),
	})
	n.memory = max(n.memory, floor)
	n.ofPods = 0 // No number of pods has shown that it is enough.
}

// oomUntil is when a kill for want of memory does not count any more.
func (c Container) oomUntil() time.Time {
	peace := oomPeace
	if !c.FirstOOMKill.IsZero() {
		peace = min(max(peace, c.LastOOMKill.Sub(c.FirstOOMKill)+24*time.Hour), oomPeaceMost)
	}
	return c.LastOOMKill.Add(peace)
}

// sharedReason tells where fewer pods than now need more memory each.
func (d *draft) sharedReason(z *sizer, o option) {
	for i, c := range d.s.Containers {
		n, now := z.n.containers[i], d.s.Replicas.pods()
		need, shown := n.memoryOf(float64(o.replicas), float64(now))
		if !n.known || need <= n.memory*1.001 {
			continue
		}
		why := fmt.Sprintf("they share what they hold, by the power %s of their number", num(n.share))
		if shown {
			why = fmt.Sprintf("%s pods have done with %s", num(n.ofPods), size(n.memory*n.ratio))
		}
		d.add(Reason{
			Code: ReasonMemoryShared, Container: c.Name, Subject: "memory", Unit: "bytes", Before: n.memory, After: need,
			Message: fmt.Sprintf("each of %d pods instead of %d takes %s: %s", o.replicas, now, size(need), why),
		})
	}
}

// cacheNeed keeps a limit from shrinking below what the container holds, page
// cache included. The kernel would have to throw files out at once, or kill.
func (d *draft) cacheNeed(c Container, n *containerNeed) {
	is, limit := int64(c.Requests.Memory), int64(c.Limits.Memory)
	rule := d.s.Policy.Vertical.containerRules(c.Name).MemoryLimit
	if c.PageCache <= 0 || limit <= 0 || rule.Policy == LimitNone {
		return
	}
	held := min(ceilInt64(c.Memory.Last+c.PageCache), limit)
	goes := func(request int64) int64 { return rule.of(is, limit, request) }
	lo, hi := ceilInt64(n.memory), max(is, held)
	if lo >= hi || goes(lo) >= held {
		return
	}
	// The smallest request whose limit holds it all.
	for lo+1 < hi {
		if mid := lo + (hi-lo)/2; goes(mid) >= held {
			hi = mid
		} else {
			lo = mid
		}
	}
	d.add(Reason{
		Code: ReasonPageCache, Container: c.Name, Subject: "memory", Unit: "bytes", Before: n.memory, After: float64(hi),
		Message: fmt.Sprintf("holds %s of page cache on top of %s: its limit does not shrink below both",
			size(c.PageCache), size(c.Memory.Last)),
	})
	n.memory = float64(hi)
}
