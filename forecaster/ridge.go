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

func newRidge(size int) *ridge {
	return &ridge{size: size, gram: make([]float64, size*(size+1)/2), rhs: make([]float64, size)}
}

// add takes one row into account.
func (r *ridge) add(x []float64, y, weight float64) {
	k := 0
	for i, xi := range x {
		xi *= weight
		addScaled(r.gram[k:k+i+1], x[:i+1], xi)
		k += i + 1
		r.rhs[i] += xi * y
	}
	r.rows++
}

// addScaled adds by·x to sum, four numbers at a time: most of the time of a fit
// is spent here.
func addScaled(sum, x []float64, by float64) {
	for len(x) >= 4 && len(sum) >= 4 {
		sum[0] += by * x[0]
		sum[1] += by * x[1]
		sum[2] += by * x[2]
		sum[3] += by * x[3]
		sum, x = sum[4:], x[4:]
	}
	for j, v := range x {
		sum[j] += by * v
	}
}

// solve returns the coefficients under the penalty λ, by Cholesky
// decomposition; ok is false where the features are all zero.
func (r *ridge) solve(lambda float64) (beta []float64, ok bool) {
	trace := 0.0
	for i := range r.size {
		trace += r.gram[i*(i+3)/2]
	}
	if !(trace > 0) || math.IsInf(trace, 0) {
		return nil, false
	}
	l := make([]float64, len(r.gram))
	for i := range r.size {
		row := l[i*(i+1)/2:]
		for j := range i + 1 {
			other := l[j*(j+1)/2:]
			sum := r.gram[i*(i+1)/2+j]
			if i == j {
				sum += lambda * (sum + trace/float64(r.size))
			}
			for k := range j {
				sum -= row[k] * other[k]
			}
			switch {
			case i != j:
				row[j] = sum / other[j]
			case sum <= 0:
				return nil, false
			default:
				row[i] = math.Sqrt(sum)
			}
		}
	}
	return r.substitute(l), true
}

// substitute solves L L' β = rhs.
func (r *ridge) substitute(l []float64) []float64 {
	beta := make([]float64, r.size)
	for i := range beta {
		sum := r.rhs[i]
		for k := range i {
			sum -= l[i*(i+1)/2+k] * beta[k]
		}
		beta[i] = sum / l[i*(i+3)/2]
	}
	for i := r.size - 1; i >= 0; i-- {
		sum := beta[i]
		for k := i + 1; k < r.size; k++ {
			sum -= l[k*(k+1)/2+i] * beta[k]
		}
		beta[i] = sum / l[i*(i+3)/2]
	}
	return beta
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}
