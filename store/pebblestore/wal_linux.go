package pebblestore

import (
	"errors"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// lengthen gives a file zeros at off, where it has none yet; what is there stays.
func lengthen(f vfs.File, off, n int64) error {
	fd := f.Fd()
	if fd == vfs.InvalidFd {
		return errors.ErrUnsupported
	}
	return unix.Fallocate(int(fd), 0, off, n)
}
