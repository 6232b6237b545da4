// Package actuator turns a decision into the changes that may be made now.
//
// The words of this package:
//
//   - An [Input] holds a [recommender.Decision], the pods as they were observed,
//     what the cluster allows, and the [State] that the previous plan left.
//   - A [Plan] is an ordered list of steps, each of which may be made now. A
//     [Step] is data: package actuator/kube makes it.
//   - A [Size] is what one container requests and is limited to.
//
// [Next] goes from the one to the other. It reads no clock and no cluster, so
// equal inputs give equal plans. What is refused or held gives a reason instead
// of a call that the API server would answer with an error.
//
// A pod goes through these phases; what is Idle has no entry in the state:
//
//	        step                      in force
//	Idle ────────▶ Requested ───┬──────────────────▶ Done
//	  ▲                │        ├─▶ InProgress ─────▶ Done
//	  │ not written    │        │       └─▶ Failed (memory in use): put back
//	  └────────────────┘        ├─▶ Deferred: one more pod (the decision's answer), put back, evicted
//	                            ├─▶ Infeasible: put back, remembered
//	                            └─▶ Foreign: someone else changed it: left alone
//
// See docs/algorithms/actuation.md.
package actuator
