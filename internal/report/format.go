package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Format is one way to write a report.
type Format string

// The formats.
const (
	// FormatTable is for reading in a terminal.
	FormatTable Format = "table"
	// FormatJSON is one document for programs.
	FormatJSON Format = "json"
	// FormatCSV is one row per container for spreadsheets.
	FormatCSV Format = "csv"
	// FormatMarkdown is for comments on changes.
	FormatMarkdown Format = "markdown"
	// FormatHTML is one page that needs no network.
	FormatHTML Format = "html"
	// FormatKustomize is a stream of strategic merge patches.
	FormatKustomize Format = "kustomize"
	// FormatHelmValues is a values file for charts.
	FormatHelmValues Format = "helm-values"
)

// Formats lists all formats, the default first.
func Formats() []Format {
	return []Format{
		FormatTable, FormatJSON, FormatCSV, FormatMarkdown, FormatHTML, FormatKustomize, FormatHelmValues,
	}
}

// ParseFormat returns the format of that name.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); slices.Contains(Formats(), f) {
		return f, nil
	}
	names := make([]string, 0, len(Formats()))
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return "", fmt.Errorf("unknown output %q: must be one of %s", name, strings.Join(names, ", "))
}

// ForGit says whether the format is made to be committed, so that what it says
// has to hold for days.
func (f Format) ForGit() bool { return f == FormatKustomize || f == FormatHelmValues }

// Style is how text for people is drawn. The zero Style is for files and
// pipes.
type Style struct {
	// Colour draws with colour and leaves out what repeats.
	Colour bool
	// Width is that of the terminal in characters; 0 cuts nothing off.
	Width int
}

// Write writes the report in a format. Style matters to tables only.
func Write(w io.Writer, f Format, r Report, s Style) error {
	switch f {
	case FormatTable:
		return Table(w, r, s)
	case FormatJSON:
		return JSON(w, r)
	case FormatCSV:
		return CSV(w, r)
	case FormatMarkdown:
		return Markdown(w, r)
	case FormatHTML:
		return HTML(w, r)
	case FormatKustomize:
		return Kustomize(w, r)
	case FormatHelmValues:
		return HelmValues(w, r)
	default:
		return fmt.Errorf("unknown output %q", f)
	}
}
