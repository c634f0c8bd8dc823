// Package rows is the layout that engines over an ordered map of bytes share:
// their keys, the two rows that describe a space, and a checker that knows what
// belongs together. It is part of the stored format of each of them.
package rows

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// The rows. Names hold no byte below 0x20 (space.MaxID …), so 0x00 ends one,
// and 0x01 in its place is above every row that begins with it.
//
//	'c' space 0 client                    -> space.ClientState
//	'd' space 0 collection 0 id 0 ^seq    -> space.AppendVersion, newest first
//	'h' space                             -> the head, a cursor (boltstore)
//	'l' space 0 seq                       -> space.Commit
//	'n'                                   -> how often the store was closed (boltstore)
//	't' space                             -> horizon cursor, swept seq (Mark)
//
// Without a head row, a space's head is its last log row, or its horizon where
// the log is trimmed as far as that.
//
// Kinds of rows: the first byte of their keys.
const (
	Client  = 'c'
	Data    = 'd'
	Head    = 'h'
	Log     = 'l'
	Closed  = 'n'
	Horizon = 't'
)

const suffixLen = 8

func appendName(b []byte, name string) []byte { return append(append(b, name...), 0) }

// SpaceKey is the key of a row that a space has one of.
func SpaceKey(b []byte, kind byte, path space.Path) []byte {
	return append(append(b, kind), path...)
}

// SpacePrefix is what all rows of a kind that a space has begin with.
func SpacePrefix(b []byte, kind byte, path space.Path) []byte {
	return append(SpaceKey(b, kind, path), 0)
}

// SpaceEnd is above every row of a kind that a space has.
func SpaceEnd(b []byte, kind byte, path space.Path) []byte {
	return append(SpaceKey(b, kind, path), 1)
}

// ClientKey is the key of a client row.
func ClientKey(b []byte, path space.Path, client space.ClientID) []byte {
	return append(SpacePrefix(b, Client, path), client...)
}

// LogKey is the key of a log row.
func LogKey(b []byte, path space.Path, seq space.Seq) []byte {
	return binary.BigEndian.AppendUint64(SpacePrefix(b, Log, path), uint64(seq))
}

// DataPrefix is what all versions of a key begin with, their Split.
func DataPrefix(b []byte, path space.Path, key space.Key) []byte {
	return appendName(appendName(SpacePrefix(b, Data, path), key.Collection), key.ID)
}

// DataKey is the key of a version.
func DataKey(b []byte, path space.Path, key space.Key, seq space.Seq) []byte {
	return AppendSuffix(DataPrefix(b, path, key), seq)
}

// AppendSuffix makes a version's key of its DataPrefix.
func AppendSuffix(b []byte, seq space.Seq) []byte {
	return binary.BigEndian.AppendUint64(b, ^uint64(seq))
}

// SuffixSeq reads the seq off a data row's key whose prefix has n bytes.
func SuffixSeq(key []byte, n int) (space.Seq, error) {
	if len(key) != n+suffixLen {
		return 0, fmt.Errorf("row %q: %w: the key has no seq", key, store.ErrCorrupt)
	}
	return space.Seq(^binary.BigEndian.Uint64(key[n:])), nil
}

// Split says where a key's version begins: after the third 0x00 of a data row.
// Other keys, and bounds that end before, are all prefix. Counting from the
// front makes it right for every string of bytes, so that the order of bytes and
// the order of prefix, then suffix, agree everywhere.
func Split(key []byte) int {
	if len(key) == 0 || key[0] != Data {
		return len(key)
	}
	n := 0
	for range 3 {
		i := bytes.IndexByte(key[n:], 0)
		if i < 0 {
			return len(key)
		}
		n += i + 1
	}
	return n
}

// CursorLen is the length of a stored cursor.
const CursorLen = 8 + len(space.Digest{})

// AppendCursor appends the stored form of a cursor.
func AppendCursor(b []byte, c space.Cursor) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(c.Seq)), c.Digest[:]...)
}

// DecodeCursor reads CursorLen bytes.
func DecodeCursor(b []byte) (c space.Cursor) {
	c.Seq = space.Seq(binary.BigEndian.Uint64(b))
	copy(c.Digest[:], b[8:])
	return c
}

// A Mark is a space's second row: its horizon, and how far the versions below it
// have been swept. They differ while a Trim is under way, or was cut short.
type Mark struct {
	Horizon space.Cursor
	Swept   space.Seq
}

// MarkLen is the length of a stored Mark.
const MarkLen = CursorLen + 8

// AppendBinary appends the stored form of m.
func (m Mark) AppendBinary(b []byte) []byte {
	return binary.BigEndian.AppendUint64(AppendCursor(b, m.Horizon), uint64(m.Swept))
}

// DecodeMark reads a Mark.
func DecodeMark(b []byte) (Mark, error) {
	if len(b) != MarkLen {
		return Mark{}, fmt.Errorf("horizon row: %w", store.ErrCorrupt)
	}
	return Mark{DecodeCursor(b), space.Seq(binary.BigEndian.Uint64(b[CursorLen:]))}, nil
}

// DecodeCommit reads the log row at seq.
func DecodeCommit(path space.Path, seq space.Seq, row []byte) (*space.Commit, error) {
	c, err := space.DecodeCommit(row)
	if err == nil && c.Seq != seq {
		err = fmt.Errorf("it is commit %d", c.Seq)
	}
	if err != nil {
		return nil, fmt.Errorf("log of space %s at %d: %w: %w", path, seq, store.ErrCorrupt, err)
	}
	return c, nil
}

// LogSeq reads the seq off a log row's key.
func LogSeq(key []byte) space.Seq { return space.Seq(binary.BigEndian.Uint64(key[len(key)-8:])) }
