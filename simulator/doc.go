// Package simulator replays the demand of a real trace against an autoscaling
// policy and says what that cost and how well it served.
//
// The words of this package:
//
//   - A [Scenario] is the set-up: a [Demand] (the trace), a [Service] (what a
//     unit of demand takes), what runs at first, bounds, cluster and prices.
//   - A [Decider] is what is being judged. At each control step it gets an
//     [Observation], which holds only the past, and returns an [Action].
//   - A [Score] is the result: amounts, cost, violations and disturbances over
//     the scored span.
//
// [Run] goes from the first two to the third. It is a function of its
// arguments: randomness comes from the scenario's seed, in separate streams
// for arrivals with their work and for routing, so every policy meets the same
// requests.
//
// Inside, times are seconds since the start of the demand as float64, CPU is
// in cores and memory in bytes.
package simulator
