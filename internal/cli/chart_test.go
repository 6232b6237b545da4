package cli

import (
	"os"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/config"
)

// The settings that the chart installs by default are settings that commands
// read, connection included.
func TestSettingsOfTheChart(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../charts/rightsize/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var values struct {
		Config map[string]any `json:"config"`
	}
	if err := yaml.Unmarshal(data, &values); err != nil {
		t.Fatal(err)
	}
	values.Config["apiVersion"], values.Config["kind"] = config.APIVersion, config.Kind
	file, err := yaml.Marshal(values.Config)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := config.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if settings.Prices != config.Default().Prices {
		t.Errorf("the chart's prices are %+v, the default ones %+v", settings.Prices, config.Default().Prices)
	}
	connection, err := collector.ParseConfig(settings.Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	if connection.URL == "" {
		t.Error("the chart's settings name no Prometheus")
	}
}
