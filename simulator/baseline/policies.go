// Package baseline holds the policies that rightsize is measured against: the
// Horizontal Pod Autoscaler's algorithm, the Vertical Pod Autoscaler's own code,
// the two together, the set-up that never changes, and an oracle that knows the
// demand.
package baseline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rightsize-dev/rightsize/simulator"
)

// Oracle is the name of the policy that knows the demand.
const Oracle = "oracle"

// build makes a policy for a scenario.
type build func(sc *simulator.Scenario, s *settings) (simulator.Policy, error)

// policies are the known ones by name.
func policies() map[string]build {
	return map[string]build{
		"static": func(*simulator.Scenario, *settings) (simulator.Policy, error) {
			return simulator.Static(), nil
		},
		"hpa":       buildHPA,
		"vpa":       buildVPA,
		"hpa+vpa":   buildHPAVPA,
		"rightsize": buildRightsize,
		Oracle:      buildOracle,
	}
}

// Names lists the policies that are known, baselines first.
func Names() []string {
	order := []string{"static", "hpa", "vpa", "hpa+vpa", "keda", "kpa", "krr", "rightsize", Oracle}
	known := policies()
	return slices.DeleteFunc(order, func(name string) bool { return known[name] == nil })
}

// New makes a policy for a scenario with the scenario's overrides for it. An
// unknown name is an error that lists the known ones; an override that is
// unknown or impossible is one that names its path.
func New(name string, sc *simulator.Scenario) (simulator.Policy, error) {
	create, ok := policies()[name]
	if !ok {
		return simulator.Policy{}, fmt.Errorf("unknown policy %q (known: %s)", name, strings.Join(Names(), ", "))
	}
	if sc.Service.Inference != nil {
		if special, ok := inferencePolicies()[name]; ok {
			create = special
		}
	}
	s := newSettings(name, sc.Policies[name])
	p, err := create(sc, s)
	if err == nil {
		err = s.done()
	}
	return p, err
}

// CheckSettings returns the first problem of a scenario's overrides, whether
// their policies are to run or not.
func CheckSettings(sc *simulator.Scenario) error {
	for _, name := range slices.Sorted(maps.Keys(sc.Policies)) {
		if name == Oracle { // It has no settings, and making one takes long.
			if err := newSettings(name, sc.Policies[name]).done(); err != nil {
				return err
			}
			continue
		}
		if _, ok := policies()[name]; !ok {
			return &simulator.FieldError{
				Path: "spec.policies." + name, Problem: "unknown policy (known: " + strings.Join(Names(), ", ") + ")",
			}
		}
		if _, err := New(name, sc); err != nil {
			return err
		}
	}
	return nil
}
