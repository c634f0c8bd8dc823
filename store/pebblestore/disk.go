package pebblestore

import (
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/syncline/syncline/store"
)

// sampleBytes is how much may be written between two looks at the free space: a
// thousandth of the default reserve, and a system call per 64 KiB.
const sampleBytes = 64 << 10

// A disk refuses writes that would use up the reserve. It needs no clock: what
// others write in the meantime, the next look sees.
type disk struct {
	fs      vfs.FS
	dir     string
	reserve int64

	unseen atomic.Int64 // bytes admitted since the last look
	looked atomic.Bool  // whether there was one, and it saw room
}

// admit returns store.ErrFull if n bytes more would leave too little.
func (d *disk) admit(n int) error {
	if d.reserve < 0 {
		return nil
	}
	if d.unseen.Add(int64(n)) < sampleBytes && d.looked.Load() {
		return nil
	}
	usage, err := d.fs.GetDiskUsage(d.dir)
	if err != nil {
		return nil // not known on this file system: Pebble will tell
	}
	if usage.AvailBytes < uint64(d.reserve)+uint64(n) {
		d.looked.Store(false) // look again each time, until there is room
		return fmt.Errorf("%w: %d bytes are free, %d of them kept in reserve", store.ErrFull, usage.AvailBytes, d.reserve)
	}
	d.unseen.Store(0)
	d.looked.Store(true)
	return nil
}
