package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"

	"github.com/rightsize-dev/rightsize/internal/report/uplot"
)

//go:embed assets/page.html.tmpl assets/page.css assets/page.js
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
	p := pageAssets{library: uplot.Script()}
	for name, to := range map[string]*string{
		"page.html.tmpl": &p.template, "page.css": &p.css, "page.js": &p.script,
	} {
		data, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return pageAssets{}, fmt.Errorf("read page asset: %w", err)
		}
		*to = string(data)
	}
	p.css = uplot.Style() + "\n" + p.css
	return p, nil
}

// earlyScript runs before the table is read, so that its details are not laid
// out only to be hidden.
const earlyScript = `document.documentElement.classList.add("js");`

// contentPolicy lets the browser run and apply the page's own scripts and
// styles, told by their hashes, and load nothing.
func (p pageAssets) contentPolicy() string {
	return fmt.Sprintf("default-src 'none'; script-src %s %s %s; style-src %s; base-uri 'none'; form-action 'none'",
		uplot.SourceHash(earlyScript), uplot.SourceHash(p.library), uplot.SourceHash(p.script), uplot.SourceHash(p.css))
}
