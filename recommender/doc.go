// Package recommender decides what size a workload should have: how many
// replicas and how much CPU and memory each of their containers requests,
// chosen together.
//
// The words of this package:
//
//   - A [Snapshot] holds everything a decision may depend on: the instant, the
//     forecasts, what runs now, the owner's [Policy] and the [State] that the
//     previous decision left.
//   - A [Decision] holds a [Recommendation] per container, the replicas, what
//     both cost, and a [Reason] for every step that changed or held a number.
//   - [Recommender.Decide] goes from the one to the other. It is a function of
//     the snapshot alone, so a controller, a report and a simulator that call
//     it with equal snapshots get equal decisions.
//
// Amounts that leave the package are [MilliCPU] and [Bytes]. Inside, and in
// [Usage], CPU is in cores and memory in bytes as float64.
package recommender
