package snapshot

import (
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

// notSet is from which on a limit is none: Go's default is the largest
// integer, 2^63-1.
const notSet = 1 << 62

// runtime is the language runtime that the signals of a container tell of, nil
// where there is none. Where one container runs several, as with a JVM that
// starts a helper, the first in this order counts.
func runtime(signals map[string]forecaster.Series, now time.Time) *recommender.Runtime {
	peak := func(name string) float64 {
		if v := signals[name].Until(now).Peak(); v > 0 {
			return v
		}
		return 0
	}
	last := func(name string) float64 {
		if v, _, ok := signals[name].Until(now).Last(); ok && v > 0 && v < notSet {
			return v
		}
		return 0
	}
	known := func(name string) bool { return signals[name].Until(now).Observed() > 0 }
	switch {
	case known("jvm_heap"):
		live := recommender.Describe(signals["jvm_live"], now)
		return &recommender.Runtime{
			Language: recommender.LanguageJVM, Heap: peak("jvm_heap"), HeapMax: last("jvm_heap_max"), Live: live.Peak,
			LiveTrendPerDay: live.TrendPerDay, Outside: peak("jvm_outside"),
		}
	case known("node_heap"):
		return &recommender.Runtime{Language: recommender.LanguageNode, Heap: peak("node_heap")}
	case known("go_heap"):
		return &recommender.Runtime{
			Language: recommender.LanguageGo, Heap: peak("go_heap"), HeapMax: last("go_memory_limit"), Processors: last("go_threads"),
		}
	case known("python_runtime"):
		return &recommender.Runtime{Language: recommender.LanguagePython}
	default:
		return nil
	}
}
