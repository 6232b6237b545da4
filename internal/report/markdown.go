package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/rightsize-dev/rightsize/recommender"
)

// markdownMost is how many bytes of rows are written: the comments of code
// hosts hold 65,536 characters.
const markdownMost = 60_000

// Markdown writes a summary and a table of what would change, made for a
// comment on a change. Workloads without a change are counted, not listed.
func Markdown(w io.Writer, r Report) error {
	var b strings.Builder
	b.WriteString("### Rightsize dry run\n\n")
	for _, line := range summaryLines(r) {
		fmt.Fprintf(&b, "- %s\n", markdownText(line))
	}
	markdownTable(&b, r)
	markdownAdvice(&b, r)
	if facts := factLines(r); len(facts) > 0 {
		b.WriteString("\n**About the data**\n\n")
		for _, line := range facts {
			fmt.Fprintf(&b, "- %s\n", markdownText(line))
		}
	}
	fmt.Fprintf(&b, "\n<sub>%s · %s · monthly amounts are requested capacity for %d hours · nothing was changed</sub>\n",
		markdownText(timeText(r.At)), markdownText("rightsize "+r.Version), HoursPerMonth)
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownTable(b *strings.Builder, r Report) {
	kept, left := 0, 0
	started := b.Len()
	for _, item := range r.Items {
		if !changes(item.Decision) {
			kept++
			continue
		}
		if b.Len()-started > markdownMost {
			left++
			continue
		}
		if b.Len() == started {
			fmt.Fprintf(b, "\n| Workload | Container | Replicas | CPU | Memory | %s a month | Saves | Why |\n",
				markdownText(r.Totals().Currency))
			b.WriteString("|---|---|---:|---:|---:|---:|---:|---|\n")
		}
		markdownRows(b, item)
	}
	if left > 0 {
		fmt.Fprintf(b, "\n%s more would change and did not fit here.\n", plural(left, "workload"))
	}
	if kept > 0 {
		fmt.Fprintf(b, "\n%s without a change not listed.\n", plural(kept, "workload"))
	}
}

// changes says whether a decision would change anything.
func changes(d recommender.Decision) bool {
	switch d.Action {
	case recommender.ActionResize, recommender.ActionScale, recommender.ActionResizeAndScale:
		return true
	case recommender.ActionHold, recommender.ActionNone:
		return false
	default:
		return false
	}
}

func markdownRows(b *strings.Builder, item Item) {
	d := item.Decision
	for i, c := range d.Containers {
		name, replicas, cost, saves := "", "", "", ""
		if i == 0 {
			name, replicas, cost, saves = markdownCode(d.Workload.String()), replicasText(d), costText(d), savesText(item)
		}
		why := ""
		if main, ok := mainReason(d, c.Name); ok {
			why = markdownText(reasonText(main))
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", name, markdownCode(c.Name), markdownArrow(replicas),
			markdownArrow(change(cpuText(c.Requests.CPU), cpuText(c.Target.CPU))),
			markdownArrow(change(memoryText(c.Requests.Memory), memoryText(c.Target.Memory))), markdownArrow(cost), saves, why)
	}
}

// markdownArrow lets a change wrap and puts what is wanted in bold.
func markdownArrow(s string) string {
	now, want, ok := strings.Cut(s, "→")
	if !ok {
		return s
	}
	return now + " → **" + want + "**"
}

// markdownCode writes a name as code, in which nothing is markup and nobody is
// mentioned.
func markdownCode(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.NewReplacer("`", "'", "|", `\|`).Replace(printable(s)) + "`"
}

// markdownText writes text that came from elsewhere so that none of it is
// markup.
func markdownText(s string) string {
	return strings.NewReplacer(
		`\`, `\\`, "`", "&#96;", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`, "~", `\~`, "#", `\#`,
		"&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "&#64;", "://", "&#58;//",
	).Replace(printable(s))
}
