package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/internal/config"
	"github.com/rightsize-dev/rightsize/recommender"
)

const header = "apiVersion: rightsize.dev/v1alpha1\nkind: Config\n"

// documented returns the example of docs/config.md.
func documented(t testing.TB) string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(doc), "```yaml\n")
	if !ok {
		t.Fatal("docs/config.md has no yaml block")
	}
	example, _, _ := strings.Cut(rest, "```")
	return example
}

func TestDocumentedExample(t *testing.T) {
	t.Parallel()
	c, err := config.Parse([]byte(documented(t)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default().Prices, c.Prices); diff != "" {
		t.Errorf("documented prices are not the defaults (-want +got):\n%s", diff)
	}
	if c.Budgets != config.Default().Budgets || c.KillSwitch {
		t.Errorf("documented budgets are not the defaults: %+v, kill switch %t", c.Budgets, c.KillSwitch)
	}
	if want := `{"preset":"generic","url":"http://prometheus.monitoring:9090"}`; string(c.Prometheus) != want {
		t.Errorf("connection %s, want %s", c.Prometheus, want)
	}
	base := recommender.Policy{
		Risk: 0.05, HoldSeconds: 3600, ChangeHours: 0.02,
		Objective:  recommender.Objective{LatencySeconds: 0.5, Percentile: 0.95, ServiceCV: 1},
		Horizontal: recommender.HorizontalPolicy{Min: 2, Max: 40, StabilizationSeconds: 300},
		Vertical: recommender.VerticalPolicy{
			MinAllowed:     recommender.Resources{CPU: 10, Memory: 32 * recommender.MiB},
			MaxAllowed:     recommender.Resources{CPU: 16000, Memory: 64 * recommender.GiB},
			CPUUtilization: 0.9, MemoryMargin: 0.15,
			CPULimits: recommender.LimitRatio, MemoryLimits: recommender.LimitRatio,
		},
		Prices: c.Prices,
	}
	checkout := base
	checkout.Risk, checkout.Objective.LatencySeconds, checkout.Horizontal.Min = 0.02, 0.2, 4
	database := base
	database.Vertical.MemoryMargin, database.Vertical.MemoryLimits = 0.3, recommender.LimitEqual

	cases := map[string]struct {
		workload recommender.Workload
		want     recommender.Policy
	}{
		"none matches":      {recommender.Workload{Namespace: "dev", Kind: "Deployment", Name: "checkout"}, base},
		"several match":     {recommender.Workload{Namespace: "prod-shop", Kind: "Deployment", Name: "checkout-v2"}, checkout},
		"by kind, any case": {recommender.Workload{Namespace: "dev", Kind: "statefulset", Name: "db"}, database},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, c.Policy(tc.workload)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"empty": "", "blank": " \n", "header": header} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			want := recommender.Policy{Prices: recommender.Prices{CPUCoreHour: 0.031, MemoryGiBHour: 0.004, GPUHour: 2.5, Currency: "USD"}}
			if diff := cmp.Diff(want, c.Policy(recommender.Workload{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSomePricesKeepTheOthers(t *testing.T) {
	t.Parallel()
	c, err := config.Parse([]byte(header + "prices: {currency: €, gpuHour: 0}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := recommender.Prices{CPUCoreHour: 0.031, MemoryGiBHour: 0.004, Currency: "€"}
	if diff := cmp.Diff(want, c.Prices); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNoBudgetIsNone(t *testing.T) {
	t.Parallel()
	c, err := config.Parse([]byte(header + "budgets: {evictionsPerHour: 0}\nkillSwitch: true\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (config.Budgets{ResizesPerMinute: 60}); c.Budgets != want || !c.KillSwitch || c.Prometheus != nil {
		t.Errorf("got %+v, kill switch %t, connection %s", c.Budgets, c.KillSwitch, c.Prometheus)
	}
}

func TestErrorsNameFileAndPath(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ text, want string }{
		"no header":       {"prices: {}", `c.yaml: apiVersion: must be rightsize.dev/v1alpha1, got ""`},
		"other kind":      {"apiVersion: rightsize.dev/v1alpha1\nkind: Scenario", `c.yaml: kind: must be Config, got "Scenario"`},
		"not YAML":        {"a: [", "c.yaml: not valid YAML: "},
		"twice":           {header + "prices: {gpuHour: 1, gpuHour: 2}", "c.yaml: not valid YAML: "},
		"a list":          {"- a", "c.yaml: the document: must be a mapping, got array"},
		"unknown":         {header + "prices: {cpuHour: 1}", `c.yaml: unknown field "prices.cpuHour"`},
		"case matters":    {header + "prices: {GPUHour: 1}", `c.yaml: unknown field "prices.GPUHour"`},
		"negative price":  {header + "prices: {cpuCoreHour: -1}", "c.yaml: prices.cpuCoreHour: must be >= 0, got -1"},
		"text for number": {header + "prices: {cpuCoreHour: cheap}", "c.yaml: prices.cpuCoreHour: must be a number, got string"},
		"infinite price":  {header + "prices: {gpuHour: .inf}", "c.yaml: "},
		"currency":        {header + "prices: {currency: US dollars}", "c.yaml: prices.currency: must be 1 to 8 characters"},
		"connection":      {header + "prometheus: http://x", `c.yaml: prometheus: must be a mapping, got "http://x"`},
		"negative budget": {header + "budgets: {resizesPerMinute: -1}", "c.yaml: budgets.resizesPerMinute: must be >= 0, got -1"},
		"no risk":         {header + "policy: {risk: 0}", "c.yaml: policy.risk: must be > 0 and <= 0.5, got 0"},
		"duration":        {header + "policy: {hold: 7d}", `c.yaml: policy.hold: must be a duration such as 5m or 168h, got "7d"`},
		"short duration":  {header + "policy: {hold: 1ms}", "c.yaml: policy.hold: must be at least 1s, got 1ms"},
		"latency":         {header + "policy: {objective: {latencySeconds: -1}}", "c.yaml: policy.objective.latencySeconds: must be > 0, got -1"},
		"replicas":        {header + "policy: {horizontal: {min: 0}}", "c.yaml: policy.horizontal.min: must be >= 1, got 0"},
		"min over max":    {header + "policy: {horizontal: {min: 3, max: 2}}", "c.yaml: policy.horizontal.max: must be >= min, got min 3 and max 2"},
		"quantity":        {header + "policy: {vertical: {minAllowed: {cpu: lots}}}", `c.yaml: policy.vertical.minAllowed.cpu: must be an amount such as 250m or 2, got "lots"`},
		"quantity map":    {header + "policy: {vertical: {minAllowed: {cpu: {a: 1}}}}", "c.yaml: policy.vertical.minAllowed.cpu: must be an amount"},
		"no quantity":     {header + "policy: {vertical: {maxAllowed: {memory: 0}}}", "c.yaml: policy.vertical.maxAllowed.memory: must be more than 0, got 0"},
		"vast quantity":   {header + "policy: {vertical: {maxAllowed: {memory: 100Pi}}}", "c.yaml: policy.vertical.maxAllowed.memory: is more than any machine has"},
		"limit policy":    {header + "policy: {vertical: {cpuLimits: double}}", `c.yaml: policy.vertical.cpuLimits: must be Ratio, Equal or None, got "double"`},
		"override":        {header + "overrides: [{}, {policy: {risk: 2}}]", "c.yaml: overrides[1].policy.risk: must be > 0 and <= 0.5, got 2"},
		"pattern":         {header + `overrides: [{name: "[a"}]`, `c.yaml: overrides[0].name: is not a valid pattern, got "[a"`},
		"merged bounds": {
			header + "policy: {vertical: {minAllowed: {memory: 1Gi}}}\noverrides: [{policy: {vertical: {maxAllowed: {memory: 512Mi}}}}]",
			"c.yaml: overrides[0].policy.vertical.maxAllowed.memory: must be >= minAllowed.memory, got 1073741824 and 536870912 bytes",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "c.yaml")
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(file)
			if err == nil {
				t.Fatal("no error")
			}
			if got := strings.ReplaceAll(err.Error(), dir+"/", ""); !strings.HasPrefix(got, tc.want) {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestEveryErrorIsTold(t *testing.T) {
	t.Parallel()
	_, err := config.Parse([]byte(header + "prices: {cpuCoreHour: -1, gpuHour: -2}\npolicy: {risk: 1}"))
	want := `prices.cpuCoreHour: must be >= 0, got -1
prices.gpuHour: must be >= 0, got -2
policy.risk: must be > 0 and <= 0.5, got 1`
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestAbsentFile(t *testing.T) {
	t.Parallel()
	_, err := config.Load(filepath.Join(t.TempDir(), "none.yaml"))
	if err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("got %v", err)
	}
}

func TestQuantitiesNeedNoQuotes(t *testing.T) {
	t.Parallel()
	c, err := config.Parse([]byte(header + "policy: {vertical: {maxAllowed: {cpu: 1.5, memory: 4e9}}}"))
	if err != nil {
		t.Fatal(err)
	}
	want := recommender.Resources{CPU: 1500, Memory: 4e9}
	if got := c.Policy(recommender.Workload{}).Vertical.MaxAllowed; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// FuzzParse checks that whatever is accepted gives a policy within its ranges
// and prices that are numbers.
func FuzzParse(f *testing.F) {
	f.Add([]byte(documented(f)))
	f.Add([]byte(header + "overrides: [{namespace: '*', policy: {hold: 1h, vertical: {maxAllowed: {cpu: 1, memory: 1G}}}}]"))
	f.Add([]byte(`{"apiVersion":"rightsize.dev/v1alpha1","kind":"Config","prices":{"cpuCoreHour":1e300}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse(data)
		if err != nil {
			return
		}
		p := c.Policy(recommender.Workload{Namespace: "a", Kind: "Deployment", Name: "b"})
		if !(p.Prices.CPUCoreHour >= 0) || !(p.Prices.MemoryGiBHour >= 0) || !(p.Prices.GPUHour >= 0) || p.Prices.Currency == "" {
			t.Errorf("prices %+v", p.Prices)
		}
		if p.Risk < 0 || p.Risk > 0.5 || p.HoldSeconds < 0 || p.Horizontal.Min < 0 {
			t.Errorf("policy %+v", p)
		}
		lo, hi := p.Vertical.MinAllowed, p.Vertical.MaxAllowed
		if lo.CPU < 0 || lo.Memory < 0 || hi.CPU < 0 || hi.Memory < 0 {
			t.Errorf("bounds %+v %+v", lo, hi)
		}
	})
}

// What the documented example holds only as a comment.
func TestEveryOtherField(t *testing.T) {
	t.Parallel()
	example := documented(t)
	for _, field := range []string{"waitSeconds", "ttftSeconds", "itlSeconds", "zeroAfter", "burst", "stepUp", "stepDown"} {
		if !strings.Contains(example, "# "+field+": ") {
			t.Errorf("docs/config.md does not show %s", field)
		}
		example = strings.Replace(example, "# "+field+": ", field+": ", 1)
	}
	c, err := config.Parse([]byte(strings.Replace(example, "dominantShare: false", "dominantShare: true", 1)))
	if err != nil {
		t.Fatal(err)
	}
	p := c.Policy(recommender.Workload{})
	if o := p.Objective; o.WaitSeconds != 60 || o.TTFTSeconds != 1 || o.ITLSeconds != 0.05 {
		t.Errorf("objective is %+v", o)
	}
	if v := p.Vertical; v.Burst != 0.5 || v.StepUp != 1 || v.StepDown != 0.5 {
		t.Errorf("vertical is %+v", v)
	}
	if p.Horizontal.Zero == nil || p.Horizontal.Zero.IdleSeconds != 1800 || !p.Prices.DominantShare {
		t.Errorf("horizontal is %+v, prices %+v", p.Horizontal, p.Prices)
	}
}
