// Package hpareplay is a program, as a test since only tests can have a clock
// of their own: it plays recordings to the Horizontal Pod Autoscaler of
// kube-controller-manager, unchanged, in a time that passes at once.
package hpareplay
