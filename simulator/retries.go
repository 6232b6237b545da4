package simulator

import "math"

// retries are what clients of an http service do when it does not answer:
// they give up an attempt after the timeout, or when it is turned away, and try
// again. A pod does the work of an attempt whether anyone waits for it or not.
type retries struct {
	timeout float64 // +Inf for none.
	most    int
	delay   float64
	waiting ring[attempt] // In the order in which they time out.
	first   uint64        // Number of the first one.
	again   ring[attempt] // In the order in which they come.
}

// attempt is one request as its client sees it.
type attempt struct {
	at    float64 // When it times out, or comes.
	first float64 // When its client asked first.
	work  float64
	tries int  // Before it.
	pod   *pod // Which has it.
	over  bool // It was answered, or turned away.
}

func newRetries(s *HTTPService) *retries {
	if s.Timeout == 0 && s.Retries == 0 {
		return nil
	}
	r := &retries{timeout: seconds(s.Timeout), most: s.Retries, delay: seconds(s.RetryDelay)}
	if r.timeout == 0 {
		r.timeout = math.Inf(1)
	}
	return r
}

// next is when an attempt times out or is made again, +Inf for never.
func (r *retries) next() float64 {
	for r.waiting.n > 0 && r.waiting.first().over {
		r.waiting.pop()
		r.first++
	}
	t := math.Inf(1)
	if r.waiting.n > 0 {
		t = r.waiting.first().at
	}
	if r.again.n > 0 {
		t = min(t, r.again.first().at)
	}
	return t
}

// wait begins to wait for an attempt that is made at t, and returns its number.
func (r *retries) wait(a attempt, t float64) uint64 {
	a.at = t + r.timeout
	r.waiting.push(a)
	return r.first + uint64(r.waiting.n) - 1 //nolint:gosec // Never negative.
}

// find is an attempt that is waited for, nil if it is no longer.
func (r *retries) find(number uint64) *attempt {
	if number < r.first || number >= r.first+uint64(r.waiting.n) { //nolint:gosec // Never negative.
		return nil
	}
	i := r.waiting.head + int(number-r.first) //nolint:gosec // Less than the waiting ones.
	return &r.waiting.items[i%len(r.waiting.items)]
}

// try makes an attempt at t.
func (h *httpLoad) try(a attempt, t float64) {
	h.step.arrivals++
	a.pod = h.route()
	r := request{arrival: t, first: a.first, work: a.work}
	r.number = h.retries.wait(a, t)
	if a.pod == nil {
		h.fail(r.number, t)
		return
	}
	q := &a.pod.serve
	q.advance(t, h)
	if q.n >= q.room {
		h.fail(r.number, t)
		return
	}
	h.take(a.pod, r, t)
}

// fail ends an attempt at t without an answer: it is made again, or the request
// is lost.
func (h *httpLoad) fail(number uint64, t float64) {
	a := h.retries.find(number)
	if a == nil || a.over {
		return
	}
	a.over = true
	again := *a
	if again.tries >= h.retries.most {
		h.drop(again.first, 1)
		return
	}
	again.tries, again.pod, again.over, again.at = again.tries+1, nil, false, t+h.retries.delay
	h.retries.again.push(again)
}

// answer records an attempt that is done at t, if its client still waits.
func (h *httpLoad) answer(r request, t float64) {
	a := h.retries.find(r.number)
	if a == nil || a.over || t > a.at {
		return
	}
	a.over = true
	h.served(r.first, t-r.first, t-r.first > h.limit)
}

// clients does what clients do at t.
func (h *httpLoad) clients(t float64) {
	r := h.retries
	if r.again.n > 0 && r.again.first().at <= t {
		h.try(r.again.pop(), t)
		return
	}
	first := r.waiting.first()
	if !first.over && first.pod != nil && first.pod.phase == ready {
		first.pod.serve.advance(t, h)
	}
	h.fail(r.first, t)
	r.waiting.pop()
	r.first++
}

// giveUp ends what is still tried at the end, after all pods have been
// drained: whoever would have had an answer in time has it.
func (h *httpLoad) giveUp() {
	if h.retries == nil {
		return
	}
	for r := h.retries; r.waiting.n > 0; r.first++ {
		if a := r.waiting.pop(); !a.over {
			h.drop(a.first, 1)
		}
	}
	for h.retries.again.n > 0 {
		h.drop(h.retries.again.pop().first, 1)
	}
}
