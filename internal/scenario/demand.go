package scenario

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// source is where the demand of a scenario comes from.
type source struct {
	file     string
	column   string
	unit     string
	where    map[string]string
	scale    float64
	start    time.Duration
	duration time.Duration

	// Of usage services.
	usage                   bool
	cpuColumn, memoryColumn string
	cpuScale, memoryScale   float64

	tokens bool // Of inference services.
}

func readDemand(o *object) source {
	defer o.done()
	o.required("file")
	s := source{
		file: o.text("file"), column: o.text("column"), unit: o.text("unit"), where: o.texts("where"),
		scale: readScale(o, "scale"), start: o.duration("start", 0), duration: o.duration("duration", 0),
		cpuScale: 1, memoryScale: 1,
	}
	if s.start < 0 {
		o.fail("start", "must be >= 0, got %v", s.start)
	}
	if s.duration < 0 {
		o.fail("duration", "must be >= 0, got %v", s.duration)
	}
	return s
}

func fieldErrorf(path, format string, args ...any) error {
	return &simulator.FieldError{Path: path, Problem: fmt.Sprintf(format, args...)}
}

// read joins the trace to the scenario.
func (s source) read(sc *simulator.Scenario, dir string) error {
	path, err := s.path(dir)
	if err != nil {
		return err
	}
	table, err := ReadTable(path)
	if err != nil {
		return fmt.Errorf("spec.demand.file: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(s.where)) {
		if table, err = table.Where(name, s.where[name]); err != nil {
			return fmt.Errorf("spec.demand.where.%s: %w", name, err)
		}
	}
	if s.usage && s.column == "" {
		s.column = s.cpuColumn
	}
	if err := s.checkColumns(); err != nil {
		return err
	}
	if by, values := table.Groups(); by != "" {
		return fieldErrorf("spec.demand.where", "%s holds %d series told apart by column %s: pick one, such as {%s: %s}",
			table.path, len(values), by, by, values[0])
	}
	if table.RequestTrace() && s.column == RequestsColumn {
		return s.readRequests(sc, table)
	}
	return s.readRows(sc, table)
}

func (s source) checkColumns() error {
	switch {
	case s.column == "":
		return fieldErrorf("spec.demand.column", "is required")
	case s.usage && s.column != s.cpuColumn:
		return fieldErrorf("spec.demand.column", "must be spec.service.usage.cpuColumn, %q, got %q", s.cpuColumn, s.column)
	default:
		return nil
	}
}

// path is the trace's file, relative to the scenario's folder.
func (s source) path(dir string) (string, error) {
	variable := "${" + TracesVariable + "}"
	path := s.file
	if strings.Contains(path, variable) {
		folder := os.Getenv(TracesVariable)
		if folder == "" {
			return "", fieldErrorf("spec.demand.file", "%s needs the environment variable %s, the folder of the traces", s.file, TracesVariable)
		}
		path = strings.ReplaceAll(path, variable, folder)
	}
	if strings.Contains(path, "${") {
		return "", fieldErrorf("spec.demand.file", "%s: only %s is replaced in a path", s.file, variable)
	}
	if path == "" {
		return "", fieldErrorf("spec.demand.file", "must not be empty")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return path, nil
}

// readRows takes a column whose rows hold until the next.
func (s source) readRows(sc *simulator.Scenario, table *Table) error {
	if table.RequestTrace() {
		return fieldErrorf("spec.demand.column", "%s is a request trace: its column is %q, not %q", table.path, RequestsColumn, s.column)
	}
	if err := table.ascending(true); err != nil {
		return fmt.Errorf("spec.demand.file: %w", err)
	}
	rate, err := s.columnIn(table, s.column, s.unit, "spec.demand.column")
	if err != nil {
		return err
	}
	var memory []float64
	if s.memoryColumn != "" {
		if memory, err = s.memoryIn(table); err != nil {
			return err
		}
	}
	epoch := table.Time(0).Add(s.start)
	first := table.rowAt(epoch)
	d := simulator.Demand{Epoch: epoch, Offsets: make([]float64, 0, table.Rows()-first)}
	for i := first; i < table.Rows(); i++ {
		d.Offsets = append(d.Offsets, table.Time(i).Sub(epoch).Seconds())
	}
	d.End = d.Offsets[len(d.Offsets)-1] + time.Duration(table.grid().step).Seconds()
	d.Rate = rate[first:]
	if memory != nil {
		d.Memory = memory[first:]
	}
	if s.tokens {
		if d.PromptTokens, d.OutputTokens, err = tokensIn(table, first); err != nil {
			return err
		}
	}
	sc.Demand = d
	return s.span(sc, table)
}

// rowAt is the row in force at t, the first one before all.
func (t *Table) rowAt(at time.Time) int {
	i, found := slices.BinarySearch(t.times, at.UnixNano())
	if found {
		return i
	}
	return max(0, i-1)
}

// span settles the length of the scored span and checks that the file is long
// enough.
func (s source) span(sc *simulator.Scenario, table *Table) error {
	left := time.Duration(sc.Demand.End * float64(time.Second)).Truncate(time.Millisecond)
	if sc.Duration == 0 {
		sc.Duration = left - sc.Warmup
		if sc.Duration <= 0 {
			return fieldErrorf("spec.warmup", "%s ends %v after spec.demand.start, the warm-up needs %v", table.path, left, sc.Warmup)
		}
		return nil
	}
	if need := sc.Warmup + sc.Duration; need > left+time.Millisecond {
		return fieldErrorf("spec.demand.duration", "%s ends %v after spec.demand.start, warm-up and duration need %v", table.path, left, need)
	}
	return nil
}

// readRequests takes the requests of a trace as they came.
func (s source) readRequests(sc *simulator.Scenario, table *Table) error {
	if s.usage {
		return fieldErrorf("spec.service.usage", "%s is a request trace, not measured usage", table.path)
	}
	requests, err := table.Requests()
	if err != nil {
		return fmt.Errorf("spec.demand.file: %w", err)
	}
	epoch := table.Time(0).Add(s.start)
	origin := float64(epoch.UnixNano()) / float64(time.Second)
	d := simulator.Demand{Epoch: epoch, Copies: s.scale, Arrivals: []float64{}}
	first := sort.SearchFloat64s(requests.Arrivals, origin)
	for _, at := range requests.Arrivals[first:] {
		d.Arrivals = append(d.Arrivals, at-origin)
	}
	if s.tokens {
		if d.PromptTokens, d.OutputTokens, err = tokensIn(table, first); err != nil {
			return err
		}
	}
	if len(d.Arrivals) == 0 {
		return fieldErrorf("spec.demand.start", "%s has no request after %v", table.path, s.start)
	}
	d.End = d.Arrivals[len(d.Arrivals)-1]
	d.Offsets, d.Rate = perMinute(d.Arrivals, s.scale)
	sc.Demand = d
	return s.span(sc, table)
}

// tokensIn returns the columns of prompt and output tokens from a row on, nil
// where there is none: prompt_tokens and output_tokens, or else their means.
func tokensIn(table *Table, first int) (prompts, outputs []float64, err error) {
	column := func(name string) ([]float64, error) {
		for _, name := range []string{name, "mean_" + name} {
			if slices.Contains(slices.Concat(table.Columns(), table.TextColumns()), name) {
				values, err := table.Numbers(name)
				if err != nil {
					return nil, fmt.Errorf("spec.demand.file: %w", err)
				}
				return values[first:], nil
			}
		}
		return nil, nil
	}
	if prompts, err = column("prompt_tokens"); err != nil {
		return nil, nil, err
	}
	outputs, err = column("output_tokens")
	return prompts, outputs, err
}

// perMinute is the rate in requests a second of each minute from offset 0.
func perMinute(arrivals []float64, scale float64) (offsets, rate []float64) {
	n := int(arrivals[len(arrivals)-1]/60) + 1
	offsets, rate = make([]float64, n), make([]float64, n)
	for i := range offsets {
		offsets[i] = 60 * float64(i)
	}
	for _, at := range arrivals {
		rate[int(at/60)] += scale / 60
	}
	return offsets, rate
}

// columnIn returns the demand column in requests a second, or cores.
func (s source) columnIn(table *Table, name, unit, path string) ([]float64, error) {
	values, err := table.Numbers(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if unit == "" {
		unit = name
	} else {
		path = "spec.demand.unit"
	}
	u, ok := parseUnit(unit)
	want := unitRate
	if s.usage {
		want = unitCPU
	}
	if !ok || u.kind != want {
		return nil, fieldErrorf(path, "%q does not end in a unit of %s; set spec.demand.unit", unit, want)
	}
	factor := u.factor * s.scale
	if s.usage {
		factor *= s.cpuScale
	}
	return times(values, factor), nil
}

func (s source) memoryIn(table *Table) ([]float64, error) {
	const path = "spec.service.usage.memoryColumn"
	values, err := table.Numbers(s.memoryColumn)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	u, ok := parseUnit(s.memoryColumn)
	if !ok || u.kind != unitMemory {
		return nil, fieldErrorf(path, "%q does not end in a unit of %s", s.memoryColumn, unitMemory)
	}
	return times(values, u.factor*s.memoryScale), nil
}

func times(values []float64, factor float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = v * factor
	}
	return out
}

// unitKind is what a unit measures.
type unitKind string

const (
	unitRate   unitKind = "requests (_per_s, _per_5min, _rps, …)"
	unitCPU    unitKind = "CPU (_cores, _millicores)"
	unitMemory unitKind = "memory (_bytes, _kib, _mib, _gib)"
)

// unit turns a value into requests a second, cores or bytes.
type unit struct {
	kind   unitKind
	factor float64
}

// parseUnit reads the unit at the end of a name, such as requests_per_5min, or
// a unit alone, such as cores.
func parseUnit(name string) (unit, bool) {
	known := map[string]unit{
		"rps": {unitRate, 1}, "cores": {unitCPU, 1}, "millicores": {unitCPU, 1e-3}, "bytes": {unitMemory, 1},
		"kib": {unitMemory, float64(recommender.KiB)}, "mib": {unitMemory, float64(recommender.MiB)},
		"gib": {unitMemory, float64(recommender.GiB)},
	}
	if u, ok := known[name[strings.LastIndexByte(name, '_')+1:]]; ok {
		return u, true
	}
	m := regexp.MustCompile(`(?:^|_)per_([0-9]{0,9})(s|min|h)$`).FindStringSubmatch(name)
	if m == nil {
		return unit{}, false
	}
	n := 1.0
	if m[1] != "" {
		n, _ = strconv.ParseFloat(m[1], 64) // Digits only.
	}
	per := map[string]float64{"s": 1, "min": 60, "h": 3600}[m[2]]
	if n == 0 || math.IsInf(n, 0) {
		return unit{}, false
	}
	return unit{unitRate, 1 / (n * per)}, true
}
