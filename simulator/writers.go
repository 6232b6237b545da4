package simulator

import "math"

// writing is a request whose output is being written.
type writing struct {
	end float64 // On the batch's clock.
	prompt
}

// writers are requests whose output is being written. Outputs of one length
// end in the order in which they begin: those are in a queue, the others in a
// heap by end.
type writers struct {
	queue ring[writing]
	last  float64 // End of the last one of the queue.
	heap  []writing
}

func (s *writers) len() int { return s.queue.n + len(s.heap) }

func (s *writers) add(w writing) {
	if s.queue.n == 0 || w.end >= s.last {
		s.queue.push(w)
		s.last = w.end
		return
	}
	pushWriting(&s.heap, w)
}

// end is when the first one ends, +Inf if there is none.
func (s *writers) end() float64 {
	t := math.Inf(1)
	if s.queue.n > 0 {
		t = s.queue.first().end
	}
	if len(s.heap) > 0 {
		t = min(t, s.heap[0].end)
	}
	return t
}

// pop takes the one that ends first, of which there has to be one.
func (s *writers) pop() writing {
	if len(s.heap) == 0 || (s.queue.n > 0 && s.queue.first().end <= s.heap[0].end) {
		return s.queue.pop()
	}
	return popWriting(&s.heap)
}

// pushWriting adds to a heap by end.
func pushWriting(h *[]writing, w writing) {
	*h = append(*h, w)
	s := *h
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if s[parent].end <= w.end {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = w
}

// popWriting takes the one that ends first, of which there has to be one.
func popWriting(h *[]writing) writing {
	s := *h
	top, last := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	i := 0
	for {
		child := 2*i + 1
		if child >= len(s) {
			break
		}
		if child+1 < len(s) && s[child+1].end < s[child].end {
			child++
		}
		if s[child].end >= last.end {
			break
		}
		s[i] = s[child]
		i = child
	}
	if len(s) > 0 {
		s[i] = last
	}
	return top
}
