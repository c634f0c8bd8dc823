package boltstore

import (
	"fmt"

	"github.com/syncline/syncline/store"
)

// A room refuses writes that would use up the reserve, by looking at the free
// disk space once in a while. The writer owns it.
type room struct {
	path    string
	reserve int64
	free    func(path string) (uint64, bool)

	unseen int
	looked bool // whether there was a look, and it saw room
}

const lookBytes = 64 << 10

func (r *room) admit(n int) error {
	if r.reserve < 0 {
		return nil
	}
	// A transaction writes whole pages, some of them on account of their parents.
	n = 4*n + 64<<10
	if r.unseen += n; r.unseen < 4*lookBytes && r.looked {
		return nil
	}
	free, ok := r.free(r.path)
	if ok && free < uint64(r.reserve)+uint64(n) {
		r.looked = false
		return fmt.Errorf("%w: %d bytes are free, %d of them kept in reserve", store.ErrFull, free, r.reserve)
	}
	r.unseen, r.looked = 0, true
	return nil
}
