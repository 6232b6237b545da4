package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/rightsize-dev/rightsize/recommender"
)

// sentenceWidth is the width in characters from which on a terminal has room
// for the sentences of reasons beside the numbers.
const sentenceWidth = 170

// namedMost is how many workloads a fact names before it only counts them.
const namedMost = 3

// Table writes one row per container, then the totals and what is known about
// the data. Without colour no cell is cut off or left out and no cell but the
// last holds a space, so that rows can be split at spaces.
func Table(w io.Writer, r Report, s Style) error {
	if len(r.Items) > 0 {
		if _, err := fmt.Fprintln(w, tableText(r, s)); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	for _, line := range append(summaryLines(r), factLines(r)...) {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func tableText(r Report, s Style) string {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	style.Size.WidthMax = s.Width
	style.Box.UnfinishedRow = "…"
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	currency := r.Totals().Currency
	header := table.Row{
		"NAMESPACE", "WORKLOAD", "CONTAINER", "REPLICAS", "CPU", "MEMORY",
		printable(currency) + "/MONTH", "SAVES", "ACTION", "CONFIDENCE", "REASON",
	}
	clustered := slices.ContainsFunc(r.Items, func(i Item) bool { return i.Decision.Workload.Cluster != "" })
	if clustered {
		header = append(table.Row{"CLUSTER"}, header...)
	}
	t.AppendHeader(header)
	for _, item := range r.Items {
		for i, row := range itemRows(item, s) {
			if clustered {
				cluster := cell(item.Decision.Workload.Cluster)
				if i > 0 && s.Colour {
					cluster = ""
				}
				row = append(table.Row{cluster}, row...)
			}
			t.AppendRow(row)
		}
	}
	return t.Render()
}

// cell makes a name that came from elsewhere one word.
func cell(name string) string {
	if name == "" {
		return "-"
	}
	return strings.ReplaceAll(printable(name), " ", "_")
}

// itemRows are the rows of one workload. What is about the workload as a whole
// stands in the first, and "-" in the others.
func itemRows(item Item, s Style) []table.Row {
	d := item.Decision
	containers := d.Containers
	if len(containers) == 0 {
		containers = []recommender.Recommendation{{}}
	}
	rows := make([]table.Row, 0, len(containers))
	for i, c := range containers {
		namespace, name := cell(d.Workload.Namespace), cell(d.Workload.Kind+"/"+d.Workload.Name)
		whole := []string{replicasText(d), costText(d), savesText(item), string(d.Action), percentText(d.Confidence)}
		switch {
		case i > 0 && s.Colour:
			namespace, name, whole = "", "", make([]string, len(whole))
		case i > 0:
			whole = []string{"-", "-", "-", "-", "-"}
		}
		reason := ""
		if main, ok := mainReason(d, c.Name); ok {
			reason = reasonText(main)
			if s.Width > 0 && s.Width < sentenceWidth {
				reason = string(main.Code)
			}
		}
		rows = append(rows, table.Row{
			namespace, name, cell(c.Name), whole[0],
			change(cpuText(c.Requests.CPU), cpuText(c.Target.CPU)),
			change(memoryText(c.Requests.Memory), memoryText(c.Target.Memory)),
			whole[1], s.saves(item, whole[2]), s.action(d.Action, whole[3]), whole[4], reason,
		})
	}
	return rows
}

func replicasText(d recommender.Decision) string {
	if d.Workload.Batch() {
		return "per-run"
	}
	return change(strconv.Itoa(d.CurrentReplicas), strconv.Itoa(d.DesiredReplicas))
}

// costText is per month, and per hour of a run for batch workloads.
func costText(d recommender.Decision) string {
	if d.Workload.Batch() {
		return change(moneyText(d.Cost.CurrentPerHour), moneyText(d.Cost.TargetPerHour)) + "/run-hour"
	}
	return change(moneyText(d.Cost.CurrentPerHour*HoursPerMonth), moneyText(d.Cost.TargetPerHour*HoursPerMonth))
}

func savesText(item Item) string {
	if item.Decision.Workload.Batch() {
		return "-"
	}
	return moneyText(item.savingsPerMonth())
}

// saves colours money saved green and money added yellow.
func (s Style) saves(item Item, cell string) string {
	saved := item.savingsPerMonth()
	switch {
	case !s.Colour || cell == "" || item.Decision.Workload.Batch():
		return cell
	case saved > 0.005:
		return text.FgGreen.Sprint(cell)
	case saved < -0.005:
		return text.FgYellow.Sprint(cell)
	default:
		return cell
	}
}

func (s Style) action(a recommender.Action, cell string) string {
	if !s.Colour {
		return cell
	}
	switch a {
	case recommender.ActionNone:
		return text.FgRed.Sprint(cell)
	case recommender.ActionResize, recommender.ActionScale, recommender.ActionResizeAndScale:
		return text.FgCyan.Sprint(cell)
	case recommender.ActionHold:
		return text.Faint.Sprint(cell)
	default:
		return cell
	}
}

// summaryLines say what the report comes to.
func summaryLines(r Report) []string {
	t := r.Totals()
	lines := []string{fmt.Sprintf("%s: %s", plural(t.Workloads, "workload"), actionCounts(t))}
	if t.Workloads > t.Batch {
		lines = append(lines, fmt.Sprintf("%s %s a month now, %s recommended: %s", printable(t.Currency),
			moneyText(t.CurrentPerMonth), moneyText(t.TargetPerMonth), savingsSentence(t)))
	}
	if t.Batch > 0 {
		lines = append(lines, plural(t.Batch, "batch workload")+" not in the monthly amounts: what they cost is per hour of a run")
	}
	if line := ownersLine(r); line != "" {
		lines = append(lines, line)
	}
	if n := advised(r); n > 0 {
		lines = append(lines, "settings of the language runtime go with the sizes of "+plural(n, "container")+": rightsize explain lists them")
	}
	return lines
}

func savingsSentence(t Totals) string {
	if t.SavingsPerMonth < 0 {
		return fmt.Sprintf("%s more (%s)", moneyText(-t.SavingsPerMonth), percentText(-t.SavingsRatio()))
	}
	return fmt.Sprintf("saves %s (%s)", moneyText(t.SavingsPerMonth), percentText(t.SavingsRatio()))
}

// actions lists all actions in the order in which they are counted.
func actions() []recommender.Action {
	return []recommender.Action{
		recommender.ActionResizeAndScale, recommender.ActionResize, recommender.ActionScale,
		recommender.ActionHold, recommender.ActionNone,
	}
}

func actionCounts(t Totals) string {
	var parts []string
	for _, a := range actions() {
		if n := t.Actions[a]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, a))
		}
	}
	if len(parts) == 0 {
		return "nothing to decide"
	}
	return strings.Join(parts, ", ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// factLines say what is known about the data, equal facts once.
func factLines(r Report) []string {
	findings := r.findings()
	lines := make([]string, 0, len(findings))
	for _, f := range findings {
		lines = append(lines, string(f.Code)+": "+f.text())
	}
	return lines
}

// text is the sentence of a fact and whom it is about.
func (f finding) text() string {
	s := printable(f.Message)
	if s == "" {
		s = printable(f.Signal)
	}
	n := len(f.workloads)
	if n == 0 {
		return s
	}
	names := make([]string, 0, namedMost)
	for _, w := range f.workloads[:min(n, namedMost)] {
		names = append(names, printable(w.String()))
	}
	s += " (" + strings.Join(names, ", ")
	if n > namedMost {
		s += fmt.Sprintf(" and %d more", n-namedMost)
	}
	return s + ")"
}
