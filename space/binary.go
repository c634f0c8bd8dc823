package space

import (
	"encoding/binary"
	"fmt"
)

func appendUint(b []byte, n uint64) []byte { return binary.AppendUvarint(b, n) }

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// A decoder reads the binary forms of this package. After the first error it
// returns zero values.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	d.rest = nil
}

func (d *decoder) uint() uint64 {
	n, size := binary.Uvarint(d.rest)
	// The one shortest form only: equal records have equal bytes.
	if size <= 0 || size > 1 && d.rest[size-1] == 0 {
		d.fail("number")
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.fail("too short")
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) string() string {
	n := d.uint()
	if n > uint64(len(d.rest)) {
		d.fail("string")
		return ""
	}
	s := string(d.rest[:n])
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) fixed(into []byte) {
	if len(d.rest) < len(into) {
		d.fail("too short")
		return
	}
	copy(into, d.rest)
	d.rest = d.rest[len(into):]
}

func (d *decoder) end() error {
	if d.err == nil && len(d.rest) > 0 {
		d.fail("trailing bytes")
	}
	return d.err
}
