// Package metricsapi speaks the metrics APIs of Kubernetes, both ways.
//
// [Reader] reads metrics.k8s.io, which metrics-server answers: what every
// container used within the last minute or so. It is newer than what a
// Prometheus knows, and there where the Prometheus is not; but it has no
// history.
//
// [Server] answers external.metrics.k8s.io with the forecasts of RightSizes, so
// that an HPA, KEDA or anything else that scales by external metrics can look
// ahead. A [Board] holds what the newest decisions rest on.
package metricsapi
