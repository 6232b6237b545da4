package recommender_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/recommender"
)

// The shop's target is 460 MiB of memory (400 and 15 %), its limit the same.
func TestDecideAdvice(t *testing.T) {
	t.Parallel()
	const gib = float64(recommender.GiB)
	cases := map[string]struct {
		runtime *recommender.Runtime
		change  func(*recommender.Snapshot)
		want    []string
		why     string // Part of the first.
	}{
		"not recognised": {},
		"Go, with what its client library says by default": {
			runtime: &recommender.Runtime{Language: recommender.LanguageGo, Heap: 1e8},
			want:    []string{"GOMEMLIMIT=414MiB"}, why: "90 % of the limit of 460 MiB",
		},
		"Go, set already": {
			runtime: &recommender.Runtime{Language: recommender.LanguageGo, HeapMax: 430 * float64(mib)},
		},
		"Go, set for the old limit": {
			runtime: &recommender.Runtime{Language: recommender.LanguageGo, HeapMax: 920 * float64(mib)},
			want:    []string{"GOMEMLIMIT=414MiB"},
		},
		"Go, more threads than its CPU limit": {
			runtime: &recommender.Runtime{Language: recommender.LanguageGo, HeapMax: 430 * float64(mib), Processors: 16},
			change:  func(s *recommender.Snapshot) { s.Containers[0].Limits.CPU = 4000 },
			// Four times the target of 334 milli-CPU.
			want: []string{"GOMAXPROCS=2"}, why: "16.0 threads",
		},
		"Go, without limits": {
			runtime: &recommender.Runtime{Language: recommender.LanguageGo, Processors: 16},
			change:  func(s *recommender.Snapshot) { s.Containers[0].Limits = recommender.Resources{} },
		},
		"JVM at its default of a quarter": {
			runtime: &recommender.Runtime{Language: recommender.LanguageJVM, HeapMax: 115 * float64(mib), Outside: 60 * float64(mib)},
			want:    []string{"-XX:MaxRAMPercentage=80.0"}, why: "may have what 92 MiB outside of it leave",
		},
		"JVM with much outside of its heap": {
			runtime: &recommender.Runtime{Language: recommender.LanguageJVM, Outside: 200 * float64(mib)},
			want:    []string{"-XX:MaxRAMPercentage=45.0"}, // 250 of 460 MiB are not the heap's.
		},
		"JVM with more outside of its heap than inside": {
			runtime: &recommender.Runtime{Language: recommender.LanguageJVM, Outside: gib},
			want:    []string{"-XX:MaxRAMPercentage=25.0"},
		},
		"JVM, set already": {
			runtime: &recommender.Runtime{Language: recommender.LanguageJVM, HeapMax: 360 * float64(mib), Live: 200 * float64(mib)},
		},
		"JVM, set already, but mostly garbage": {
			runtime: &recommender.Runtime{Language: recommender.LanguageJVM, HeapMax: 360 * float64(mib), Live: 40 * float64(mib), Outside: 60 * float64(mib)},
			want:    []string{"-XX:MaxRAMPercentage=80.0"}, why: "only 40 MiB of it is live after a collection",
		},
		"Node.js": {
			runtime: &recommender.Runtime{Language: recommender.LanguageNode},
			want:    []string{"--max-old-space-size=345"}, why: "75 %",
		},
		"Python has nothing to set": {runtime: &recommender.Runtime{Language: recommender.LanguagePython}},
		"without usage there is no size to go with": {
			runtime: &recommender.Runtime{Language: recommender.LanguageGo},
			change:  func(s *recommender.Snapshot) { s.Containers[0].Memory = recommender.Usage{} },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop()
			c := &s.Containers[0]
			c.Limits.Memory = c.Requests.Memory
			c.Runtime = tc.runtime
			if tc.change != nil {
				tc.change(&s)
			}
			d := decide(s)
			var got []string
			for _, a := range d.Containers[0].Advice {
				got = append(got, a.Variable+"="+a.Value)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("advice (-want +got):\n%s", diff)
			}
			if told := slices.Contains(codes(d), recommender.ReasonRuntime); told != (len(tc.want) > 0) {
				t.Errorf("told among the reasons: %t", told)
			}
			if len(got) > 0 && !strings.Contains(d.Containers[0].Advice[0].Why, tc.why) {
				t.Errorf("why: %s", d.Containers[0].Advice[0].Why)
			}
		})
	}
}
