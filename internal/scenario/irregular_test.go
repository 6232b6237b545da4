package scenario_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// Rows that come up to a tenth of an interval early or late, and some not at all, make
// the series that punctual rows make, with gaps, and the forecast is the same to a
// few percent.
func TestIrregularRows(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var punctual, late strings.Builder
	punctual.WriteString("timestamp_s,v\n")
	late.WriteString("timestamp_s,v\n")
	gaps := 0
	const rows = 3 * 288
	for i := range rows {
		v := 100 + 50*math.Sin(2*math.Pi*float64(i)/288) + 3*r.NormFloat64()
		_, _ = fmt.Fprintf(&punctual, "%d,%g\n", 300*i, v)
		if i > 0 && i < rows-1 && r.IntN(20) == 0 {
			gaps++
			continue
		}
		at := 300 * i
		if i > 0 && r.IntN(2) == 0 {
			at += r.IntN(61) - 30
		}
		_, _ = fmt.Fprintf(&late, "%d,%g\n", at, v)
	}
	want, err := table(t, punctual.String()).Series("v")
	if err != nil {
		t.Fatal(err)
	}
	got, err := table(t, late.String()).Series("v")
	if err != nil {
		t.Fatal(err)
	}
	if got.Step != 5*time.Minute || got.Len() != want.Len() {
		t.Fatalf("%d values at steps of %v, want %d of 5 minutes", got.Len(), got.Step, want.Len())
	}
	missing := 0
	for i, v := range got.Values {
		switch {
		case math.IsNaN(v):
			missing++
		case v != want.Values[i]:
			t.Fatalf("value %d is %v, want %v", i, v, want.Values[i])
		}
	}
	if missing != gaps {
		t.Errorf("%d gaps, want %d", missing, gaps)
	}
	a, err := forecaster.Predict(want, forecaster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := forecaster.Predict(got, forecaster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range a.Horizons {
		if p, q := a.At(h, 0.5), b.At(h, 0.5); math.Abs(p/q-1) > 0.05 {
			t.Errorf("%v: median %v of punctual rows, %v of irregular ones", h, p, q)
		}
	}
}
