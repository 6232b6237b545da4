package cli

import "testing"

func TestAxisText(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		v, step float64
		want    string
	}{
		"zero":             {0, 50_000, "0"},
		"thousands":        {150_000, 50_000, "150k"},
		"between thousand": {2_500, 500, "2.5k"},
		"whole thousands":  {2_000, 500, "2k"},
		"bytes":            {16e9, 2e9, "16G"},
		"small":            {0.06, 0.02, "0.06"},
		"rounding":         {0.1 + 0.2, 0.1, "0.3"},
		"tens":             {20, 10, "20"},
		"negative":         {-1_500, 500, "-1.5k"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := axisText(tc.v, tc.step); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestRoundStep(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]float64{1: 1, 1.1: 2, 3: 5, 7: 10, 33_700: 50_000, 0.013: 0.02} {
		if got := roundStep(v); got < want*(1-1e-9) || got > want*(1+1e-9) {
			t.Errorf("the step for %g is %g, want %g", v, got, want)
		}
	}
}

func TestCellText(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{168_512.4: "168512", 9_999.46: "9999.5", 0.123456: "0.12346", 0: "0"} {
		if got := cellText(v); got != want {
			t.Errorf("%g is %s, want %s", v, got, want)
		}
	}
}
