// Package kube makes the steps of plans in a cluster. It is the only writer of
// workloads, and writes in three ways alone, each of them a subresource:
//
//   - sizes of running pods by server-side apply on pods/resize,
//   - the number of pods by server-side apply on /scale, and of kinds of others, for
//     which the API server takes none, by a patch of exactly the version it saw,
//   - evictions, which disruption budgets may refuse.
//
// Templates are never written and nothing is ever deleted. It decides nothing:
// what to do, and in which order, is in the plan.
//
// # Ownership
//
// Fields of Kubernetes objects have owners. A [Writer] takes those of others only
// where nobody is there who would take them back: sizes that a pod was made with,
// and a number of pods that its object was made with, that people set by hand, or
// that an autoscaler left behind which is gone. Everything else is a conflict,
// which is told and not fought.
package kube
