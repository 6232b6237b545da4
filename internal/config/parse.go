package config

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"math"
	"path"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/recommender"
)

// currencyMost is the most characters a currency may have: room for any ISO
// 4217 code, symbol or a word such as "credits".
const currencyMost = 8

// parse returns everything that is wrong with the settings, or the settings.
func parse(data []byte) (Config, []error) {
	c := Default()
	if len(bytes.TrimSpace(data)) == 0 {
		return c, nil
	}
	f, errs := decode(data)
	if len(errs) == 0 {
		errs = f.check()
	}
	if len(errs) > 0 {
		return Config{}, errs
	}
	if p := f.Prices; p != nil {
		set(&c.Prices.Currency, p.Currency)
		set(&c.Prices.CPUCoreHour, p.CPUCoreHour)
		set(&c.Prices.MemoryGiBHour, p.MemoryGiBHour)
		set(&c.Prices.GPUHour, p.GPUHour)
		set(&c.Prices.DominantShare, p.DominantShare)
	}
	if b := f.Budgets; b != nil {
		set(&c.Budgets.ResizesPerMinute, b.ResizesPerMinute)
		set(&c.Budgets.EvictionsPerHour, b.EvictionsPerHour)
	}
	c.Prometheus, c.KillSwitch = f.Prometheus, f.KillSwitch
	if f.Policy != nil {
		c.policy = *f.Policy
	}
	c.overrides = f.Overrides
	if errs := c.checkMerged(); len(errs) > 0 {
		return Config{}, errs
	}
	return c, nil
}

func decode(data []byte) (file, []error) {
	var f file
	raw, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return file{}, []error{fmt.Errorf("not valid YAML: %w", err)}
	}
	strict, err := json.UnmarshalStrict(raw, &f)
	if wrong, ok := errors.AsType[*stdjson.UnmarshalTypeError](err); ok {
		err = fmt.Errorf("%s: must be %s, got %s", orTop(wrong.Field), kindName(wrong.Type), wrong.Value)
	}
	if err != nil {
		return file{}, []error{err}
	}
	return f, strict
}

// orTop names the document itself where a path is empty.
func orTop(field string) string {
	if field == "" {
		return "the document"
	}
	return field
}

// kindName says what a field of the type is written as.
func kindName(t reflect.Type) string {
	switch t.Kind() { //nolint:exhaustive // The settings have no fields of other kinds.
	case reflect.Float64:
		return "a number"
	case reflect.Int:
		return "a whole number"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list"
	default:
		return "a mapping"
	}
}

// checker collects what is wrong, each with the path of its field.
type checker struct{ errs []error }

func (c *checker) add(field, format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
}

func (f file) check() []error {
	var c checker
	if f.APIVersion != APIVersion {
		c.add("apiVersion", "must be %s, got %q", APIVersion, f.APIVersion)
	}
	if f.Kind != Kind {
		c.add("kind", "must be %s, got %q", Kind, f.Kind)
	}
	if p := f.Prices; p != nil {
		c.currency("prices.currency", p.Currency)
		c.atLeast("prices.cpuCoreHour", p.CPUCoreHour, 0)
		c.atLeast("prices.memoryGiBHour", p.MemoryGiBHour, 0)
		c.atLeast("prices.gpuHour", p.GPUHour, 0)
	}
	if p := f.Prometheus; p != nil && p[0] != '{' {
		c.add("prometheus", "must be a mapping, got %s", p)
	}
	if b := f.Budgets; b != nil {
		c.natural("budgets.resizesPerMinute", b.ResizesPerMinute)
		c.natural("budgets.evictionsPerHour", b.EvictionsPerHour)
	}
	if f.Policy != nil {
		c.policy("policy", *f.Policy)
	}
	for i, o := range f.Overrides {
		at := fmt.Sprintf("overrides[%d]", i)
		c.pattern(at+".cluster", o.Cluster)
		c.pattern(at+".namespace", o.Namespace)
		c.pattern(at+".kind", o.Kind)
		c.pattern(at+".name", o.Name)
		c.policy(at+".policy", o.Policy)
	}
	return c.errs
}

func (c *checker) policy(at string, p policyFile) {
	c.within(at+".risk", p.Risk, 0.5)
	c.duration(at+".hold", p.Hold)
	c.duration(at+".changeCost", p.ChangeCost)
	if o := p.Objective; o != nil {
		c.within(at+".objective.latencySeconds", o.LatencySeconds, math.MaxFloat64)
		c.within(at+".objective.percentile", o.Percentile, 0.9999)
		c.within(at+".objective.serviceCV", o.ServiceCV, 100)
		c.within(at+".objective.waitSeconds", o.WaitSeconds, math.MaxFloat64)
		c.within(at+".objective.ttftSeconds", o.TTFTSeconds, math.MaxFloat64)
		c.within(at+".objective.itlSeconds", o.ITLSeconds, math.MaxFloat64)
	}
	if h := p.Horizontal; h != nil {
		c.count(at+".horizontal.min", h.Min)
		c.count(at+".horizontal.max", h.Max)
		c.duration(at+".horizontal.stabilization", h.Stabilization)
		c.duration(at+".horizontal.zeroAfter", h.ZeroAfter)
	}
	if v := p.Vertical; v != nil {
		c.resources(at+".vertical.minAllowed", v.MinAllowed)
		c.resources(at+".vertical.maxAllowed", v.MaxAllowed)
		c.within(at+".vertical.cpuUtilization", v.CPUUtilization, 1)
		c.within(at+".vertical.memoryMargin", v.MemoryMargin, 10)
		c.within(at+".vertical.burst", v.Burst, 10)
		c.within(at+".vertical.stepUp", v.StepUp, 1000)
		c.within(at+".vertical.stepDown", v.StepDown, 1)
		c.limits(at+".vertical.cpuLimits", v.CPULimits)
		c.limits(at+".vertical.memoryLimits", v.MemoryLimits)
	}
}

func (c *checker) atLeast(at string, x *float64, least float64) {
	if x != nil && (!(*x >= least) || math.IsInf(*x, 0)) {
		c.add(at, "must be >= %g, got %g", least, *x)
	}
}

// within checks for the interval (0, hi]: zero would mean the default, which
// leaving the field out says more clearly.
func (c *checker) within(at string, x *float64, hi float64) {
	if x == nil || (*x > 0 && *x <= hi) {
		return
	}
	if hi == math.MaxFloat64 {
		c.add(at, "must be > 0, got %g", *x)
		return
	}
	c.add(at, "must be > 0 and <= %g, got %g", hi, *x)
}

func (c *checker) count(at string, x *int) {
	if x != nil && *x < 1 {
		c.add(at, "must be >= 1, got %d", *x)
	}
}

func (c *checker) natural(at string, x *int) {
	if x != nil && *x < 0 {
		c.add(at, "must be >= 0, got %d", *x)
	}
}

func (c *checker) duration(at string, s *string) {
	if s == nil {
		return
	}
	switch d, err := time.ParseDuration(*s); {
	case err != nil:
		c.add(at, "must be a duration such as 5m or 168h, got %q", *s)
	case d < time.Second:
		c.add(at, "must be at least 1s, got %s", *s)
	}
}

func (c *checker) resources(at string, r *resourcesFile) {
	if r == nil {
		return
	}
	c.quantity(at+".cpu", r.CPU, "250m or 2")
	c.quantity(at+".memory", r.Memory, "256Mi or 4Gi")
}

func (c *checker) quantity(at string, s *quantity, example string) {
	if s == nil {
		return
	}
	q, err := resource.ParseQuantity(string(*s))
	switch {
	case err != nil:
		c.add(at, "must be an amount such as %s, got %q", example, *s)
	case q.Sign() <= 0:
		c.add(at, "must be more than 0, got %s", *s)
	case q.CmpInt64(math.MaxInt64/1000) > 0:
		c.add(at, "is more than any machine has, got %s", *s)
	}
}

func (c *checker) limits(at string, s *string) {
	if s == nil {
		return
	}
	switch recommender.LimitPolicy(*s) {
	case recommender.LimitRatio, recommender.LimitEqual, recommender.LimitNone:
	case recommender.LimitHeadroom: // It takes an amount, which settings have no field for.
		fallthrough
	default:
		c.add(at, "must be %s, %s or %s, got %q", recommender.LimitRatio, recommender.LimitEqual, recommender.LimitNone, *s)
	}
}

func (c *checker) currency(at string, s *string) {
	if s == nil {
		return
	}
	odd := strings.ContainsFunc(*s, func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) })
	if n := utf8.RuneCountInString(*s); n < 1 || n > currencyMost || odd {
		c.add(at, "must be 1 to %d characters without spaces such as EUR, got %q", currencyMost, *s)
	}
}

func (c *checker) pattern(at, pattern string) {
	if _, err := path.Match(pattern, ""); err != nil {
		c.add(at, "is not a valid pattern, got %q", pattern)
	}
}

// checkMerged looks at bounds that may come from different places: the policy
// for all and an override of it.
func (c Config) checkMerged() []error {
	var check checker
	var base recommender.Policy
	c.policy.apply(&base)
	check.bounds("policy", base)
	for i, o := range c.overrides {
		merged := base
		o.Policy.apply(&merged)
		check.bounds(fmt.Sprintf("overrides[%d].policy", i), merged)
	}
	return check.errs
}

func (c *checker) bounds(at string, p recommender.Policy) {
	if h := p.Horizontal; h.Max > 0 && h.Min > h.Max {
		c.add(at+".horizontal.max", "must be >= min, got min %d and max %d", h.Min, h.Max)
	}
	lo, hi := p.Vertical.MinAllowed, p.Vertical.MaxAllowed
	if hi.CPU > 0 && lo.CPU > hi.CPU {
		c.add(at+".vertical.maxAllowed.cpu", "must be >= minAllowed.cpu, got %dm and %dm", lo.CPU, hi.CPU)
	}
	if hi.Memory > 0 && lo.Memory > hi.Memory {
		c.add(at+".vertical.maxAllowed.memory", "must be >= minAllowed.memory, got %d and %d bytes", lo.Memory, hi.Memory)
	}
}
