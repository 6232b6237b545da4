package scores

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/rightsize-dev/rightsize/simulator"
)

// none is printed for what has no value.
const none = "-"

// column is one column of the tables for people.
type column struct {
	title string
	cell  func(s simulator.Score) string
}

// columns are those of the table, in order; all fields are in the JSON.
func columns() []column {
	return []column{
		{"COST", func(s simulator.Score) string { return short(s.Cost) }},
		{"/ORACLE", func(s simulator.Score) string { return fixed(s.CostToOracle) }},
		{"CPU-CORE-H", func(s simulator.Score) string { return short(&s.CPUCoreHours) }},
		{"MEM-GIB-H", func(s simulator.Score) string { return short(&s.MemoryGiBHours) }},
		{"VIOLATED", func(s simulator.Score) string { return percent(s.SLOViolatedRequestRatio) }},
		{"VIOLATED-MIN", func(s simulator.Score) string { return number(math.Round(s.SLOViolationSeconds / 60)) }},
		{"P95", func(s simulator.Score) string { return latency(s.LatencyP95Seconds) }},
		{"P99", func(s simulator.Score) string { return latency(s.LatencyP99Seconds) }},
		{"CPU-SLACK", func(s simulator.Score) string { return percent(s.CPUSlackRatio) }},
		{"MEM-SLACK", func(s simulator.Score) string { return percent(s.MemorySlackRatio) }},
		{"THROTTLED-H", func(s simulator.Score) string { h := s.ThrottledSeconds / 3600; return short(&h) }},
		{"OOM", func(s simulator.Score) string { return strconv.Itoa(s.OOMKills) }},
		{"SCALINGS", func(s simulator.Score) string { return strconv.Itoa(s.ScaleEvents) }},
		{"RESIZES", func(s simulator.Score) string { return strconv.Itoa(s.Resizes) }},
		{"EVICTIONS", func(s simulator.Score) string { return strconv.Itoa(s.Evictions) }},
	}
}

// Table writes one row per scenario and policy. No cell holds a space. Width
// is that of the terminal, 0 cuts nothing off.
func Table(w io.Writer, lists []simulator.ScoreList, width int) error {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	style.Size.WidthMax = width
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	header := table.Row{"SCENARIO", "POLICY"}
	configs := []table.ColumnConfig{}
	for i, c := range columns() {
		header = append(header, c.title)
		configs = append(configs, table.ColumnConfig{Number: i + 3, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(configs)
	for _, l := range lists {
		for _, item := range l.Items {
			row := table.Row{word(l.Scenario), item.Policy}
			for _, c := range columns() {
				row = append(row, c.cell(item.Score))
			}
			t.AppendRow(row)
		}
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

// word makes a name one word of printable characters.
func word(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '_'
		case !strconv.IsPrint(r):
			return -1
		default:
			return r
		}
	}, name)
}

// Markdown writes one table per scenario.
func Markdown(w io.Writer, lists []simulator.ScoreList) error {
	var b strings.Builder
	for i, l := range lists {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "### %s\n\n| policy |", strings.ReplaceAll(word(l.Scenario), "|", "\\|"))
		for _, c := range columns() {
			b.WriteString(" " + strings.ToLower(c.title) + " |")
		}
		b.WriteString("\n|---|" + strings.Repeat("---:|", len(columns())) + "\n")
		for _, item := range l.Items {
			b.WriteString("| " + item.Policy + " |")
			for _, c := range columns() {
				b.WriteString(" " + c.cell(item.Score) + " |")
			}
			b.WriteByte('\n')
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// short is a number with about four digits.
func short(v *float64) string {
	switch {
	case v == nil:
		return none
	case *v == 0:
		return "0"
	case math.Abs(*v) >= 1000:
		return strconv.FormatFloat(*v, 'f', 0, 64)
	case math.Abs(*v) >= 10:
		return strconv.FormatFloat(*v, 'f', 1, 64)
	case math.Abs(*v) >= 0.01:
		return strconv.FormatFloat(*v, 'f', 3, 64)
	default:
		return strconv.FormatFloat(*v, 'g', 3, 64)
	}
}

func fixed(v *float64) string {
	const digits = 3
	if v == nil {
		return none
	}
	return strconv.FormatFloat(*v, 'f', digits, 64)
}

// percent shows small shares with more digits.
func percent(v *float64) string {
	switch {
	case v == nil:
		return none
	case *v != 0 && math.Abs(*v) < 0.1:
		return strconv.FormatFloat(*v*100, 'f', 3, 64) + "%"
	default:
		return strconv.FormatFloat(*v*100, 'f', 1, 64) + "%"
	}
}

// latency is in milliseconds below a second.
func latency(v *float64) string {
	switch {
	case v == nil:
		return none
	case *v < 1:
		return strconv.FormatFloat(*v*1000, 'f', 1, 64) + "ms"
	default:
		return strconv.FormatFloat(*v, 'f', 2, 64) + "s"
	}
}
