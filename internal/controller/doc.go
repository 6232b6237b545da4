// Package controller is the program that runs in a cluster. It holds two roles
// that hand over through the status of RightSizes and nothing else:
//
//	            Prometheus      API server
//	                 │              │ watches
//	                 ▼              ▼
//	recommender   history ──▶ snapshot ──▶ Decide ──▶ status (recommendation, state, conditions)
//	                                                    │
//	actuator      status ──▶ plan ──▶ resize, scale, evict ──▶ status (pods, actuation, Applied)
//
// The recommender goes over all RightSizes once a step of the history, spread
// over the step, and out of turn where a spec, a target or its pods change, or
// where demand is above what was expected. It writes a status only when what it
// says has changed in meaning. The actuator works from what the status says, in
// every role, so that one program and two behave alike.
//
// Each role runs in the leader of its lease alone. What is in memory beyond the
// caches only saves work: after a restart the statuses tell what to go on with.
package controller
