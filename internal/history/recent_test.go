package history

import (
	"strconv"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Of more workloads than recentMost, those that were looked at the longest ago do not
// remember the forecasts of their newest value any more.
func TestRecent(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	s := forecaster.Series{Start: start, Step: 5 * time.Minute, Values: make([]float64, 288)}
	for i := range s.Values {
		s.Values[i] = 1 + float64(i%5)/10
	}
	w := collector.Workload{
		ID:         recommender.Workload{Namespace: "shop", Kind: "DaemonSet", Name: "web"},
		Containers: []collector.Container{{Name: "app", CPU: s, Memory: s}},
	}
	first := func(m *snapshot.Memo) *[]float64 {
		built := snapshot.Build(w, s.End(), recommender.Policy{}, snapshot.Light(), snapshot.Remembering(m))
		return &built.Containers[0].CPU.Forecast.Point[0]
	}
	id := func(i int) recommender.Workload { return recommender.Workload{Name: strconv.Itoa(i)} }
	r := newRecent()
	old, again := snapshot.NewMemo(), snapshot.NewMemo()
	ofOld, ofAgain := first(old), first(again)
	r.Add(id(0), old)
	r.Add(id(1), again)
	for i := range recentMost - 2 {
		r.Add(id(i+2), snapshot.NewMemo())
	}
	r.Add(id(1), again)
	if first(old) != ofOld {
		t.Error("forgotten too early")
	}
	r.Add(id(recentMost), snapshot.NewMemo())
	if first(old) == ofOld {
		t.Error("not forgotten")
	}
	if first(again) != ofAgain {
		t.Error("forgotten though it was asked again")
	}
	if r.Len() != recentMost {
		t.Errorf("%d are held", r.Len())
	}
}
