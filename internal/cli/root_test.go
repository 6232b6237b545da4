package cli_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rightsize-dev/rightsize/internal/cli"
)

func TestMainExitCodes(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		args []string
		want int
	}{
		"help":            {nil, cli.ExitOK},
		"version":         {[]string{"version"}, cli.ExitOK},
		"unknown command": {[]string{"frobnicate"}, cli.ExitUsage},
		"unknown flag":    {[]string{"--frobnicate"}, cli.ExitUsage},
		"no such file":    {[]string{"explain", "Deployment/x", "-f", "/does/not/exist.json"}, cli.ExitFailed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, diagnostics bytes.Buffer
			got := cli.Main(t.Context(), "rightsize", tc.args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &diagnostics})
			if got != tc.want {
				t.Errorf("exit %d, want %d: %s", got, tc.want, diagnostics.String())
			}
			if tc.want != cli.ExitOK && out.Len() > 0 {
				t.Errorf("a failure wrote to stdout: %s", out.String())
			}
		})
	}
}
