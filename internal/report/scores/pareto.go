package scores

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/rightsize-dev/rightsize/internal/judge"
)

// ParetoJSON writes one document on a line.
func ParetoJSON(w io.Writer, r judge.ParetoReport) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// levelHeader and levelCells are the columns of costs at equal violations.
func levelHeader() []string {
	return []string{"BURST", "VIOLATED<=", "CHANGES/D<=", "POLICY", "MEETS", "/ORACLE", "/FRONTIER", "SCALINGS/D", "RESIZES/D", "OOM", "ONE-KNOB-MEETS", "ONE-KNOB/ORACLE", "ONE-KNOB"}
}

func levelCells(a judge.AtLevel) []string {
	one := a.OneKnob.Knob
	switch {
	case a.OneKnob.Meets == 0:
		one = none
	case one == "":
		one = "as configured"
	}
	return []string{
		number(a.Burst), percentLevel(a.Level), churnLevel(a.Churn), a.Policy, share(a.Meets, a.Scenarios), fixed(a.CostToOracle),
		fixed(a.CostToFrontier), short(a.ScaleEventsPerDay), short(a.ResizesPerDay), strconv.Itoa(a.OOMKills), share(a.OneKnob.Meets, a.Scenarios),
		fixed(a.OneKnob.CostToOracle), one,
	}
}

// configuredHeader and configuredCells are the columns of policies without a
// turn of their knobs.
func configuredHeader() []string {
	return []string{"BURST", "POLICY", "SCENARIOS", "/ORACLE", "/FRONTIER", "DEAREST", "DEAREST/FRONTIER", "VIOLATED", "MOST-VIOLATED", "OF-IT", "MEETS-0.1%", "OOM", "CHANGES/D"}
}

func configuredCells(a judge.AsConfigured) []string {
	name := func(s string) string {
		if s == "" {
			return none
		}
		return word(s)
	}
	return []string{
		number(a.Burst), a.Policy, strconv.Itoa(a.Scenarios), fixed(a.CostToOracle), fixed(a.CostToFrontier), name(a.Dearest),
		fixed(a.DearestRatio), percent(a.ViolatedRatio), name(a.MostViolated), percent(a.MostViolatedRatio),
		share(a.Meets, a.Scenarios), strconv.Itoa(a.OOMKills), short(a.ChangesPerDay),
	}
}

func configuredRows(r judge.ParetoReport) [][]string {
	out := make([][]string, len(r.AsConfigured))
	for i, a := range r.AsConfigured {
		out[i] = configuredCells(a)
	}
	return out
}

// pairHeader and pairCells are the columns of the paired comparison.
func pairHeader(r judge.ParetoReport) []string {
	name := strings.ToUpper(r.Reference)
	return []string{"BURST", "VIOLATED<=", "CHANGES/D<=", name + "/", "PAIRS", "RATIO", "95%-INTERVAL", "WORST", "WORST-RATIO", "ONLY-" + name, "ONLY-OTHER"}
}

func pairCells(p judge.PairedRatio) []string {
	interval, worst := none, none
	if p.Low != nil {
		interval = fixed(p.Low) + ".." + fixed(p.High)
	}
	if p.Worst != "" {
		worst = word(p.Worst)
	}
	return []string{
		number(p.Burst), percentLevel(p.Level), churnLevel(p.Churn), p.Policy, strconv.Itoa(p.Pairs), fixed(p.Ratio), interval, worst,
		fixed(p.WorstRatio), strconv.Itoa(p.OnlyReference), strconv.Itoa(p.OnlyPolicy),
	}
}

func percentLevel(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e6)/1e4, 'f', -1, 64) + "%"
}

// churnLevel is the most changes a day, of which 0 is any number.
func churnLevel(v float64) string {
	if v <= 0 {
		return "any"
	}
	return number(v)
}

func share(part, whole int) string { return fmt.Sprintf("%d/%d", part, whole) }

// grid writes rows under a header for people; the columns from the numbered
// one on are numbers.
func grid(header []string, rows [][]string, width int) string {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	style.Size.WidthMax = width
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	t.AppendHeader(tableRow(header))
	for _, r := range rows {
		t.AppendRow(tableRow(r))
	}
	return t.Render()
}

func tableRow(cells []string) table.Row {
	out := make(table.Row, len(cells))
	for i, c := range cells {
		out[i] = strings.ReplaceAll(c, " ", "_")
	}
	return out
}

func levelRows(r judge.ParetoReport) [][]string {
	out := make([][]string, len(r.AtLevels))
	for i, a := range r.AtLevels {
		out[i] = levelCells(a)
	}
	return out
}

func pairRows(r judge.ParetoReport) [][]string {
	out := make([][]string, len(r.Paired))
	for i, p := range r.Paired {
		out[i] = pairCells(p)
	}
	return out
}

// ParetoTable writes three tables: policies as they are configured, costs at
// equal violations, and the reference against each other policy. No cell holds a
// space.
func ParetoTable(w io.Writer, r judge.ParetoReport, width int) error {
	_, err := fmt.Fprintf(w, "%s\n\n%s\n\n%s\n", grid(configuredHeader(), configuredRows(r), width), grid(levelHeader(), levelRows(r), width), grid(pairHeader(r), pairRows(r), width))
	return err
}

// ParetoMarkdown writes the same for comments on changes.
func ParetoMarkdown(w io.Writer, r judge.ParetoReport) error {
	var b strings.Builder
	b.WriteString("### As configured\n\n")
	markdownGrid(&b, configuredHeader(), configuredRows(r))
	b.WriteString("\n### Cost at equal violations\n\n")
	markdownGrid(&b, levelHeader(), levelRows(r))
	fmt.Fprintf(&b, "\n### %s against the others, scenario by scenario\n\n", r.Reference)
	markdownGrid(&b, pairHeader(r), pairRows(r))
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownGrid(b *strings.Builder, header []string, rows [][]string) {
	line := func(cells []string) {
		b.WriteString("|")
		for _, c := range cells {
			b.WriteString(" " + strings.ReplaceAll(c, "|", "\\|") + " |")
		}
		b.WriteByte('\n')
	}
	lower := make([]string, len(header))
	for i, h := range header {
		lower[i] = strings.ToLower(h)
	}
	line(lower)
	b.WriteString("|" + strings.Repeat("---|", len(header)) + "\n")
	for _, r := range rows {
		line(r)
	}
}
