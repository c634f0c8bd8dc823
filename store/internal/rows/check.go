package rows

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// Kinds in the order in which a Checker wants to see them: first those that say
// which seqs may exist.
var Kinds = []byte{Head, Horizon, Log, Closed, Client, Data}

// A Checker looks at every row of a store for VerifyEngine: whether it can be
// decoded, and belongs to a space with a head at or above it.
type Checker struct {
	Report   func(store.Problem)
	HeadRows bool // the engine keeps them; else horizon and log say what the head is

	heads map[space.Path]space.Seq
}

// Row checks one row. Neither slice is kept.
func (r *Checker) Row(key, value []byte) {
	p := store.Problem{}
	if err := r.row(key, value, &p); err != nil {
		p.What = fmt.Sprintf("row %q: %v", key, err)
		r.Report(p)
	}
}

// row checks one row and notes in p whose it is.
func (r *Checker) row(key, value []byte, p *store.Problem) error {
	if len(key) == 0 {
		return store.ErrCorrupt
	}
	kind := key[0]
	if kind == Closed {
		if len(key) != 1 || len(value) != 8 {
			return store.ErrCorrupt
		}
		return nil
	}
	path, rest, _ := bytes.Cut(key[1:], []byte{0})
	p.Space = space.Path(path)
	if r.heads == nil {
		r.heads = make(map[space.Path]space.Seq)
	}
	switch {
	case kind == Head && r.HeadRows:
		if len(value) != CursorLen {
			return store.ErrCorrupt
		}
		r.heads[p.Space] = DecodeCursor(value).Seq
		return nil
	case kind == Horizon && !r.HeadRows && len(value) == MarkLen:
		r.heads[p.Space] = DecodeCursor(value).Seq
	case kind == Log && !r.HeadRows && len(rest) == 8:
		r.heads[p.Space] = max(r.heads[p.Space], space.Seq(binary.BigEndian.Uint64(rest)))
	}
	head, ok := r.heads[p.Space]
	if !ok {
		return fmt.Errorf("%w: its space has no head", store.ErrCorrupt)
	}
	switch kind {
	case Horizon:
		if len(value) != MarkLen {
			return store.ErrCorrupt
		}
		p.Seq = DecodeCursor(value).Seq
	case Client:
		state, err := space.DecodeClientState(value)
		if err != nil {
			return err
		}
		p.Seq = state.Seq
	case Log:
		c, err := space.DecodeCommit(value)
		if err != nil {
			return err
		}
		if p.Seq = c.Seq; len(rest) != 8 || binary.BigEndian.Uint64(rest) != uint64(c.Seq) {
			return fmt.Errorf("%w: it holds commit %d", store.ErrCorrupt, c.Seq)
		}
	case Data:
		n := Split(key)
		if n == len(key) {
			return store.ErrCorrupt
		}
		seq, err := SuffixSeq(key, n)
		if err != nil {
			return err
		}
		p.Seq = seq
		collection, id, _ := bytes.Cut(key[len(path)+2:n-1], []byte{0})
		p.Key = space.Key{Collection: string(collection), ID: string(id)}
		if _, err := space.DecodeVersion(seq, value); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%w: of no known kind", store.ErrCorrupt)
	}
	if p.Seq > head {
		return fmt.Errorf("%w: it is of commit %d, the head is %d", store.ErrCorrupt, p.Seq, head)
	}
	return nil
}
