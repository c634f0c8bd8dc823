package boltstore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"runtime/debug"

	"github.com/syncline/syncline/store"
	bolt "go.etcd.io/bbolt"
)

// All rows are in one bucket, under the keys of internal/rows. Those of kind
// kindSum are this engine's own: what a space's other rows add up to.
var bucketName = []byte("syncline.rows.1")

const (
	kindSum = 's'
	crcLen  = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// seal makes a stored row's value of value, which it appends to.
func seal(key, value []byte) []byte {
	return binary.BigEndian.AppendUint32(value, checksum(key, value))
}

// unseal returns the value of a stored row, without copying it.
func unseal(key, stored []byte) ([]byte, error) {
	n := len(stored) - crcLen
	if n < 0 || checksum(key, stored[:n]) != binary.BigEndian.Uint32(stored[n:]) && !plantNoChecksums {
		return nil, fmt.Errorf("row %q: %w: wrong checksum", key, store.ErrCorrupt)
	}
	return stored[:n:n], nil
}

// plantNoChecksums is a bug for tests to plant: they prove by it that TestDamage
// would see it.
var plantNoChecksums bool

// weight is what a row adds to its space's sum.
func weight(stored []byte) uint64 {
	return 1<<32 + uint64(binary.BigEndian.Uint32(stored[len(stored)-crcLen:]))
}

// guard calls f, and makes an error of a panic or a fault in it: bbolt reads
// mapped memory and believes what it finds there. It must not be wrapped around
// code of others.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: bbolt: %v", store.ErrCorrupt, r)
		}
	}()
	return f()
}

// A reader reads rows of one transaction.
type reader struct{ b *bolt.Bucket }

// get returns a row's value, nil if there is none, without copying it.
func (r reader) get(key []byte) (value []byte, err error) {
	err = guard(func() error {
		stored := r.b.Get(key)
		if stored == nil {
			return nil
		}
		value, err = unseal(key, stored)
		return err
	})
	return value, err
}

// A cursor walks rows. Its key and value are bbolt's own memory.
type cursor struct {
	c          *bolt.Cursor
	key, value []byte
}

func (r reader) cursor() *cursor { return &cursor{c: r.b.Cursor()} }

// seek goes to the first row at or above key, next to the next one. key is nil
// at the end.
func (c *cursor) seek(key []byte) error {
	return c.move(func() ([]byte, []byte) { return c.c.Seek(key) })
}

func (c *cursor) next() error { return c.move(c.c.Next) }

func (c *cursor) move(f func() ([]byte, []byte)) error {
	c.key, c.value = nil, nil
	return guard(func() error {
		key, stored := f()
		if key == nil {
			return nil
		}
		value, err := unseal(key, stored)
		if err != nil {
			return err
		}
		c.key, c.value = key, value
		return nil
	})
}
