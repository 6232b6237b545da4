package fleet

import (
	"math"
	"slices"
	"strconv"
)

// The model server of the LLM service.
const (
	// llmCapacity is the requests a second that one GPU serves.
	llmCapacity = 6
	// llmBatch is how many requests run at once at most, llmBusy how many do
	// at full load while nothing waits.
	llmBatch = 64
	llmBusy  = 52
	// Tokens of a request, and how many fit into the KV cache of a GPU.
	llmPromptTokens = 900
	llmOutputTokens = 220
	llmCacheTokens  = 78_000
	// llmFrameBuffer is the GPU's memory in MiB and how much of it the server
	// takes at its start.
	llmFrameBuffer     = 81_559
	llmFrameBufferUsed = 73_420
)

// app is the target that one pod's own metrics are scraped from, with its up
// series yielded.
func (e *emitter) app(w *workload, p *pod, port string) target {
	t := e.newTarget(w.name, p.ip+":"+port, []Label{
		{"namespace", w.namespace},
		{"pod", p.name},
		{"container", w.containers[0].name},
		{"service", w.name},
		{"endpoint", "metrics"},
	})
	first, _ := p.served(e.fleet.grid)
	e.constant(t, first, p.last, 1, "up")
	return t
}

// http yields the request counters of every pod, one in five hundred failing.
func (e *emitter) http(r *run) {
	for _, p := range r.pods {
		t := e.app(r.w, p, "8080")
		first, work := p.served(e.fleet.grid)
		code := func(c string) []Label { return []Label{{"code", c}, {"method", "GET"}, {"handler", "/"}} }
		failed := func(i int) float64 { return math.Floor(work[i] / 500) }
		e.emit(t, first, e.fill(len(work), func(i int) float64 { return work[i] - failed(i) }), "http_requests_total", code("200")...)
		e.emit(t, first, e.fill(len(work), failed), "http_requests_total", code("500")...)
	}
}

// served is the work counter from the grid point on at which the pod could be
// scraped.
func (p *pod) served(g grid) (int, []float64) {
	first := min(max(p.first, g.index(p.ready)), p.last)
	return first, p.work[first-p.first:]
}

// queue yields the length of the queue, which every worker tells alike, and
// how much each has worked off, under the names of Sidekiq's exporter.
func (e *emitter) queue(r *run) {
	for _, p := range r.pods {
		t := e.app(r.w, p, "9394")
		first, work := p.served(e.fleet.grid)
		queue := Label{"queue", r.w.name}
		e.emit(t, first, work, "sidekiq_jobs_executed_total", queue, Label{"worker", "OrderJob"})
		waiting := e.fill(len(work), func(i int) float64 { return math.Round(r.waiting[first+i]) })
		e.emit(t, first, waiting, "sidekiq_jobs_waiting_count", queue)
	}
}

// vllm yields what the model server tells about each pod, and what the DCGM
// exporter tells about its GPU.
func (e *emitter) vllm(r *run) {
	for _, p := range r.pods {
		t := e.app(r.w, p, "8000")
		first, work := p.served(e.fleet.grid)
		rate := p.rate[first-p.first:]
		waits := func(i int) float64 { return r.waiting[first+i] / math.Max(1, r.serving[first+i]) }
		busy := func(i int) float64 {
			if waits(i) >= 1 {
				return llmBatch
			}
			return llmBusy * rate[i] / llmCapacity
		}
		model := []Label{{"model_name", "example/chat-8b"}, {"engine", "0"}}
		each := func(name string, value func(i int) float64, labels ...Label) {
			e.emit(t, first, e.fill(len(rate), value), name, append(slices.Clone(model), labels...)...)
		}
		each("vllm:num_requests_running", func(i int) float64 { return math.Round(busy(i)) })
		each("vllm:num_requests_waiting", func(i int) float64 { return math.Round(waits(i)) })
		each("vllm:kv_cache_usage_perc", func(i int) float64 {
			tokens := busy(i) * (llmPromptTokens + llmOutputTokens/2)
			return math.Round(math.Min(1, tokens/llmCacheTokens)*1024) / 1024
		})
		each("vllm:prompt_tokens_total", func(i int) float64 { return work[i] * llmPromptTokens })
		each("vllm:generation_tokens_total", func(i int) float64 { return work[i] * llmOutputTokens })
		stop := func(i int) float64 { return work[i] - math.Floor(work[i]/20) }
		each("vllm:request_success_total", stop, Label{"finished_reason", "stop"})
		each("vllm:request_success_total", func(i int) float64 { return work[i] - stop(i) }, Label{"finished_reason", "length"})
		e.gpu(r.w, p, first, func(i int) float64 { return busy(i) / llmBatch })
	}
}

// gpu yields the DCGM exporter's view of the GPU that a pod holds. The
// exporter is scraped without honor_labels, so that the pod's labels begin
// with exported_.
func (e *emitter) gpu(w *workload, p *pod, first int, busy func(i int) float64) {
	host := hash(p.node)
	exporter := "nvidia-dcgm-exporter-" + strconv.FormatUint(host%100_000, 36)
	t := e.target("nvidia-dcgm-exporter", p.node+":9400", Label{"namespace", "gpu-operator"}, Label{"pod", exporter},
		Label{"container", "nvidia-dcgm-exporter"}, Label{"service", "nvidia-dcgm-exporter"})
	labels := []Label{
		{"gpu", "0"},
		{"UUID", "GPU-" + strconv.FormatUint(host, 16)},
		{"device", "nvidia0"},
		{"modelName", "NVIDIA H100 80GB HBM3"},
		{"hostname", p.node},
		{"exported_namespace", w.namespace},
		{"exported_pod", p.name},
		{"exported_container", w.containers[0].name},
	}
	n := p.last - first
	// Decoding keeps the engine busy at nearly any batch size.
	active := func(i int) float64 { return math.Round(1000*(1-math.Exp(-12*busy(i)))) / 1000 }
	e.emit(t, first, e.fill(n, active), "DCGM_FI_PROF_GR_ENGINE_ACTIVE", labels...)
	e.emit(t, first, e.fill(n, func(i int) float64 { return math.Round(100 * active(i)) }), "DCGM_FI_DEV_GPU_UTIL", labels...)
	e.constant(t, first, p.last, llmFrameBufferUsed, "DCGM_FI_DEV_FB_USED", labels...)
	e.constant(t, first, p.last, llmFrameBuffer-llmFrameBufferUsed, "DCGM_FI_DEV_FB_FREE", labels...)
}
