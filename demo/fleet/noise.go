package fleet

import (
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// noise is multiplicative noise that persists for a while: the logarithm is a
// first-order autoregression of standard deviation sigma.
type noise struct {
	rng   *rand.Rand
	sigma float64
	keep  float64
	level float64
}

// newNoise returns noise whose correlation falls to 1/e within memory.
func newNoise(rng *rand.Rand, sigma float64, memory, step time.Duration) *noise {
	n := &noise{rng: rng, sigma: sigma, keep: math.Exp(-step.Seconds() / memory.Seconds())}
	n.level = sigma * rng.NormFloat64()
	return n
}

// next returns the next factor, around 1.
func (n *noise) next() float64 {
	if n.sigma == 0 {
		return 1
	}
	n.level = n.keep*n.level + math.Sqrt(1-n.keep*n.keep)*n.sigma*n.rng.NormFloat64()
	return math.Exp(n.level)
}

// suffix returns n characters as Kubernetes appends them to generated names:
// no vowels and nothing that looks like one.
func suffix(rng *rand.Rand, n int) string {
	const alphabet = "bcdfghjklmnpqrstvwxz2456789"
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[rng.IntN(len(alphabet))])
	}
	return b.String()
}

// uid returns the text form of a random version 4 UUID.
func uid(rng *rand.Rand) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := range 36 {
		switch i {
		case 8, 13, 18, 23:
			b.WriteByte('-')
		case 14:
			b.WriteByte('4')
		case 19:
			b.WriteByte(digits[8+rng.IntN(4)])
		default:
			b.WriteByte(digits[rng.IntN(16)])
		}
	}
	return b.String()
}
