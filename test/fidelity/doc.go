// Package fidelity holds the simulator's autoscalers to the real ones: each
// test replays what a simulated policy saw to the controller that it is a port
// of, on a real control plane, and requires the same decisions.
package fidelity
