package recommender_test

import (
	"errors"
	"math"
	"testing"

	"github.com/rightsize-dev/rightsize/recommender"
)

func TestWaitProbability(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		servers int
		load    float64 // Erlangs.
		want    float64
		wantErr error
	}{
		"nobody waits without load":           {servers: 3, load: 0, want: 0},
		"one server waits with probability ρ": {servers: 1, load: 0.5, want: 0.5},
		"two servers at ρ=1/2, by hand: 1/3":  {servers: 2, load: 1, want: 1.0 / 3},
		// By hand: B(1..3) of 2 erlangs = 2/3, 2/5, 4/19; C = (4/19)/(1-(2/3)(15/19)) = 4/9.
		"three servers under two erlangs": {servers: 3, load: 2, want: 4.0 / 9},
		"overload always waits":           {servers: 2, load: 2, want: 1, wantErr: recommender.ErrOverload},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := recommender.WaitProbability(tc.servers, tc.load)
			if !errors.Is(err, tc.wantErr) {
				t.Fatalf("error %v, want %v", err, tc.wantErr)
			}
			if math.Abs(got-tc.want) > 1e-12 {
				t.Errorf("got %.15f, want %.15f", got, tc.want)
			}
		})
	}
	for _, bad := range []struct {
		servers int
		load    float64
	}{{0, 1}, {-1, 1}, {1, -1}, {1, math.NaN()}} {
		if _, err := recommender.WaitProbability(bad.servers, bad.load); err == nil {
			t.Errorf("%d servers under %g erlangs: no error", bad.servers, bad.load)
		}
	}
}

func FuzzWaitProbability(f *testing.F) {
	f.Add(1, 0.5)
	f.Add(64, 60.0)
	f.Add(3, 1e-300)
	f.Fuzz(func(t *testing.T, servers int, load float64) {
		servers = 1 + (servers&0x7fffffff)%500
		p, err := recommender.WaitProbability(servers, load)
		if err != nil {
			return
		}
		if !(p >= 0 && p <= 1) {
			t.Fatalf("%d servers under %g erlangs: %g", servers, load, p)
		}
		more, err := recommender.WaitProbability(servers+1, load)
		if err != nil || more > p+1e-12 {
			t.Fatalf("%d servers under %g erlangs wait with %g, one more with %g (%v)", servers, load, p, more, err)
		}
	})
}

// M/M/1 has the sojourn time distribution P(T > t) = exp(-(μ-λ)t), see
// Harchol-Balter (2013), chapter 13.
func TestServerLateMatchesMM1(t *testing.T) {
	t.Parallel()
	s := recommender.NewServer(0.02, 1, 0)
	for _, rate := range []float64{0, 5, 25, 40, 45} {
		for _, limit := range []float64{0.02, 0.1, 0.3} {
			want := math.Exp(-(50 - rate) * limit)
			got := s.Late(1, rate, limit)
			// Equal shares of 64 points: an absolute error of about 1/64 at most
			// in the far tail, 2 % where it matters.
			if math.Abs(got-want) > 0.02*want+0.012 {
				t.Errorf("rate %g, limit %g: got %.4f, want %.4f", rate, limit, got, want)
			}
		}
	}
}

func TestServerCapacity(t *testing.T) {
	t.Parallel()
	exponential := recommender.NewServer(0.02, 1, 0)
	// exp(-(50-λ)0.2) = 0.05 gives λ = 50 - ln(20)/0.2 = 35.02.
	if got := exponential.Capacity(1, 0.2, 0.05); math.Abs(got-35.02) > 0.5 {
		t.Errorf("capacity of M/M/1 is %.2f, want 35.02", got)
	}
	constant := recommender.NewServer(0.02, 0, 0)
	if got := constant.Capacity(1, 0.2, 0.05); got <= exponential.Capacity(1, 0.2, 0.05) {
		t.Errorf("constant service times carry %.2f, not more than exponential ones", got)
	}
	if got := exponential.Capacity(0.1, 0.1, 0.05); got != 0 {
		t.Errorf("a pod whose lone requests take 0.2 s carries %.2f under a limit of 0.1 s, want 0", got)
	}
	if got := recommender.NewServer(0.02, 1, 0.5).Capacity(0.5, 1, 0.05); got != 0 {
		t.Errorf("a pod that idles at its whole size carries %.2f, want 0", got)
	}
	// Between whole cores one more worker makes each slower, so capacity is not
	// monotone in size: 1.05 cores are two workers at 0.525.
	if whole, over := exponential.Capacity(1, 0.1, 0.05), exponential.Capacity(1.05, 0.1, 0.05); over >= whole {
		t.Errorf("1.05 cores carry %.2f, 1 core %.2f: the ladder would not need whole cores", over, whole)
	}
}

func BenchmarkServerCapacity(b *testing.B) {
	s := recommender.NewServer(0.02, 1, 0.05)
	for b.Loop() {
		s.Capacity(4, 0.2, 0.025)
	}
}
