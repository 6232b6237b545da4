package server

import (
	"context"
	"fmt"
	"net/url"
	"runtime/debug"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// nothing is what a server without targets, alerts and rules has of them.
type nothing struct{}

// ScrapePools implements v1.ScrapePoolsRetriever.
func (nothing) ScrapePools() []string { return nil }

// TargetsActive implements v1.TargetRetriever.
func (nothing) TargetsActive() map[string][]*scrape.Target { return nil }

// TargetsDropped implements v1.TargetRetriever.
func (nothing) TargetsDropped() map[string][]*scrape.Target { return nil }

// TargetsDroppedCounts implements v1.TargetRetriever.
func (nothing) TargetsDroppedCounts() map[string]int { return nil }

// ScrapePoolConfig implements v1.TargetRetriever.
func (nothing) ScrapePoolConfig(pool string) (*config.ScrapeConfig, error) {
	return nil, fmt.Errorf("unknown scrape pool %q", pool)
}

// Alertmanagers implements v1.AlertmanagerRetriever.
func (nothing) Alertmanagers() []*url.URL { return nil }

// DroppedAlertmanagers implements v1.AlertmanagerRetriever.
func (nothing) DroppedAlertmanagers() []*url.URL { return nil }

// RuleGroups implements v1.RulesRetriever.
func (nothing) RuleGroups() []*rules.Group { return nil }

// AlertingRules implements v1.RulesRetriever.
func (nothing) AlertingRules() []*rules.AlertingRule { return nil }

// noExemplars is an exemplar storage that holds none.
type noExemplars struct{}

// ExemplarQuerier implements storage.ExemplarQueryable.
func (noExemplars) ExemplarQuerier(context.Context) (storage.ExemplarQuerier, error) {
	return noExemplars{}, nil
}

// Select implements storage.ExemplarQuerier.
func (noExemplars) Select(int64, int64, ...[]*labels.Matcher) ([]exemplar.QueryResult, error) {
	return nil, nil
}

// admin adapts the database to the API's view of it.
type admin struct{ *tsdb.DB }

// Stats implements v1.TSDBAdminStats.
func (a admin) Stats(label string, limit int) (*tsdb.Stats, error) {
	return a.Head().Stats(label, limit), nil
}

// WALReplayStatus implements v1.TSDBAdminStats.
func (admin) WALReplayStatus() (tsdb.WALReplayStatus, error) { return tsdb.WALReplayStatus{}, nil }

// BlockMetas implements v1.TSDBAdminStats.
func (a admin) BlockMetas() ([]tsdb.BlockMeta, error) { return a.DB.BlockMetas(), nil }

// version is that of the Prometheus module as its server would print it: the
// module's v0.316.0 is release 3.16.0.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "3"
	}
	for _, m := range info.Deps {
		if m.Path != "github.com/prometheus/prometheus" {
			continue
		}
		var minor, patch int
		if _, err := fmt.Sscanf(m.Version, "v0.%d.%d", &minor, &patch); err == nil {
			return fmt.Sprintf("%d.%d.%d", minor/100, minor%100, patch)
		}
		return m.Version
	}
	return "3"
}
