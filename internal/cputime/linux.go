//go:build linux

// Package cputime tells the processor time that this process has used, for benchmarks: on a machine that is
// shared it says more than the clock. Other measurements of the platform do not belong here.
package cputime

import (
	"syscall"
	"time"
)

// Used is the processor time that this process has used so far, 0 where that is not known.
func Used() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
