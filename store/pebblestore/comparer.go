package pebblestore

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/syncline/syncline/store/internal/rows"
)

// comparer orders keys as bytes. Its own part is Split, by which one Bloom
// filter entry stands for all versions of a key. The name is part of the stored
// format.
var comparer = func() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = "syncline.rows.2" // 1 had a row for each space's head
	c.Split = rows.Split
	c.ImmediateSuccessor = func(dst, prefix []byte) []byte {
		dst = append(dst, prefix...)
		if len(prefix) > 0 && prefix[0] == rows.Data && bytes.Count(prefix, []byte{0}) == 3 {
			dst[len(dst)-1] = 1 // nothing lies between the versions of an id and this
			return dst
		}
		return append(dst, 0)
	}
	c.FormatKey = func(key []byte) fmt.Formatter { return formatter(key) }
	return &c
}()

// explainFormat says what to do about a store of another format, whose comparer
// has another name. Pebble has no error to test for that.
func explainFormat(err error) error {
	if err == nil || !strings.Contains(err.Error(), "comparer name from file") {
		return err
	}
	return fmt.Errorf("the data is in another format than this version reads: export it with the version that wrote it, "+
		"and import it into a new directory: %w", err)
}

type formatter []byte

func (f formatter) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "%q", []byte(f)) }
