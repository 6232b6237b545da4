// Package e2e holds the program to what it is for, in a cluster: the chart
// installed by Helm on a real control plane, workloads of every kind, demand
// that real exporters tell a real Prometheus, and the controller as a process
// with the rights that the chart gives it. What is asserted is the state of the
// cluster, and the audit log of the API server about how it came to be.
//
// Below the API nothing is real: pods have no containers, and what they use
// is what the test decides.
package e2e
