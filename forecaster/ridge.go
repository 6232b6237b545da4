package forecaster

import "math"

// ridge is least squares with a penalty on the size of the coefficients, from
// sums that grow row by row:
//
//	(X'WX + λ D) β = X'Wy,  D = diag(X'WX) + mean(diag(X'WX)) I
//
// The penalty keeps features that barely vary, or vary together, from getting
// coefficients that cancel. Information form: sums only grow, so nothing winds
// up. See Hoerl and Kennard (1970), Ridge Regression.
type ridge struct {
	size int
	gram []float64 // Lower triangle of X'WX, row by row.
	rhs  []float64 // X'Wy.
	rows int
}

func newRidge(size int, work *arena) *ridge {
	return &ridge{size: size, gram: work.take(size * (size + 1) / 2), rhs: work.take(size)}
}

// add takes rows into account: x row by row, with what each is to give and its
// weight. Most of the time of a fit is spent here: four rows at a time take a
// third of the reading and writing.
func (r *ridge) add(x, y, weights []float64) {
	n := r.size
	r.rows += len(y)
	for ; len(y) >= 4; x, y, weights = x[4*n:], y[4:], weights[4:] {
		r.addFour(x[:n], x[n:2*n], x[2*n:3*n], x[3*n:4*n], (*[4]float64)(y), (*[4]float64)(weights))
	}
	for i, w := range weights {
		r.addOne(x[i*n:(i+1)*n], y[i], w)
	}
}

func (r *ridge) addOne(x []float64, y, weight float64) {
	gram := r.gram
	for i, v := range x {
		v *= weight
		sum := gram[:i+1]
		for j, u := range x[:len(sum)] {
			sum[j] += v * u
		}
		gram = gram[i+1:]
		r.rhs[i] += v * y
	}
}

// addFour adds four rows of the features at once, to two rows of the Gram matrix
// at a time: what is loaded is used eight times. The first row, of one element, is
// alone where their number is odd.
func (r *ridge) addFour(a, b, c, d []float64, y, w *[4]float64) {
	gram, i := r.gram, len(a)%2
	if i == 1 {
		va, vb, vc, vd := w[0]*a[0], w[1]*b[0], w[2]*c[0], w[3]*d[0]
		gram[0] += va*a[0] + vb*b[0] + vc*c[0] + vd*d[0]
		gram = gram[1:]
		r.rhs[0] += va*y[0] + vb*y[1] + vc*y[2] + vd*y[3]
	}
	for ; i < len(a); i += 2 {
		va, vb, vc, vd := w[0]*a[i], w[1]*b[i], w[2]*c[i], w[3]*d[i]
		ua, ub, uc, ud := w[0]*a[i+1], w[1]*b[i+1], w[2]*c[i+1], w[3]*d[i+1]
		sum, next := gram[:i+1], gram[i+1:2*i+3]
		last := len(next) - 1
		low := next[:len(sum)]
		xa, xb, xc, xd := a[:len(sum)], b[:len(sum)], c[:len(sum)], d[:len(sum)]
		for j := range sum {
			fa, fb, fc, fd := xa[j], xb[j], xc[j], xd[j]
			sum[j] += va*fa + vb*fb + vc*fc + vd*fd
			low[j] += ua*fa + ub*fb + uc*fc + ud*fd
		}
		next[last] += ua*a[i+1] + ub*b[i+1] + uc*c[i+1] + ud*d[i+1]
		gram = gram[2*i+3:]
		r.rhs[i] += va*y[0] + vb*y[1] + vc*y[2] + vd*y[3]
		r.rhs[i+1] += ua*y[0] + ub*y[1] + uc*y[2] + ud*y[3]
	}
}

// solve writes the coefficients under the penalty λ to beta, by Cholesky
// decomposition; it returns false where the features are all zero.
func (r *ridge) solve(lambda float64, beta []float64, work *arena) bool {
	trace := 0.0
	for i := range r.size {
		trace += r.gram[i*(i+3)/2]
	}
	if !(trace > 0) || math.IsInf(trace, 0) {
		return false
	}
	l := work.room(len(r.gram))
	for i := range r.size {
		row := l[i*(i+1)/2 : i*(i+1)/2+i+1]
		for j := range i + 1 {
			other := l[j*(j+1)/2 : j*(j+1)/2+j+1]
			sum := r.gram[i*(i+1)/2+j]
			if i == j {
				sum += lambda * (sum + trace/float64(r.size))
			}
			sum -= dot(row[:j], other[:j])
			switch {
			case i != j:
				row[j] = sum / other[j]
			case sum <= 0:
				return false
			default:
				row[i] = math.Sqrt(sum)
			}
		}
	}
	r.substitute(l, beta)
	return true
}

// substitute solves L L' β = rhs.
func (r *ridge) substitute(l, beta []float64) {
	for i := range beta {
		row := l[i*(i+1)/2 : i*(i+1)/2+i+1]
		beta[i] = (r.rhs[i] - dot(row[:i], beta[:i])) / row[i]
	}
	for i := r.size - 1; i >= 0; i-- {
		sum := beta[i]
		for k := i + 1; k < r.size; k++ {
			sum -= l[k*(k+1)/2+i] * beta[k]
		}
		beta[i] = sum / l[i*(i+3)/2]
	}
}

// dot is the sum of the products, in four sums that do not wait for each other.
func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i, v := range a {
		s0 += v * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}
