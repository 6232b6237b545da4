// Package config reads the settings of rightsize: where history is, what
// capacity costs, what the owners of workloads accept, and how much may change
// at a time. Every setting has a default, so that no file is needed. Commands
// and controller read the same file.
package config

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Wire identity of a settings file.
const (
	APIVersion = "rightsize.dev/v1alpha1"
	Kind       = "Config"
)

// Config is what a settings file says. Use [Default] or [Load]: the zero
// Config has no prices.
type Config struct {
	// Prometheus is the connection to where history is, as JSON with the keys of
	// collector.Config; nil where the file does not say. What is in it is checked
	// by who connects.
	Prometheus []byte
	// Prices is what capacity costs, the same for every workload.
	Prices recommender.Prices
	// Budgets bound what a controller changes.
	Budgets Budgets
	// KillSwitch stops every change that a controller would make.
	KillSwitch bool

	policy    policyFile
	overrides []override
}

// Budgets bound what a controller changes in a cluster, over all workloads.
// Raises after an OOM kill and rollbacks do not count.
type Budgets struct {
	// ResizesPerMinute is how many pods may be resized, EvictionsPerHour how many
	// evicted to be made anew. Zero is none.
	ResizesPerMinute int
	EvictionsPerHour int
}

// Default returns the settings that hold without a file: prices of a general
// purpose virtual machine and of a mid-range GPU in US dollars an hour, the
// defaults of [recommender.Policy], and budgets by which a fleet of 20,000 pods
// changes within six hours.
func Default() Config {
	return Config{
		Prices:  recommender.Prices{CPUCoreHour: 0.031, MemoryGiBHour: 0.004, GPUHour: 2.5, Currency: "USD"},
		Budgets: Budgets{ResizesPerMinute: 60, EvictionsPerHour: 20},
	}
}

// Load reads a settings file in YAML or JSON. Fields that are unknown and
// values that are impossible are errors that name the file and the path of the
// field.
func Load(name string) (Config, error) {
	data, err := os.ReadFile(name) //nolint:gosec // The user names the file.
	if err != nil {
		return Config{}, fmt.Errorf("read config: %w", err)
	}
	c, errs := parse(data)
	for i, err := range errs {
		errs[i] = fmt.Errorf("%s: %w", name, err)
	}
	return c, errors.Join(errs...)
}

// Parse reads settings from YAML or JSON. Its errors name the path of the
// field. Empty input gives the defaults.
func Parse(data []byte) (Config, error) {
	c, errs := parse(data)
	return c, errors.Join(errs...)
}

// Policy returns what the settings say about a workload: the policy for all,
// then every override that selects the workload, in the order of the file.
// HoldSeconds and every other field that no one set are zero and mean their
// defaults; prices are always set.
func (c Config) Policy(w recommender.Workload) recommender.Policy {
	var p recommender.Policy
	c.policy.apply(&p)
	for _, o := range c.overrides {
		if o.selects(w) {
			o.Policy.apply(&p)
		}
	}
	p.Prices = c.Prices
	return p
}

// selects says whether the override is about the workload. An empty pattern
// selects everything.
func (o override) selects(w recommender.Workload) bool {
	return glob(o.Cluster, w.Cluster) && glob(o.Namespace, w.Namespace) &&
		glob(strings.ToLower(o.Kind), strings.ToLower(w.Kind)) && glob(o.Name, w.Name)
}

// glob matches a pattern that has been checked.
func glob(pattern, s string) bool {
	if pattern == "" {
		return true
	}
	ok, err := path.Match(pattern, s)
	return ok && err == nil
}
