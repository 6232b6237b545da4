package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Explain writes one decision number by number: what it comes to, the sizes,
// the data seen, the forecast quantiles, every step in order, and what would
// lead to another decision. The owner may be nil.
func Explain(w io.Writer, item Item, style Style) error {
	s, d := item.Snapshot, item.Decision
	var b strings.Builder
	b.WriteString(explainHead(d, style))
	b.WriteString(explainOwner(item.Owner))
	section := func(title, body string) {
		if body == "" {
			return
		}
		if style.Colour {
			title = text.Bold.Sprint(title)
		}
		fmt.Fprintf(&b, "\n%s\n%s", title, indent(body))
	}
	section("Sizes (requests per pod)", explainSizes(s, d))
	section("Settings of the language runtime that go with them", explainAdvice(d))
	section("Data", explainData(s))
	section("Forecast (the largest value within the span stays below, with the probability above)", explainForecasts(s))
	section("Why, step by step", explainReasons(d))
	section("At another risk", explainAlternatives(d))
	section("What would change it", explainChanges(s, d))
	_, err := io.WriteString(w, b.String())
	return err
}

// explainAlternatives tells what the next cheaper and the next safer choice
// would have cost.
func explainAlternatives(d recommender.Decision) string {
	var b strings.Builder
	for _, a := range d.Alternatives {
		sizes := make([]string, len(a.Sizes))
		for i, r := range a.Sizes {
			name := ""
			if len(a.Sizes) > 1 && i < len(d.Containers) {
				name = printable(d.Containers[i].Name) + " "
			}
			sizes[i] = name + amountText(r.CPU.Cores(), "cores") + " and " + amountText(float64(r.Memory), "bytes")
		}
		fmt.Fprintf(&b, "at %s: %d pods of %s, %s %s a month instead of %s\n", percentText(a.Risk), a.Replicas, strings.Join(sizes, ", "),
			printable(d.Cost.Currency), moneyText(a.CostPerHour*HoursPerMonth), moneyText(d.Cost.TargetPerHour*HoursPerMonth))
	}
	return b.String()
}

func explainHead(d recommender.Decision, style Style) string {
	name, action := printable(d.Workload.String()), string(d.Action)
	if style.Colour {
		name, action = text.Bold.Sprint(name), style.action(d.Action, action)
	}
	head := fmt.Sprintf("%s: %s, confidence %s, for %s\n", name, action, percentText(d.Confidence), timeText(d.At))
	spaced := func(s string) string { return strings.ReplaceAll(s, "→", " → ") }
	if d.Workload.Batch() {
		return head + fmt.Sprintf("%s %s per hour of a run\n", printable(d.Cost.Currency),
			spaced(change(moneyText(d.Cost.CurrentPerHour), moneyText(d.Cost.TargetPerHour))))
	}
	t := Report{Items: []Item{{Decision: d}}}.Totals()
	return head + fmt.Sprintf("%s replicas, %s %s a month: %s\n", spaced(replicasText(d)), printable(d.Cost.Currency),
		spaced(costText(d)), savingsSentence(t))
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n  ") + "\n"
}

// plainTable is a table whose columns are two spaces apart, the first few to
// the left and the others to the right.
func plainTable(header []string, rows [][]string, left int) string {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	row := func(cells []string) table.Row {
		out := make(table.Row, len(cells))
		for i, c := range cells {
			out[i] = c
		}
		return out
	}
	configs := make([]table.ColumnConfig, 0, len(header))
	for i := left; i < len(header); i++ {
		configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(row(header))
	for _, r := range rows {
		t.AppendRow(row(r))
	}
	return t.Render()
}

func explainSizes(s recommender.Snapshot, d recommender.Decision) string {
	rows := make([][]string, 0, 2*len(d.Containers))
	for _, c := range d.Containers {
		for _, r := range newPageContainer(c, s).Resources {
			limit := r.Limit.Now
			if r.Limit.Changed {
				limit += " → " + r.Limit.Want
			}
			rows = append(rows, []string{printable(c.Name), r.Name, r.Mean, r.Peak, r.Request, r.Target, limit, r.Bounds, r.Uncapped})
		}
	}
	if len(rows) == 0 {
		return ""
	}
	return plainTable([]string{
		"CONTAINER", "RESOURCE", "MEAN USED", "PEAK USED", "REQUEST", "RECOMMENDED", "LIMIT", "NO CHANGE WITHIN", "WITHOUT BOUNDS",
	}, rows, 2)
}

func explainData(s recommender.Snapshot) string {
	numbers := data(s)
	width := 0
	for _, n := range numbers {
		width = max(width, text.StringWidthWithoutEscSequences(printable(n.Name)))
	}
	var b strings.Builder
	for _, n := range numbers {
		fmt.Fprintf(&b, "%s  %s\n", text.Pad(printable(n.Name), width, ' '), printable(n.Value))
	}
	if d := s.Demand; d != nil && d.Relation.Valid {
		fmt.Fprintf(&b, "%s = %s per pod + %s per %s, ± %s\n", "CPU in cores", numberText(d.Relation.PerReplica),
			numberText(d.Relation.PerUnit), printable(d.Unit), numberText(d.Relation.Residual))
	}
	for _, f := range s.Facts {
		fmt.Fprintf(&b, "%s: %s\n", f.Code, finding{Fact: f}.text())
	}
	return b.String()
}

// explainForecasts has a row per quantity and horizon.
func explainForecasts(s recommender.Snapshot) string {
	levels := []float64{0.5, 0.9, 0.95, 0.99}
	var rows [][]string
	add := func(name, unit string, u recommender.Usage) {
		if !u.Forecast.Valid() {
			return
		}
		for _, h := range u.Forecast.Horizons {
			row := []string{name, spanText(h.Seconds()), amountText(u.Last, unit)}
			for _, l := range levels {
				row = append(row, amountText(u.Forecast.MaxWithin(h, l), unit))
			}
			rows = append(rows, row)
			name = ""
		}
	}
	if s.Workload.Batch() {
		return ""
	}
	if d := s.Demand; d != nil {
		add(printable(d.Signal)+", "+printable(d.Unit), "", d.Usage)
	}
	for _, c := range s.Containers {
		add(printable(c.Name)+", CPU of all pods", "cores", c.CPU)
		add(printable(c.Name)+", memory of the largest pod", "bytes", c.Memory)
	}
	if len(rows) == 0 {
		return ""
	}
	return plainTable([]string{"QUANTITY", "WITHIN", "NOW", "50%", "90%", "95%", "99%"}, rows, 2)
}

func explainReasons(d recommender.Decision) string {
	var b strings.Builder
	for i, r := range d.Reasons {
		fmt.Fprintf(&b, "%2d. %s", i+1, r.Code)
		if r.Container != "" {
			fmt.Fprintf(&b, " [%s]", printable(r.Container))
		}
		if e := effect(r); e != "" {
			fmt.Fprintf(&b, " %s", e)
		}
		fmt.Fprintf(&b, "\n    %s\n", printable(r.Message))
	}
	return b.String()
}

// explainChanges names what would lead to another decision, each once.
func explainChanges(s recommender.Snapshot, d recommender.Decision) string {
	var lines []string
	for _, r := range d.Reasons {
		if line := remedy(r, s); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	for _, c := range d.Containers {
		if c.LowerBound != c.UpperBound && c.Target == c.Requests {
			lines = append(lines, fmt.Sprintf("%s: it keeps its requests while what it needs stays within %s – %s CPU and %s – %s memory",
				printable(c.Name), cpuText(c.LowerBound.CPU), cpuText(c.UpperBound.CPU),
				memoryText(c.LowerBound.Memory), memoryText(c.UpperBound.Memory)))
		}
	}
	lines = append(lines, fmt.Sprintf("policy: another risk than %s, another hold than %s (--hold), other prices or bounds (--config)",
		percentText(riskOf(s.Policy)), spanText(s.Policy.HoldSeconds)))
	if d.RecheckAfterSeconds > 0 {
		lines = append(lines, "time: the next decision is due "+spanText(d.RecheckAfterSeconds)+" later, at "+
			timeText(d.At.Add(time.Duration(d.RecheckAfterSeconds*float64(time.Second)))))
	}
	return "- " + strings.Join(lines, "\n- ") + "\n"
}

// remedy says what would make a reason go away; empty where nothing has to.
func remedy(r recommender.Reason, s recommender.Snapshot) string {
	switch r.Code {
	case recommender.ReasonNoData:
		return "data: any history of CPU and memory usage of the containers that have none"
	case recommender.ReasonLowTrust:
		return "data: a day of history or more, and a forecast that was right as often as it says"
	case recommender.ReasonUnsafeData:
		return "data: whole and fresh samples; until then nothing shrinks"
	case recommender.ReasonRollout:
		return "the end of the rollout"
	case recommender.ReasonThrottled:
		return "limits: a higher CPU limit, or none, would show how much CPU is really wanted"
	case recommender.ReasonOOMKilled:
		return "peace: no kill for want of memory until the day that the reason names"
	case recommender.ReasonBacklog:
		return "the end of the backlog"
	case recommender.ReasonMemoryTrend:
		return "the end of the growth of memory: look for a leak"
	case recommender.ReasonPageCache:
		return "less page cache, or no memory limit"
	case recommender.ReasonBounded, recommender.ReasonShort:
		return "policy: wider minAllowed and maxAllowed, or horizontal min and max, which bind here"
	case recommender.ReasonHorizontalFixed:
		if s.Workload.Scalable() && s.Demand == nil {
			return "replicas: a metric of the work that arrives, such as requests, would let them follow it; or `horizontal`, if more pods share what they use"
		}
		return ""
	case recommender.ReasonStabilized:
		return "time without a wish for more pods: policy horizontal.stabilization"
	case recommender.ReasonNotWorthwhile:
		return "a larger or longer difference between what is requested and what is needed, or a smaller policy changeHours"
	case recommender.ReasonFeedback:
		return "fewer requests later than the objective"
	case recommender.ReasonUnidentified:
		return "load: metrics tell how fast a pod is once it has some"
	case recommender.ReasonWithinTolerance:
		return "a larger difference between what is requested and what is needed"
	case recommender.ReasonForecast, recommender.ReasonReactiveFloor, recommender.ReasonQueueing,
		recommender.ReasonMemoryPeak, recommender.ReasonMemoryInFlight, recommender.ReasonMemoryShared, recommender.ReasonMemorySeason, recommender.ReasonHeapBounded, recommender.ReasonRuntime,
		recommender.ReasonCheapest, recommender.ReasonPerRun, recommender.ReasonOrdinalSkew,
		recommender.ReasonLimitBound, recommender.ReasonQoSKept, recommender.ReasonStartupBoost, recommender.ReasonGroup,
		recommender.ReasonAccelerator, recommender.ReasonVariants, recommender.ReasonGPUSeconds:
		return ""
	case recommender.ReasonLimitRange, recommender.ReasonQuota, recommender.ReasonNodeShape, recommender.ReasonAllowedSize,
		recommender.ReasonStepLimited, recommender.ReasonWindow, recommender.ReasonScheduledFloor, recommender.ReasonReplicaFloor,
		recommender.ReasonDeferred, recommender.ReasonInfeasible, recommender.ReasonZero, recommender.ReasonKeptWarm,
		recommender.ReasonWoken, recommender.ReasonCrashLoop, recommender.ReasonOOMFreeze, recommender.ReasonDamped,
		recommender.ReasonScalingPolicy, recommender.ReasonBudget, recommender.ReasonStarting, recommender.ReasonSurprise:
		return constraintRemedy(r.Code)
	default:
		return ""
	}
}

// constraintRemedy says what would make a constraint go away.
func constraintRemedy(code recommender.ReasonCode) string {
	switch code { //nolint:exhaustive // Only what bounds or holds a decision.
	case recommender.ReasonLimitRange, recommender.ReasonQuota:
		return "the namespace: a wider LimitRange or ResourceQuota"
	case recommender.ReasonNodeShape, recommender.ReasonInfeasible:
		return "nodes: larger ones, or more room on them"
	case recommender.ReasonAllowedSize:
		return "policy: other sizes, steps or memoryPerCore"
	case recommender.ReasonStepLimited, recommender.ReasonScalingPolicy:
		return "time: the policies of change permit only so much at once"
	case recommender.ReasonWindow, recommender.ReasonScheduledFloor:
		return "time: the schedule's windows and floors"
	case recommender.ReasonReplicaFloor:
		return "policy: fewer zones to spread over, or a smaller minAvailable"
	case recommender.ReasonDeferred:
		return "room on the nodes of the pods that wait"
	case recommender.ReasonZero, recommender.ReasonKeptWarm, recommender.ReasonWoken:
		return "demand, or its forecast"
	case recommender.ReasonCrashLoop, recommender.ReasonOOMFreeze:
		return "10 minutes without a restart"
	case recommender.ReasonStarting:
		return "pods that are ready: room on nodes, or a shorter start"
	case recommender.ReasonSurprise:
		return "10 minutes without demand that nobody forecast"
	case recommender.ReasonDamped:
		return "an hour in which it does not change its direction that often"
	case recommender.ReasonBudget:
		return "a larger budget of changes, or the next hour"
	default:
		return ""
	}
}
