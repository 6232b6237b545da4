//go:build unix

// Package cputime measures benchmarks by the CPU time that they take.
package cputime

import (
	"syscall"
	"testing"
	"time"
)

// Used is what the process has used so far, its garbage collector included:
// on a shared machine a steadier measure than the time that went by.
func Used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
