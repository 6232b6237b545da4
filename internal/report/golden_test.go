package report_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/internal/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestGolden(t *testing.T) {
	t.Parallel()
	cases := map[string]func(io.Writer) error{"explain.txt": func(w io.Writer) error {
		i := shop()
		return report.Explain(w, i, report.Style{})
	}}
	for file, format := range map[string]report.Format{
		"report.txt":          report.FormatTable,
		"report.json":         report.FormatJSON,
		"report.csv":          report.FormatCSV,
		"report.md":           report.FormatMarkdown,
		"report-patches.yaml": report.FormatKustomize,
		"report-values.yaml":  report.FormatHelmValues,
	} {
		cases[file] = func(w io.Writer) error { return report.Write(w, format, sample(), report.Style{}) }
	}
	for file, render := range cases {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := render(&got); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", file)
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s (-want +got), write anew with -update:\n%s", path, diff)
			}
		})
	}
}

func TestSameReportSameBytes(t *testing.T) {
	t.Parallel()
	for _, format := range report.Formats() {
		var first, second bytes.Buffer
		for _, w := range []*bytes.Buffer{&first, &second} {
			if err := report.Write(w, format, sample(), report.Style{}); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%s differs between two writings", format)
		}
	}
}
