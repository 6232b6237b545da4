package collector

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v2"
)

//go:embed signals.yaml
var signalsYAML []byte

// catalogue is the signals that are known beyond CPU and memory.
type catalogue struct {
	Templates map[string]string `yaml:"templates"`
	Signals   []signalSpec      `yaml:"signals"`
	Answers   []answerSpec      `yaml:"answers"`
	Latencies []latencySpec     `yaml:"latencies"`
}

// signalSpec is one signal with the names it is found under.
type signalSpec struct {
	Name string `yaml:"name"`
	Role Role   `yaml:"role"`
	Unit string `yaml:"unit"`
	// Pods says how pods are aggregated: sum or max.
	Pods    string      `yaml:"pods"`
	Aliases []aliasSpec `yaml:"aliases"`
}

// aliasSpec is one metric that carries a signal.
type aliasSpec struct {
	Metric         string `yaml:"metric"`
	Match          string `yaml:"match"`
	Template       string `yaml:"template"`
	PodLabel       string `yaml:"podLabel"`
	NamespaceLabel string `yaml:"namespaceLabel"`
	Engine         string `yaml:"engine"`
	Note           string `yaml:"note"`
	// Coarse says that the metric reads high.
	Coarse bool `yaml:"coarse"`

	match matchers
}

// loadCatalogue reads the embedded table.
func loadCatalogue() (*catalogue, error) { return parseCatalogue(signalsYAML) }

// parseCatalogue reads a table; whatever is unknown, missing or used twice is
// an error.
func parseCatalogue(data []byte) (*catalogue, error) {
	var c catalogue
	if err := yaml.UnmarshalStrict(data, &c); err != nil {
		return nil, err
	}
	if len(c.Signals) == 0 {
		return nil, errors.New("no signals")
	}
	seen := map[string]bool{}
	for i := range c.Signals {
		s := &c.Signals[i]
		if s.Name == "" || seen[s.Name] {
			return nil, fmt.Errorf("signal %d: the name %q is empty or used twice", i, s.Name)
		}
		seen[s.Name] = true
		if err := c.check(s); err != nil {
			return nil, fmt.Errorf("signal %s: %w", s.Name, err)
		}
	}
	if err := c.checkEvidence(); err != nil {
		return nil, err
	}
	return &c, nil
}

func (c *catalogue) check(s *signalSpec) error {
	switch s.Role {
	case RoleDemand, RoleQueue, RoleInFlight, RoleCache, RoleLatency, RoleGPU, RoleRuntime:
	default:
		return fmt.Errorf("role %q is unknown", s.Role)
	}
	if s.Unit == "" || len(s.Aliases) == 0 {
		return errors.New("a unit and at least one alias are needed")
	}
	if s.Pods != "sum" && s.Pods != "max" {
		return fmt.Errorf("pods is %q, not sum or max", s.Pods)
	}
	for i := range s.Aliases {
		if err := c.checkAlias(&s.Aliases[i]); err != nil {
			return fmt.Errorf("alias %s: %w", s.Aliases[i].Metric, err)
		}
	}
	return nil
}

func (c *catalogue) checkAlias(a *aliasSpec) error {
	if !regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`).MatchString(a.Metric) {
		return fmt.Errorf("%q is not the name of a metric", a.Metric)
	}
	template, ok := c.Templates[a.Template]
	if !ok {
		return fmt.Errorf("template %q is unknown", a.Template)
	}
	for _, part := range []string{"$metric{$match}", "$by"} {
		if !strings.Contains(template, part) {
			return fmt.Errorf("template %q has no %s", a.Template, part)
		}
	}
	setDefault(&a.PodLabel, "pod")
	setDefault(&a.NamespaceLabel, "namespace")
	if !validLabelName(a.PodLabel) || !validLabelName(a.NamespaceLabel) {
		return errors.New("podLabel or namespaceLabel is not a label name")
	}
	if a.Match == "" {
		return nil
	}
	var err error
	a.match, err = parseMatchers(a.Match)
	return err
}

// id tells aliases apart in facts and counts.
func (a aliasSpec) id() string {
	id := a.Metric
	if a.Match != "" {
		id += "{" + a.Match + "}"
	}
	if a.PodLabel != "pod" {
		id += " by " + a.PodLabel
	}
	return id
}

// selector selects the series of the alias that name a pod.
func (s scope) selector(a aliasSpec) string {
	return a.Metric + "{" + s.signalMatchers(a).String() + "}"
}

func (s scope) signalMatchers(a aliasSpec) matchers {
	ms := append(matchers{}, s.common...)
	ms = append(ms, s.namespaces...)
	for i := range ms {
		if ms[i].label == "namespace" {
			ms[i].label = a.NamespaceLabel
		}
	}
	return ms.and(a.match...).and(notEqual(a.PodLabel, ""), notEqual(a.NamespaceLabel, ""))
}

// signal is the query of an alias: one series for each owner, and for each of
// its containers where it is about their runtimes, or bucket where it is about a
// histogram.
func (c *catalogue) signal(s scope, spec signalSpec, a aliasSpec, step string) string {
	by, pod := s.by(a.NamespaceLabel, a.PodLabel, "job"), s.pod()
	var extra []string
	switch spec.Role {
	case RoleRuntime:
		by, pod, extra = by+",container", s.container(), []string{"container"}
	case RoleQuantile:
		by, pod, extra = by+",le", s.by("namespace", "pod", "le"), []string{"le"}
	case RoleDemand, RoleQueue, RoleInFlight, RoleCache, RoleLatency, RoleGPU, RoleErrors:
	}
	perJob := strings.NewReplacer("$metric", a.Metric, "$match", s.signalMatchers(a).String(), "$by", by,
		"$rate", s.rates(), "$step", step).Replace(c.Templates[a.Template])
	perPod := fmt.Sprintf("max by (%s) (%s)", pod,
		replaceLabel(replaceLabel("("+perJob+")", "namespace", a.NamespaceLabel), "pod", a.PodLabel))
	return s.perOwner(spec.Pods, perPod, s.owners(s.window), extra...)
}
