package snapshot

import (
	"fmt"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/collector"
)

// Signals are those that a RightSize names, as the collector reads them. Token
// rates get the names under which the catalogue has them, so that they stand in
// for what an engine for language models reports.
func Signals(d v1alpha1.Demand) []collector.UserSignal {
	out := make([]collector.UserSignal, 0, len(d.Signals))
	for i, s := range d.Signals {
		u := collector.UserSignal{Name: s.Name, Field: fmt.Sprintf("spec.demand.signals[%d]", i)}
		switch s.Type {
		case v1alpha1.SignalPreset:
			u.Preset = s.Preset
		case v1alpha1.SignalPromQL:
			u.Query, u.Unit = s.PromQL.Query, s.PromQL.Unit
			signalRole(s.PromQL.Role, &u)
		}
		out = append(out, u)
	}
	return out
}

// signalRole fills in the role, and the name and unit that it brings with it.
func signalRole(r v1alpha1.SignalRole, u *collector.UserSignal) {
	unit := ""
	switch r {
	case v1alpha1.RolePromptTokens:
		u.Role, u.Name, unit = collector.RoleDemand, "prompt_tokens", "tokens/s"
	case v1alpha1.RoleOutputTokens:
		u.Role, u.Name, unit = collector.RoleDemand, "generation_tokens", "tokens/s"
	case v1alpha1.RoleBacklog:
		u.Role = collector.RoleQueue
	case v1alpha1.RoleInFlight:
		u.Role = collector.RoleInFlight
	case v1alpha1.RoleCacheUse:
		u.Role, unit = collector.RoleCache, "ratio"
	case v1alpha1.RoleLatency:
		u.Role, unit = collector.RoleQuantile, "s"
	case v1alpha1.RoleErrors:
		u.Role, unit = collector.RoleErrors, "1/s"
	case v1alpha1.RoleDemand:
		u.Role, unit = collector.RoleDemand, "1/s"
	default: // Unset.
		u.Role, unit = collector.RoleDemand, "1/s"
	}
	if u.Unit == "" {
		u.Unit = unit
	}
}
