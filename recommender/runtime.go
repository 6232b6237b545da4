package recommender

import (
	"fmt"
	"math"
	"strconv"
)

// Language is the language of a runtime that is recognised.
type Language string

// The languages.
const (
	LanguageGo     Language = "Go"
	LanguageJVM    Language = "JVM"
	LanguageNode   Language = "Node.js"
	LanguagePython Language = "Python"
)

// Shares of the memory limit that a runtime is told to keep to.
const (
	// goLimitShare leaves a tenth for what the runtime does not count. The Go
	// team's Guide to the Go Garbage Collector, "Suggested uses", advises 5 to
	// 10 % of head-room.
	goLimitShare = 0.9
	// nodeHeapShare is that of Node.js's own example, 1536 MiB on a machine of
	// 2 GiB (nodejs.org/api/cli.html, --max-old-space-size).
	nodeHeapShare = 0.75
	// jvmOutsideShare is added to what is used outside of the heap, which
	// includes neither thread stacks nor direct buffers, and jvmOutsideLeast is
	// the least that is left for it.
	jvmOutsideShare = 0.25
	jvmOutsideLeast = 0.2
	// jvmHeapLeast and jvmHeapMost bound the advised percentage: 25 is the
	// JVM's default (JDK 10, JDK-8186248), and what leaves less than a fifth to
	// the rest of the process is not advised.
	jvmHeapLeast = 25
	jvmHeapMost  = 80
	// jvmLiveRoom is how many times its live set a heap wants to be: three to
	// four times is the rule of thumb of Hunt and John, Java Performance (2011).
	jvmLiveRoom = 3
	// heapFull is the share of its maximum at which a heap counts as grown.
	heapFull = 0.9
)

// Runtime is the language runtime of a container, of the pod with the most in
// bytes; zero where unknown.
type Runtime struct {
	Language Language `json:"language"`
	// HeapMax is how large the heap may become: -Xmx, GOMEMLIMIT or
	// --max-old-space-size as the runtime reports it.
	HeapMax float64 `json:"heapMaxBytes,omitempty"`
	// Heap is the most of the heap that was used, Live the most that was left
	// after a collection, and LiveTrendPerDay the growth of Live.
	Heap            float64 `json:"heapBytes,omitempty"`
	Live            float64 `json:"liveBytes,omitempty"`
	LiveTrendPerDay float64 `json:"liveTrendPerDay,omitempty"`
	// Outside is what the runtime itself uses outside of the heap.
	Outside float64 `json:"outsideBytes,omitempty"`
	// Processors is the number of operating system threads that run the
	// program's code at once (GOMAXPROCS).
	Processors float64 `json:"processors,omitempty"`
}

// heapIsFull says whether the heap has grown to the most it may be.
func (r *Runtime) heapIsFull() bool { return r.HeapMax > 0 && r.Heap >= heapFull*r.HeapMax }

// live says that it is known what the heap holds after a collection.
func (r *Runtime) live() bool { return r != nil && r.Language == LanguageJVM && r.Live > 0 }

// heapNeed takes the margin off a heap that has grown to the most it may be, 90 %
// of it in use at times: what can still grow is what lies outside of it.
//
//	need = max(1.05 peak, heap max + (peak - heap max)·(1 + margin))
//
// It is for the JVM, whose maximum is a hard one.
func (d *draft) heapNeed(c Container, peak float64, n *containerNeed) {
	r := c.Runtime
	if r == nil || r.Language != LanguageJVM || !r.heapIsFull() || peak <= 0 {
		return
	}
	margin := n.memory/peak - 1
	need := max(peak*(1+marginFloor), max(peak, r.HeapMax)+max(0, peak-r.HeapMax, r.Outside)*margin)
	if need >= n.memory {
		return
	}
	d.add(Reason{
		Code: ReasonHeapBounded, Container: c.Name, Subject: "memory", Unit: "bytes", Before: n.memory, After: need,
		Message: fmt.Sprintf("%s of it is a heap that may not grow beyond %s: the margin is for what lies outside of it",
			size(min(r.HeapMax, peak)), size(r.HeapMax)),
	})
	n.memory = need
}

// advise lists the settings of the runtime that go with the recommended size,
// and tells them.
func (d *draft) advise(c Container, r Recommendation) []Advice {
	if c.Runtime == nil || c.Memory.Samples == 0 {
		return nil
	}
	var out []Advice
	switch rt := *c.Runtime; rt.Language {
	case LanguageGo:
		out = adviseGo(rt, r)
	case LanguageJVM:
		out = adviseJVM(rt, r)
	case LanguageNode:
		out = adviseNode(rt, r)
	case LanguagePython:
		// CPython has no limit to set: its allocator (PYTHONMALLOC) can be
		// exchanged for debugging, not bounded.
	}
	for _, a := range out {
		d.add(Reason{
			Code: ReasonRuntime, Container: c.Name,
			Message: fmt.Sprintf("runs on the %s runtime: set %s=%s; %s", c.Runtime.Language, a.Variable, a.Value, a.Why),
		})
	}
	return out
}

// adviseGo sets the soft memory limit, so that the collector works harder
// rather than the kernel kill, and the number of threads to the CPU limit where
// the runtime has more, as before Go 1.25 it did: threads beyond the limit are
// throttled together. Without a CPU limit there is nothing to set: idle cores
// are free.
func adviseGo(rt Runtime, r Recommendation) []Advice {
	var out []Advice
	if limit := float64(r.TargetLimits.Memory); limit > 0 && !near(rt.HeapMax, goLimitShare*limit) {
		out = append(out, Advice{
			Variable: "GOMEMLIMIT", Value: mebibytes(goLimitShare*limit) + "MiB",
			Why: fmt.Sprintf("90 %% of the limit of %s, so that it collects garbage before it is killed", size(limit)),
		})
	}
	if cores := r.TargetLimits.CPU.Cores(); cores > 0 {
		if threads := math.Ceil(cores); rt.Processors > threads {
			out = append(out, Advice{
				Variable: "GOMAXPROCS", Value: strconv.Itoa(int(threads)),
				Why: fmt.Sprintf("it runs on %s threads, which a limit of %s cores throttles", num(rt.Processors), num(cores)),
			})
		}
	}
	return out
}

// adviseJVM gives the heap what the limit leaves beside the rest of the
// process, in percent of the limit:
//
//	heap = 100·(1 - max(1.25 outside / limit, 0.2)),  25 to 80
//
// Where the live set is known, it says what limit would do: three live sets
// and the rest. That is never the target, as long as -Xmx allows for more.
func adviseJVM(rt Runtime, r Recommendation) []Advice {
	limit := float64(r.TargetLimits.Memory)
	if limit <= 0 {
		return nil
	}
	outside := max(rt.Outside*(1+jvmOutsideShare)/limit, jvmOutsideLeast)
	share := min(max(math.Floor(100*(1-outside)), jvmHeapLeast), jvmHeapMost)
	why := fmt.Sprintf("the heap may have what %s outside of it leave of the limit of %s", size(outside*limit), size(limit))
	enough := rt.Live*jvmLiveRoom + rt.Outside*(1+jvmOutsideShare)
	enough = max(enough, rt.Live*jvmLiveRoom/(1-jvmOutsideLeast))
	if rt.live() && enough < goodUse*limit {
		why += fmt.Sprintf("; only %s of it is live after a collection, the rest is a heap that grows to what it may: "+
			"with -Xmx at three times that, %s of memory would do", size(rt.Live), size(enough))
	} else if near(rt.HeapMax, share/100*limit) {
		return nil
	}
	return []Advice{{Variable: "-XX:MaxRAMPercentage", Value: strconv.FormatFloat(share, 'f', 1, 64), Why: why}}
}

// goodUse is the share of its limit below which what a JVM needs is worth
// telling.
const goodUse = 0.8

// adviseNode bounds the old space of V8, which holds almost all of its heap.
func adviseNode(rt Runtime, r Recommendation) []Advice {
	limit := float64(r.TargetLimits.Memory)
	if limit <= 0 || near(rt.HeapMax, nodeHeapShare*limit) {
		return nil
	}
	return []Advice{{
		Variable: "--max-old-space-size", Value: mebibytes(nodeHeapShare * limit),
		Why: fmt.Sprintf("75 %% of the limit of %s, in MiB, leaves room for buffers and the rest of the process", size(limit)),
	}}
}

// near says whether a setting is there and within 10 % of what would be
// advised.
func near(is, want float64) bool { return is > 0 && math.Abs(is/want-1) <= 0.1 }

// mebibytes rounds down to whole MiB, at least one.
func mebibytes(bytes float64) string {
	return strconv.FormatFloat(max(1, math.Floor(bytes/float64(MiB))), 'f', 0, 64)
}
