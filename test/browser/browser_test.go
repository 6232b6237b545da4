// Package browser_test opens the pages that rightsize writes in a browser. The
// tests skip where there is no Chromium; RIGHTSIZE_CHROMIUM names one that is
// not on the path.
package browser_test

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium is the path of a browser; the test skips without one.
func chromium(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("RIGHTSIZE_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium found: install chromium or name one in RIGHTSIZE_CHROMIUM to run the browser tests")
	return ""
}

// tab is an open page and what the browser said about it.
type tab struct {
	context.Context
	mu       sync.Mutex
	problems []string
	requests []string
}

// open writes a page to a file and opens it in a fresh browser that can reach
// no network.
func open(t *testing.T, page []byte, before ...chromedp.Action[chromedp.Void]) *tab {
	t.Helper()
	path := chromium(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1400, 1000),
		chromedp.UserDataDir(filepath.Join(dir, "profile")), chromedp.ProxyServer("127.0.0.1:9"),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)
	allocated, cancelAllocated := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancelAllocated)
	browser, cancel := chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	tb := &tab{Context: browser}
	if err := chromedp.Listen(browser, tb.listen); err != nil {
		t.Fatal(err)
	}
	ctx, cancelTimeout := context.WithTimeout(browser, time.Minute)
	t.Cleanup(cancelTimeout)
	tb.Context = ctx
	address := (&url.URL{Scheme: "file", Path: file}).String()
	tb.do(t, append(before, chromedp.Navigate(address), chromedp.WaitReady(chromedp.CSS("body")))...)
	return tb
}

func (tb *tab) listen(event any) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		tb.problems = append(tb.problems, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		tb.problems = append(tb.problems, "console."+string(e.Type))
	case *log.EventEntryAdded:
		tb.problems = append(tb.problems, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		tb.requests = append(tb.requests, e.Request.URL)
	}
}

func (tb *tab) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(tb, steps...); err != nil {
		t.Fatal(err)
	}
}

// eval returns the value of a JavaScript expression.
func eval[T any](t *testing.T, tb *tab, expression string) T {
	t.Helper()
	out, err := chromedp.Run(tb, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// quiet checks that the browser had nothing to say and asked for the page
// only.
func (tb *tab) quiet(t *testing.T) {
	t.Helper()
	tb.mu.Lock()
	defer tb.mu.Unlock()
	for _, p := range tb.problems {
		t.Errorf("the browser says: %s", p)
	}
	for _, r := range tb.requests {
		if !strings.HasPrefix(r, "file://") || !strings.HasSuffix(r, "/page.html") {
			t.Errorf("the page asks for %s", r)
		}
	}
	if len(tb.requests) != 1 {
		t.Errorf("%d requests, want that of the page only: %v", len(tb.requests), tb.requests)
	}
}

// scriptless turns JavaScript off.
func scriptless() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
}

// render is what a function writes.
func render(t *testing.T, write func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
