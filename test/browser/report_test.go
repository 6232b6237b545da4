package browser_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/internal/report"
)

func reportPage(t *testing.T, r report.Report) []byte {
	t.Helper()
	return render(t, func(b *bytes.Buffer) error { return report.HTML(b, r) })
}

// row is the selector of a workload's part of the table.
func row(workload string) chromedp.CSS {
	return chromedp.CSS(`tbody[data-name="` + workload + `"]`)
}

// inked counts the pixels that are drawn on the canvases of a workload.
func inked(t *testing.T, tb *tab, workload string) []int {
	t.Helper()
	return eval[[]int](t, tb, fmt.Sprintf(`Array.from(document.querySelectorAll('%s canvas'), (c) => {
		const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
		let n = 0;
		for (let i = 3; i < d.length; i += 4) if (d[i]) n++;
		return n;
	})`, row(workload)))
}

// visible lists the workloads that are shown, from top to bottom.
func visible(t *testing.T, tb *tab) []string {
	t.Helper()
	return eval[[]string](t, tb, `Array.from(document.querySelectorAll('tbody.w')).filter((b) => b.offsetParent).map((b) => b.dataset.name)`)
}

func TestReportOpensSections(t *testing.T) {
	t.Parallel()
	tb := open(t, reportPage(t, reportOn(fleet())))
	const shop = "web/Deployment/shop"
	if n := len(inked(t, tb, shop)); n != 0 {
		t.Errorf("%d charts before the section is open", n)
	}
	tb.do(t, chromedp.Click(row(shop)+" button.name"), chromedp.WaitVisible(row(shop)+" .charts canvas"))
	charts := inked(t, tb, shop)
	// Demand, CPU and memory of two containers; pods only where they change.
	if len(charts) < 5 {
		t.Errorf("%d charts, want at least 5", len(charts))
	}
	for i, n := range charts {
		if n < 2000 { // An empty frame with its axes has a few hundred.
			t.Errorf("chart %d has %d pixels drawn", i, n)
		}
	}
	labels := eval[[]string](t, tb, fmt.Sprintf(`Array.from(document.querySelectorAll('%s .plot'), (p) => p.getAttribute('aria-label'))`, row(shop)))
	if len(labels) != len(charts) || !strings.Contains(labels[0], "requests/s") {
		t.Errorf("charts are labelled %q", labels)
	}
	if got := eval[string](t, tb, fmt.Sprintf(`document.querySelector('%s button.name').getAttribute('aria-expanded')`, row(shop))); got != "true" {
		t.Errorf("aria-expanded is %q", got)
	}
	tb.do(t, chromedp.Click(chromedp.CSS("#theme")), chromedp.Click(row(shop)+" .ranges button"))
	for i, n := range inked(t, tb, shop) {
		if n < 2000 {
			t.Errorf("after a change of colours and range, chart %d has %d pixels drawn", i, n)
		}
	}
	tb.do(t, chromedp.Click(row(shop)+" button.name"), chromedp.WaitNotVisible(row(shop)+" .charts"))
	tb.quiet(t)
}

func TestReportSortsAndFilters(t *testing.T) {
	t.Parallel()
	r := reportOn(fleet())
	tb := open(t, reportPage(t, r))
	names := func(r report.Report) []string {
		var out []string
		for _, i := range r.Items {
			out = append(out, i.Decision.Workload.String())
		}
		return out
	}
	if diff := cmp.Diff(names(r), visible(t, tb)); diff != "" {
		t.Errorf("at first (-want +got):\n%s", diff)
	}
	tb.do(t, chromedp.Click(chromedp.CSS(`th[data-key="saves"] button`)))
	if diff := cmp.Diff(names(r.Sorted(report.SortSavings)), visible(t, tb)); diff != "" {
		t.Errorf("by savings (-want +got):\n%s", diff)
	}
	if got := eval[string](t, tb, `document.querySelector('th[data-key="saves"]').getAttribute('aria-sort')`); got != "descending" {
		t.Errorf("aria-sort is %q", got)
	}
	tb.do(t, chromedp.SendKeys(chromedp.CSS("#f-text"), "WEB deploy shop"))
	if diff := cmp.Diff([]string{"web/Deployment/shop"}, visible(t, tb)); diff != "" {
		t.Errorf("filtered (-want +got):\n%s", diff)
	}
	if got := eval[string](t, tb, `document.getElementById('shown').textContent`); got != "1 of 9" {
		t.Errorf("it says %q", got)
	}
	tb.do(t, chromedp.Evaluate[chromedp.Void](
		`(() => { const f = document.getElementById('f-text'); f.value = ''; f.dispatchEvent(new Event('input', {bubbles: true})); })()`), chromedp.Click(chromedp.CSS("#f-problems")))
	if diff := cmp.Diff([]string{"legacy/Deployment/billing-2019"}, visible(t, tb)); diff != "" {
		t.Errorf("problems only (-want +got):\n%s", diff)
	}
	tb.quiet(t)
}

func TestReportTakesNamesForText(t *testing.T) {
	t.Parallel()
	tb := open(t, reportPage(t, reportOn(fleet())))
	tb.do(t, chromedp.Evaluate[chromedp.Void](`document.querySelectorAll('button.name').forEach((b) => b.click())`))
	if n := eval[int](t, tb, `document.images.length + document.querySelectorAll('td b b, th b').length`); n != 0 {
		t.Errorf("%d elements came from a name", n)
	}
	if title := eval[string](t, tb, `document.title`); !strings.HasPrefix(title, "rightsize") {
		t.Errorf("the title is %q", title)
	}
	shown := eval[[]string](t, tb, `Array.from(document.querySelectorAll('button.name'), (b) => b.textContent)`)
	if !strings.Contains(strings.Join(shown, "\n"), hostile) {
		t.Errorf("the name is not shown as it is: %q", shown)
	}
	tb.quiet(t)
}

// TestReportWithoutScript looks at what the page shows by itself.
func TestReportWithoutScript(t *testing.T) {
	t.Parallel()
	tb := open(t, reportPage(t, reportOn(fleet())), scriptless())
	text, err := chromedp.Run(tb, chromedp.Text(chromedp.CSS("table#fleet")))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"shop", "Details of shop", "Resize"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table does not show %q", want)
		}
	}
	tb.quiet(t)
}

// TestReportOfManyWorkloads is about size: 2,000 workloads with five charts
// each.
func TestReportOfManyWorkloads(t *testing.T) {
	t.Parallel()
	few := reportOn(fleet())
	r := few
	r.Items = nil
	for i := range 2000 {
		item := few.Items[len(few.Items)-2] // web/Deployment/shop.
		item.Decision.Workload.Name = fmt.Sprintf("shop-%04d", i)
		r.Items = append(r.Items, item)
	}
	page := reportPage(t, r)
	t.Logf("2,000 workloads with %d charts: %.1f MB", 2000*len(r.Items[0].History), float64(len(page))/1e6)
	if len(page) > 60e6 {
		t.Errorf("%d bytes, want less than 60 MB", len(page))
	}
	started := time.Now()
	tb := open(t, page)
	t.Logf("open after %s", time.Since(started).Round(10*time.Millisecond))
	load := eval[float64](t, tb, `performance.timing.loadEventEnd - performance.timing.navigationStart`)
	t.Logf("loaded in %.0f ms", load)
	started = time.Now()
	tb.do(t, chromedp.Click(chromedp.CSS(`th[data-key="cost"] button`)), chromedp.SendKeys(chromedp.CSS("#f-text"), "shop-1999"))
	if got := visible(t, tb); len(got) != 1 {
		t.Errorf("%d workloads after the filter", len(got))
	}
	t.Logf("sorted and filtered in %s", time.Since(started).Round(10*time.Millisecond))
	tb.do(t, chromedp.Click(row("web/Deployment/shop-1999")+" button.name"), chromedp.WaitVisible(row("web/Deployment/shop-1999")+" .charts canvas"))
	tb.quiet(t)
}
