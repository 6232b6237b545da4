package report

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

//go:embed assets/page.html.tmpl assets/page.css assets/page.js assets/uPlot.iife.min.js assets/uPlot.min.css assets/LICENSE.uPlot
var assets embed.FS

// HTML writes one page that holds everything it needs: its policy forbids the
// browser to load anything. The table, the reasons and the numbers need no
// JavaScript; charts, sorting and filters do.
func HTML(w io.Writer, r Report) error {
	parts, err := readAssets()
	if err != nil {
		return err
	}
	page, err := template.New("page").Parse(parts.template)
	if err != nil {
		return fmt.Errorf("parse page: %w", err)
	}
	if err := page.Execute(w, newPage(r, parts)); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// pageAssets are the fixed parts of the page.
type pageAssets struct{ template, css, library, script string }

func readAssets() (pageAssets, error) {
	var p pageAssets
	var license, chartCSS string
	for name, to := range map[string]*string{
		"page.html.tmpl": &p.template, "page.css": &p.css, "page.js": &p.script,
		"uPlot.iife.min.js": &p.library, "uPlot.min.css": &chartCSS, "LICENSE.uPlot": &license,
	} {
		data, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return pageAssets{}, fmt.Errorf("read page asset: %w", err)
		}
		*to = string(data)
	}
	p.css = chartCSS + "\n" + p.css
	p.library = "/*\nuPlot\n" + license + "\n*/\n" + p.library
	return p, nil
}

// earlyScript runs before the table is read, so that its details are not laid
// out only to be hidden.
const earlyScript = `document.documentElement.classList.add("js");`

// contentPolicy lets the browser run and apply the page's own scripts and
// styles, told by their hashes, and load nothing.
func (p pageAssets) contentPolicy() string {
	return fmt.Sprintf("default-src 'none'; script-src %s %s %s; style-src %s; base-uri 'none'; form-action 'none'",
		sourceHash(earlyScript), sourceHash(p.library), sourceHash(p.script), sourceHash(p.css))
}

// sourceHash is the hash that a content security policy names a script by.
func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
