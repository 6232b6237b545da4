package forecaster

import "math"

// logarithms replaces positive, normal numbers by their natural logarithms, to 14
// digits: a fit takes thousands, and math.Log is a call for each. With x = 2^e m,
// m between 1/√2 and √2, and s = (m-1)/(m+1),
//
//	log x = e log 2 + 2 (s + s³/3 + s⁵/5 + … + s¹⁵/15).
//
// See Abramowitz and Stegun (1964), 4.1.27.
func logarithms(values []float64) {
	for i, x := range values {
		// The exponent counts from 1/√2: what is below it carries over.
		bits := math.Float64bits(x) - halfRoot
		exponent := int64(bits) >> 52 //nolint:gosec // Sign and all.
		m := math.Float64frombits(bits&(1<<52-1) + halfRoot)
		s := (m - 1) / (m + 1)
		z := s * s
		z2 := z * z
		tail := (1.0/3 + z/5) + z2*((1.0/7+z/9)+z2*((1.0/11+z/13)+z2/15))
		values[i] = float64(exponent)*math.Ln2 + 2*(s+s*z*tail)
	}
}

// halfRoot are the bits of 1/√2.
const halfRoot = 0x3fe6a09e667f3bcd

// logarithm is that of one number.
func logarithm(x float64) float64 {
	one := [1]float64{x}
	logarithms(one[:])
	return one[0]
}
