package e2e

import (
	"testing"
)

// values are those that the release is installed with: a step of a minute, the
// least that the CLI offers, so that rounds are short.
func (c *cluster) values() string {
	return `
config:
  prometheus:
    url: ` + c.prometheus.URL + `
    step: 1m
    rate_window: 2m
    history: 9d
`
}

// install installs the chart as a user would.
func (c *cluster) install(t testing.TB, more string) {
	t.Helper()
	c.helm.Run("install", release, chartDir, "--namespace", system, "--create-namespace", "--wait", "--timeout", "60s",
		"--values", c.helm.Values("values.yaml", c.values()+more))
}

func TestCluster(t *testing.T) {
	c := start(t, shape{nodes: 3, nodeCPU: "16", nodeMemory: "64Gi", scrapeInterval: scrapeInterval})
	c.install(t, "")
	all := kinds("report")
	c.deploy(t, all...)
	t.Run("metrics are read", func(t *testing.T) { testReport(t, c, all) })
}
