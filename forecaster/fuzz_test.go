package forecaster_test

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// FuzzPredict: whatever the series, a forecast is finite, ordered and within
// its promises, or there was no observation at all; and a model that took the
// values one by one gives it, too.
//
// Values are 64-bit floats, little endian; repeat strings them together that
// often, so that a short input makes a long history, at the end of which the first
// comes a thousandfold and then all once more; step and horizon are in seconds.
func FuzzPredict(f *testing.F) {
	floats := func(values ...float64) []byte {
		var b []byte
		for _, v := range values {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
		return b
	}
	f.Add(floats(1), uint16(1), uint32(300), uint32(300))
	f.Add(floats(1, 2, 3, 4), uint16(300), uint32(300), uint32(86400))
	f.Add(floats(0, 0, 0, 0, 0, 0, 1e9), uint16(200), uint32(60), uint32(3600))
	f.Add(floats(math.NaN(), 5, math.Inf(1), -5), uint16(100), uint32(3600), uint32(604800))
	f.Add(floats(1e308, -1e308, 5e-324), uint16(50), uint32(300), uint32(3600))
	f.Add(floats(1e-9, 3e-9, 2e-9), uint16(700), uint32(600), uint32(1))
	f.Add(floats(3, 4, 5, 4), uint16(60), uint32(300), uint32(3600))
	f.Add(floats(-1, -1, -1, -2), uint16(400), uint32(86400), uint32(604800))
	f.Fuzz(func(t *testing.T, data []byte, repeat uint16, step, horizon uint32) {
		var values []float64
		for i := 0; i+8 <= len(data); i += 8 {
			values = append(values, math.Float64frombits(binary.LittleEndian.Uint64(data[i:])))
		}
		s := forecaster.Series{Start: time.Unix(0, 0).UTC(), Step: time.Duration(step%200_000) * time.Second}
		for range repeat % 1000 {
			if s.Values = append(s.Values, values...); len(s.Values) > 3000 {
				break
			}
		}
		if len(values) > 0 {
			s.Values = append(append(s.Values, 1000*values[0]), values...)
		}
		o := forecaster.Options{Horizons: []time.Duration{5 * time.Minute, time.Duration(horizon%2_000_000) * time.Second}}
		forecast, err := forecaster.Predict(s, o)
		switch {
		case errors.Is(err, forecaster.ErrTooShort):
			for _, v := range s.Values {
				if math.Abs(v) < 1e300 {
					t.Fatalf("no forecast in spite of value %g", v)
				}
			}
		case err != nil:
			if s.Step > 0 && o.Horizons[1] > 0 && o.Horizons[1]/s.Step < 500_000 {
				t.Fatal(err)
			}
		default:
			checkInvariants(t, s, forecast)
			if len(s.Values) > 600 {
				return // For speed.
			}
			live, err := forecaster.NewModel(forecaster.Series{Start: s.Start, Step: s.Step}, o)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range s.Values {
				live.Update(v)
			}
			got, err := live.Forecast()
			if diff := cmp.Diff(forecast, got); err != nil || diff != "" {
				t.Fatalf("value by value: %v (-rebuilt +live):\n%s", err, diff)
			}
		}
	})
}
