package recommender

import (
	"fmt"
	"slices"
	"strings"
)

// boundReasons tells what moved the sizes from what the need asks for, and what
// leaves the choice short.
func (d *draft) boundReasons() {
	f := d.frame
	want := amountsOf(d.chosen.uncapped)
	placed := make([]amounts, len(want))
	for i := range want {
		b := &f.boxes[i]
		clamped := b.clamped(want[i])
		placed[i] = clamped
		if b.fixed() {
			continue
		}
		if b.grid != nil {
			placed[i] = b.grid.up(clamped, b)
		}
		for r := range clamped {
			if got := d.chosen.sizes[i].amounts()[r]; got == placed[i][r] || got == clamped[r] {
				d.boxReason(i, r, want[i][r], clamped[r])
				d.gridReason(i, r, clamped[r], got)
			}
		}
	}
	if f.bounded() {
		d.podReasons(placed)
	}
	d.replicaReasons()
	d.shortReason()
}

// boxReason tells that a container's own bounds moved a request.
func (d *draft) boxReason(i, r int, want, got int64) {
	if want == got {
		return
	}
	b := &d.frame.boxes[i]
	by := b.loWhy[r]
	if got < want {
		by = b.hiWhy[r]
	}
	if b.held[r] {
		by = b.heldA
	}
	d.add(Reason{
		Code: by.code, Container: d.s.Containers[i].Name, Subject: subject(r), Unit: unit(r),
		Before: inUnit(r, want), After: inUnit(r, got),
		Message: fmt.Sprintf("%s would do, %s", amountOf(r, want), by.text(amountOf(r, got))),
	})
}

// text says what bounds a request to an amount.
func (w why) text(amount string) string {
	prefix, ok := map[ReasonCode]string{
		ReasonLimitRange:     "LimitRange " + w.name + " allows ",
		ReasonQuota:          "quota " + w.name + " leaves each pod ",
		ReasonNodeShape:      "the node " + w.name + " has room for ",
		ReasonInfeasible:     "a node refused more than ",
		ReasonScheduledFloor: "the floor " + w.name + " asks for ",
		ReasonStepLimited:    "one step goes to ",
		ReasonWindow:         w.name + " it stays at ",
	}[w.code]
	if !ok {
		prefix = "the bound is "
	}
	return prefix + amount
}

// gridReason tells that only some sizes are allowed.
func (d *draft) gridReason(i, r int, want, got int64) {
	if want == got {
		return
	}
	d.add(Reason{
		Code: ReasonAllowedSize, Container: d.s.Containers[i].Name, Subject: subject(r), Unit: unit(r),
		Before: inUnit(r, want), After: inUnit(r, got),
		Message: fmt.Sprintf("%s would do, the nearest size allowed has %s", amountOf(r, want), amountOf(r, got)),
	})
}

// podReasons tells what the pod as a whole had to give up.
func (d *draft) podReasons(placed []amounts) {
	f := d.frame
	asked, got := f.pod(placed), f.pod(amountsOf(d.chosen.sizes))
	_, by := f.most(asked, d.chosen.replicas)
	for r := range asked {
		if got[r] >= asked[r] || by[r].code == "" {
			continue
		}
		d.add(Reason{
			Code: by[r].code, Subject: subject(r), Unit: unit(r), Before: inUnit(r, asked[r]), After: inUnit(r, got[r]),
			Message: fmt.Sprintf("%d pods of %s each would do, %s", d.chosen.replicas, amountOf(r, asked[r]), by[r].text(amountOf(r, got[r]))),
		})
	}
}

// shortReason tells that nothing allowed carries the need, and names what binds.
func (d *draft) shortReason() {
	if d.chosen.short <= 1e-9 {
		return
	}
	within := "the bounds"
	if names := d.binding(); len(names) > 0 {
		within = strings.Join(names, ", ")
	}
	d.add(Reason{
		Code: ReasonShort, Subject: "replicas", Unit: "pods", Before: float64(d.s.Replicas.Desired), After: float64(d.chosen.replicas),
		Message: fmt.Sprintf("nothing within %s carries the need: %s of it stays uncovered", within, percent(d.largestLack())),
	})
}

// largestLack is the largest share of a resource that the choice lacks.
func (d *draft) largestLack() float64 {
	most := 0.0
	for i, want := range d.chosen.uncapped {
		got := d.chosen.sizes[i]
		most = max(most, lack(want.CPU.Cores(), got.CPU.Cores()), lack(float64(want.Memory), float64(got.Memory)))
	}
	if most > 0 {
		return most
	}
	return min(d.chosen.short, 1)
}

// binding names the quotas, LimitRanges and nodes that the chosen plan is cut
// by.
func (d *draft) binding() []string {
	f, names := d.frame, []string(nil)
	name := func(w why) {
		prefix, ok := map[ReasonCode]string{
			ReasonQuota: "quota ", ReasonLimitRange: "LimitRange ", ReasonNodeShape: "node ", ReasonInfeasible: "what a node refused",
		}[w.code]
		if n := prefix + w.name; ok && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	want := amountsOf(d.chosen.uncapped)
	_, by := f.most(f.pod(want), d.chosen.replicas)
	got := f.pod(amountsOf(d.chosen.sizes))
	for r, w := range by {
		if f.pod(want)[r] > got[r] {
			name(w)
		}
	}
	for i := range f.boxes {
		for r, w := range f.boxes[i].hiWhy {
			if want[i][r] > f.boxes[i].hi[r] {
				name(w)
			}
		}
	}
	for _, b := range d.bounds {
		if b.upper && d.chosen.replicas >= b.pods {
			name(b.why)
		}
	}
	return names
}
