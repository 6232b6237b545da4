// Package forecaster turns a regular history into quantiles of the future.
//
// The words of this package:
//
//   - A [Series] is a regular history: a start, a step and values, NaN for a
//     gap.
//   - A [Forecast] holds, for each horizon, quantiles of the value at that
//     horizon and quantiles of the maximum over the window up to it. Sizing
//     acts on the maxima, since a pod that is right at the end of an hour but
//     short in the middle of it is short.
//   - A [Model] goes from the one to the other, value by value; [Predict] does
//     it at once, with the same result. It is a function of its arguments
//     alone: no clock, no randomness, no state outside the call.
//   - A [Backtest] forecasts a recorded series from many moments of its past
//     and sets each forecast beside what came; a [Scorer] turns that into
//     losses and coverage.
//
// It is the lowest layer of rightsize and imports nothing of it.
package forecaster
