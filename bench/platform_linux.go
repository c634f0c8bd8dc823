package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// resident is the memory that a process has in use, in bytes.
func resident(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// reserve gives a file its blocks and its length in advance, as pebblestore does with the log, so
// that a sync need not write the file's metadata.
func reserve(f *os.File, bytes int64) { _ = syscall.Fallocate(int(f.Fd()), 0, 0, bytes) }

func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// smallReceiveBuffer makes the kernel hold little for a socket that is not read.
func smallReceiveBuffer(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
}
