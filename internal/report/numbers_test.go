package report

import (
	"math"
	"testing"

	"github.com/rightsize-dev/rightsize/recommender"
)

func TestNumbers(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ got, want string }{
		"no CPU":             {cpuText(0), "n/a"},
		"a quarter core":     {cpuText(250), "250m"},
		"one core":           {cpuText(1000), "1"},
		"cores":              {cpuText(1500), "1.5"},
		"fine cores":         {cpuText(1234), "1.23"},
		"many cores":         {cpuText(123456), "123"},
		"no memory":          {memoryText(0), "n/a"},
		"bytes":              {memoryText(1000), "1000"},
		"KiB":                {memoryText(2048), "2Ki"},
		"MiB":                {memoryText(481*recommender.MiB + 17), "481Mi"},
		"GiB":                {memoryText(1536 * recommender.MiB), "1.5Gi"},
		"many GiB":           {memoryText(48 * recommender.GiB), "48Gi"},
		"TiB":                {memoryText(2048 * recommender.GiB), "2Ti"},
		"nothing":            {moneyText(0), "0"},
		"less than a cent":   {moneyText(0.00123), "0.00123"},
		"cents":              {moneyText(0.5), "0.5"},
		"just below one":     {moneyText(0.999), "1.00"},
		"money":              {moneyText(12.345), "12.35"},
		"just below 1000":    {moneyText(999.999), "1,000"},
		"thousands":          {moneyText(1234567.8), "1,234,568"},
		"a loss":             {moneyText(-1234.5), "-1,234"},
		"no money":           {moneyText(math.NaN()), "n/a"},
		"tiny loss":          {moneyText(-1e-9), "0"},
		"percent":            {percentText(0.126), "13%"},
		"percent below zero": {percentText(-0.001), "0%"},
		"no percent":         {percentText(math.Inf(1)), "n/a"},
		"same":               {change("2", "2"), "2"},
		"changed":            {change("2", "3"), "2→3"},
		"amount of cores":    {amountText(2.961, "cores"), "2.96"},
		"hardly any core":    {amountText(0.0001, "cores"), "<1m"},
		"no core":            {amountText(0, "cores"), "0"},
		"amount of memory":   {amountText(1<<30, "bytes"), "1Gi"},
		"amount of pods":     {amountText(3, "pods"), "3"},
		"amount of money":    {amountText(0.1234, "USD/h"), "0.123 USD/h"},
		"a second":           {spanText(1), "1 second"},
		"ninety minutes":     {spanText(5400), "90 minutes"},
		"an hour":            {spanText(3600), "1 hour"},
		"two weeks":          {spanText(14 * 86400), "14 days"},
		"two hours and half": {spanText(9000), "2.5 hours"},
		"escape":             {printable("a\x1b[31mb\nc\u202ed"), "a?[31mb?c?d"},
		"whole cores in Git": {cpuQuantity(3000), "3"},
		"cores in Git":       {cpuQuantity(1540), "1540m"},
		"exact GiB in Git":   {memoryQuantity(3 * recommender.GiB), "3Gi"},
		"exact MiB in Git":   {memoryQuantity(512 * recommender.MiB), "512Mi"},
		"a bound in MB":      {memoryQuantity(1_000_000_000), "1000M"},
		"rounded up in Git":  {memoryQuantity(481*recommender.MiB + 17), "482Mi"},
	}
	for name, tc := range cases {
		if tc.got != tc.want {
			t.Errorf("%s: got %q, want %q", name, tc.got, tc.want)
		}
	}
}

func FuzzMoneyText(f *testing.F) {
	for _, x := range []float64{0, 0.001, 0.995, 999.995, 1e15, -3, math.MaxFloat64, 5e-324} {
		f.Add(x)
	}
	f.Fuzz(func(t *testing.T, x float64) {
		if s := moneyText(x); s == "" || s == "-0" {
			t.Errorf("%g is printed as %q", x, s)
		}
		if r := rounded(x); math.IsNaN(r) || math.IsInf(r, 0) {
			t.Errorf("%g is rounded to %g", x, r)
		} else if !math.IsNaN(x) && !math.IsInf(x, 0) && math.Abs(r-x) > 0.00051*math.Abs(x) {
			t.Errorf("%g is rounded to %g", x, r)
		}
	})
}

func TestWorkloadReason(t *testing.T) {
	t.Parallel()
	container := func(name string, now, want recommender.MilliCPU) recommender.Recommendation {
		return recommender.Recommendation{Name: name, Requests: recommender.Resources{CPU: now}, Target: recommender.Resources{CPU: want}}
	}
	forecast := func(container string) recommender.Reason {
		return recommender.Reason{Code: recommender.ReasonForecast, Container: container, Message: "uses CPU"}
	}
	two := []recommender.Recommendation{container("proxy", 100, 120), container("app", 500, 3000)}
	killed := recommender.Reason{Code: recommender.ReasonOOMKilled, Container: "proxy", Message: "killed"}
	within := recommender.Reason{Code: recommender.ReasonWithinTolerance, Container: "app", Message: "small"}
	cases := map[string]struct {
		d    recommender.Decision
		want string
	}{
		"none":                     {recommender.Decision{}, ""},
		"the one that moves more":  {recommender.Decision{Containers: two, Reasons: []recommender.Reason{forecast("proxy"), forecast("app")}}, "app: uses CPU"},
		"the heavier comes first":  {recommender.Decision{Containers: two, Reasons: []recommender.Reason{forecast("app"), killed}}, "proxy: killed"},
		"of the workload":          {recommender.Decision{Containers: two, Reasons: []recommender.Reason{{Code: recommender.ReasonRollout, Message: "rollout"}, killed}}, "rollout"},
		"one container":            {recommender.Decision{Containers: two[1:], Reasons: []recommender.Reason{forecast("app")}}, "uses CPU"},
		"holding tells why":        {recommender.Decision{Action: recommender.ActionHold, Containers: two[1:], Reasons: []recommender.Reason{forecast("app"), within}}, "small"},
		"small parts of a change":  {recommender.Decision{Action: recommender.ActionResize, Containers: two[1:], Reasons: []recommender.Reason{forecast("app"), within}}, "uses CPU"},
		"a code that is not known": {recommender.Decision{Containers: two[1:], Reasons: []recommender.Reason{{Code: "New", Container: "app", Message: "new"}}}, "new"},
	}
	for name, tc := range cases {
		if got := workloadReason(tc.d); got.Message != tc.want {
			t.Errorf("%s: got %q, want %q", name, got.Message, tc.want)
		}
	}
}
