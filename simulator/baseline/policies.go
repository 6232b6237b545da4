// Package baseline holds the policies that rightsize is measured against, each
// in a file that names its source: the Horizontal Pod Autoscaler's algorithm,
// the Vertical Pod Autoscaler's own code, the two together, KEDA, Knative's
// autoscaler, KRR, Crane, PHPA, a vertical-first one, sizes that never change,
// and an oracle that knows the demand.
package baseline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rightsize-dev/rightsize/simulator"
)

const (
	// Oracle is the name of the policy that knows the demand.
	Oracle = "oracle"
	// StaticBest is that of the best size that never changes, which knows it
	// too.
	StaticBest = "static-best"
	// WVA is that of llm-d's autoscaler, for inference services only.
	WVA = "wva"
	// Dynamo is that of the planner like NVIDIA Dynamo's, for the same.
	Dynamo = "dynamo"
	// Rightsize is that of the policy which is being judged.
	Rightsize = "rightsize"
)

// Knows says whether a policy knows what to do with a kind of service.
func Knows(name string, service simulator.Service) bool {
	return service.Inference != nil || name != WVA && name != Dynamo
}

// inferenceOnly says that a policy cannot work on other services.
func inferenceOnly(name string) error {
	return fmt.Errorf("policy %s is for inference services only", name)
}

// clairvoyant says whether a policy knows the demand. Such ones have no
// settings, and making one takes long.
func clairvoyant(name string) bool { return name == Oracle || name == StaticBest }

// build makes a policy for a scenario.
type build func(sc *simulator.Scenario, s *settings) (simulator.Policy, error)

// policies are the known ones by name.
func policies() map[string]build {
	return map[string]build{
		"static": func(*simulator.Scenario, *settings) (simulator.Policy, error) {
			return simulator.Static(), nil
		},
		"hpa":         buildHPA,
		"vpa":         buildVPA,
		"hpa+vpa":     buildHPAVPA,
		"keda":        buildKEDA,
		"kpa":         buildKPA,
		"krr":         buildKRR,
		"crane":       buildCrane,
		"phpa":        buildPHPA,
		"themis":      buildThemis,
		StaticBest:    buildStaticBest,
		Rightsize:     buildRightsize(Rightsize),
		noForecast:    buildRightsize(noForecast),
		noVertical:    buildRightsize(noVertical),
		noCalibration: buildRightsize(noCalibration),
		noHorizontal:  buildRightsize(noHorizontal),
		Oracle:        buildOracle,
		WVA:           buildWVA,
		Dynamo:        buildDynamo,
	}
}

// Names lists the policies that are scored unless others are asked for:
// baselines first.
func Names() []string {
	return []string{"static", "hpa", "vpa", "hpa+vpa", "keda", "kpa", "krr", Rightsize, Oracle}
}

// AllNames lists every policy: the usual ones and then the others.
func AllNames() []string {
	return append(Names(), "crane", "phpa", "themis", StaticBest, noForecast, noVertical, noHorizontal, noCalibration, WVA, Dynamo)
}

// New makes a policy for a scenario with the scenario's overrides for it. An
// unknown name is an error that lists the known ones; an override that is
// unknown or impossible is one that names its path.
func New(name string, sc *simulator.Scenario) (simulator.Policy, error) {
	create, ok := policies()[name]
	if !ok {
		return simulator.Policy{}, fmt.Errorf("unknown policy %q (known: %s)", name, strings.Join(AllNames(), ", "))
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
		if clairvoyant(name) {
			if err := newSettings(name, sc.Policies[name]).done(); err != nil {
				return err
			}
			continue
		}
		if _, ok := policies()[name]; !ok {
			return &simulator.FieldError{
				Path: "spec.policies." + name, Problem: "unknown policy (known: " + strings.Join(AllNames(), ", ") + ")",
			}
		}
		if !Knows(name, sc.Service) {
			continue // Its settings cannot be read, and nobody can ask for it.
		}
		if _, err := New(name, sc); err != nil {
			return err
		}
	}
	return nil
}
