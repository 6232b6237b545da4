package simulator

import (
	"math"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// TestWorkSampler: mean and coefficient of variation of a million draws.
func TestWorkSampler(t *testing.T) {
	t.Parallel()
	for _, cv := range []float64{0, 0.3, 1, 2} {
		s := newWorkSampler(0.02, cv)
		rng := newStream(3, streamArrivals)
		const n = 1e6
		sum, squares := 0.0, 0.0
		for range int(n) {
			x := s.draw(rng)
			sum += x
			squares += x * x
		}
		mean := sum / n
		got := math.Sqrt(max(0, squares/n/(mean*mean)-1))
		if math.Abs(mean-0.02) > 0.0002 || math.Abs(got-cv) > 0.02*(1+cv) {
			t.Errorf("cv %v: mean %v with cv %v, want 0.02", cv, mean, got)
		}
	}
}

// TestLatencies: a quantile is within 0.8 % of the values it stands for, and
// what is outside the range counts as the nearest.
func TestLatencies(t *testing.T) {
	t.Parallel()
	for x := 2e-6; x < 1e5; x *= 1.037 {
		var l latencies
		l.add(x)
		if got := l.quantile(0.5); math.Abs(got-x) > 0.008*x {
			t.Fatalf("%v became %v", x, got)
		}
	}
	var total latencies
	if total.known(0.5) != nil {
		t.Error("the median of nothing is something")
	}
	for _, x := range []float64{0, 1e-300, math.Inf(1), 1e9} {
		var l latencies
		l.add(x)
		total.take(&l)
		if l.used {
			t.Error("what was taken is still there")
		}
	}
	if lo, hi := *total.known(0.25), *total.known(1); lo > 1e-6 || hi < 1e5 {
		t.Errorf("extremes became %v and %v", lo, hi)
	}
}

// finishes is an httpLoad that only collects latencies of requests.
func finishes() *httpLoad {
	return &httpLoad{requestLog: requestLog{limit: math.Inf(1), windows: windows{start: math.Inf(1)}}}
}

// TestQueueResizes follows three requests of 2 core-seconds each, by hand,
// through changes of workers and speed.
func TestQueueResizes(t *testing.T) {
	t.Parallel()
	done := finishes()
	q := newPodQueue(0, 10)
	q.setSpeed(2, 1, 0)
	for range 3 {
		q.arrive(request{arrival: 0, work: 2}, 0)
	}
	// At 1 s the two at work have 1 core-second left. One worker of speed 0.5:
	// the first ends at 3, the second, put back, at 5.
	q.advance(1, done)
	q.setSpeed(1, 0.5, 1)
	if q.n != 3 || q.busy != 1 || q.waiting.n != 2 {
		t.Fatalf("%d in the pod, %d at work, %d waiting; want 3, 1, 2", q.n, q.busy, q.waiting.n)
	}
	q.advance(4, done)
	if q.n != 2 || done.step.served != 1 {
		t.Fatalf("%d left and %v served at 4 s, want 2 and 1", q.n, done.step.served)
	}
	// The second has 0.5 left. Three workers of speed 2: it ends at 4.25, the
	// third at 5.
	q.setSpeed(3, 2, 4)
	if q.next != 4.25 || q.busy != 2 {
		t.Fatalf("next finish %v with %d at work, want 4.25 with 2", q.next, q.busy)
	}
	q.advance(4.9, done)
	if q.n != 1 || q.next != 5 {
		t.Fatalf("%d left until %v, want 1 until 5", q.n, q.next)
	}
	// Without speed nothing ends, and nothing is lost.
	q.setSpeed(1, 0, 4.9)
	q.advance(1000, done)
	q.setSpeed(1, 1, 1000)
	if math.Abs(q.next-1000.2) > 1e-9 {
		t.Fatalf("ends at %v, want 1000.2", q.next)
	}
	if left := q.drain(done); len(left) != 0 || done.step.served != 3 {
		t.Fatalf("%d left and %v served, want 0 and 3", len(left), done.step.served)
	}
}

// TestQueueConserves: whatever happens to workers and speed, every request is
// served or dropped, in the end once.
func TestQueueConserves(t *testing.T) {
	t.Parallel()
	rng := newStream(5, streamRouting)
	for range 300 {
		done := finishes()
		q := newPodQueue(0, 50)
		q.setSpeed(1+rng.IntN(4), rng.Float64(), 0)
		now, arrived, lost := 0.0, 0, 0
		for range 200 {
			now += rng.ExpFloat64()
			q.advance(now, done)
			switch {
			case rng.IntN(10) == 0:
				q.setSpeed(1+rng.IntN(4), float64(rng.IntN(3))/2, now)
			case rng.IntN(60) == 0:
				lost += len(q.drop())
			case q.n < q.room:
				arrived++
				q.arrive(request{arrival: now, work: rng.ExpFloat64()}, now)
			}
			busy := 0
			for _, f := range q.finish {
				if !math.IsInf(f, 1) {
					busy++
				}
			}
			if busy != q.busy || q.n != q.busy+q.waiting.n || (q.waiting.n > 0 && q.busy < q.workers) {
				t.Fatalf("%d in the pod, %d at work (%d counted), %d waiting, %d workers", q.n, q.busy, busy, q.waiting.n, q.workers)
			}
		}
		lost += len(q.drain(done))
		if float64(arrived) != done.step.served+float64(lost) {
			t.Fatalf("%d arrived, %v served, %d lost", arrived, done.step.served, lost)
		}
	}
}

// TestDemandOver: means and peaks over spans that cut rows.
func TestDemandOver(t *testing.T) {
	t.Parallel()
	d := Demand{Offsets: []float64{-30, 60, 120}, Rate: []float64{1, 3, math.NaN()}, End: 180}
	cases := map[string]struct {
		from, to, mean, peak float64
	}{
		"within a row":       {from: 0, to: 10, mean: 1, peak: 1},
		"across rows":        {from: 30, to: 90, mean: 2, peak: 3},
		"a gap holds":        {from: 120, to: 150, mean: 3, peak: 3},
		"up to a row's edge": {from: 0, to: 60, mean: 1, peak: 1},
		"past the end":       {from: 170, to: 300, mean: 3, peak: 3},
	}
	for name, tc := range cases {
		if s := d.Over(tc.from, tc.to); s.MeanRate != tc.mean || s.MaxRate != tc.peak {
			t.Errorf("%s: mean %v and peak %v, want %v and %v", name, s.MeanRate, s.MaxRate, tc.mean, tc.peak)
		}
	}
}

// TestEmptiestNode: pods spread, as the scheduler's default scoring makes them.
func TestEmptiestNode(t *testing.T) {
	t.Parallel()
	w := &world{
		sc:    &Scenario{Cluster: Cluster{Node: recommender.Resources{CPU: 4000, Memory: 4 * recommender.GiB}}},
		nodes: make([]node, 2),
	}
	one := recommender.Resources{CPU: 1000, Memory: recommender.GiB}
	var got []int
	for range 8 {
		i := w.emptiest(one)
		w.nodes[i].used = w.nodes[i].used.Add(one)
		got = append(got, i)
	}
	for i, n := range got {
		if n != i%2 {
			t.Fatalf("pods went to nodes %v, want them in turn", got)
		}
	}
	if i := w.emptiest(one); i != -1 {
		t.Errorf("a full cluster has room on node %d", i)
	}
}

// TestGridIsExact: instants are whole nanoseconds from the scored start, not
// sums of rounded steps.
func TestGridIsExact(t *testing.T) {
	t.Parallel()
	g := gridFrom(time.Hour, 100*time.Millisecond, 0)
	for range 36000 {
		g.k++
	}
	if g.at() != 3600 {
		t.Errorf("36000 steps of 0.1 s end at %v", g.at())
	}
}
