package recommender

import (
	"fmt"
	"math"
)

// guardBehavior moves the number of pods only as far as all wishes of the
// stabilization windows agree and as the owner's policies permit, and sizes the
// pods for it. A wish within the tolerance of what is there is none, unless what
// is there is short.
func guardBehavior(d *draft, z *sizer) {
	h, now, wish := d.s.Policy.Horizontal, d.s.Replicas.Desired, d.chosen.replicas
	if d.fixedReplicas() != "" {
		d.state.Wishes = []Wish{{At: d.s.Now, Replicas: wish}}
		return
	}
	if d.tolerated(z, wish) {
		d.keep("", "replicas", "pods", float64(wish), float64(now))
		wish = now
	}
	kept, wishes := h.Stabilize(d.s.State.Wishes, d.s.Now, now, wish)
	d.state.Wishes = wishes
	if now == 0 {
		return // The first pods do not wait, or there would be none.
	}
	if kept != wish {
		window, down := h.stabilization()
		if kept > wish {
			window = down
		}
		d.add(Reason{
			Code: ReasonStabilized, Subject: "replicas", Unit: "pods", Before: float64(wish), After: float64(kept),
			Message: fmt.Sprintf("%d pods would do, but not all wishes within %s were for it: %d", wish, span(window), kept),
		})
	}
	limited := h.Behavior.Limit(d.state.Scales, d.s.Now, now, kept)
	if limited != kept {
		d.add(Reason{
			Code: ReasonScalingPolicy, Subject: "replicas", Unit: "pods", Before: float64(kept), After: float64(limited),
			Message: fmt.Sprintf("from %d pods the policies of change permit %d now, not %d", now, limited, kept),
		})
	}
	if limited > 0 {
		limited = min(max(limited, min(h.Min, max(wish, 0))), h.Max)
	}
	if d.held {
		limited = max(limited, now)
	}
	if kept > wish && limited == now && d.restless() {
		// They go in a moment: to resize them before is for nothing.
		if o := z.standing(); o.short <= d.chosen.short+1e-9 {
			d.chosen = o
			return
		}
	}
	d.rescale(z, limited)
}

// tolerated says whether a wish is too near to what is there to be one.
func (d *draft) tolerated(z *sizer, wish int) bool {
	h, now := d.s.Policy.Horizontal, d.s.Replicas.Desired
	rules := h.Behavior.ScaleUp
	if wish < now {
		rules = h.Behavior.ScaleDown
	}
	if rules == nil || wish == now || now < max(1, h.Min) || now > h.Max || wish == 0 {
		return false
	}
	if math.Abs(float64(wish)/float64(now)-1) > rules.Tolerance {
		return false
	}
	return z.option(now).short <= d.chosen.short+1e-9
}
