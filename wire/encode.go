package wire

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
)

// Encode encodes a message of either side; it sets the message's type t. The
// hot ones of the server, Diff and Ack, have encoders of their own below.
func Encode(message any) []byte {
	switch m := message.(type) {
	case *Hello:
		m.T = "hello"
	case *Open:
		m.T = "open"
	case *Close:
		m.T = "close"
	case *Push:
		m.T = "push"
	case *Presence:
		m.T = "presence"
	case *Cast:
		m.T = "cast"
	case *Check:
		m.T = "check"
	case *Ping:
		m.T = "ping"
	case *Pong:
		m.T = "pong"
	case *Welcome:
		m.T = "welcome"
	case *Opened:
		m.T = "opened"
	case *Closed:
		m.T = "closed"
	case *Ack:
		m.T = "ack"
	case *Diff:
		m.T = "diff"
	case *Present:
		m.T = "present"
	case *CastFrom:
		m.T = "cast"
	case *Checked:
		m.T = "checked"
	case *Error:
		m.T = "error"
	default:
		panic(fmt.Sprintf("wire: %T is not a message", message))
	}
	b, err := json.Marshal(message, lenient)
	if err != nil {
		// Only a raw value that never went through a decoder can be unencodable.
		panic(fmt.Sprintf("wire: encode %T: %v", message, err))
	}
	return b
}

// lenient replaces bytes that are not UTF-8: a message about what went wrong must
// not itself go wrong. Equal messages have equal bytes.
var lenient = json.JoinOptions(jsontext.AllowInvalidUTF8(true), json.Deterministic(true))

// A Row is an entry as Diff carries it: [collection, id, version, record].
type Row struct {
	Key     space.Key
	Version space.Seq
	Value   jsontext.Value
}

// MarshalJSONTo implements json.MarshalerTo.
func (r Row) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteValue(r.append(nil))
}

func (r Row) append(b []byte) []byte {
	b = append(b, '[')
	b = appendKey(b, r.Key)
	b = append(b, ',')
	b = strconv.AppendUint(b, uint64(r.Version), 10)
	b = append(b, ',')
	b = append(b, r.Value...)
	return append(b, ']')
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (r *Row) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if err := expect(dec, '['); err != nil {
		return err
	}
	for _, into := range []*string{&r.Key.Collection, &r.Key.ID} {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if token.Kind() != '"' {
			return fmt.Errorf("a row begins with two strings")
		}
		*into = token.String()
	}
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(token.String(), 10, 53)
	if token.Kind() != '0' || err != nil {
		return fmt.Errorf("a row's version is a whole number")
	}
	r.Version = space.Seq(n)
	record, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if record.Kind() != '{' {
		return fmt.Errorf("a row's record is an object")
	}
	r.Value = record.Clone()
	return expect(dec, ']')
}

func expect(dec *jsontext.Decoder, kind jsontext.Kind) error {
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != kind {
		return fmt.Errorf("unexpected %v, want %v", token.Kind(), kind)
	}
	return nil
}

func appendString(b []byte, s string) []byte {
	b, err := jsontext.AppendQuote(b, s)
	if err != nil {
		panic(fmt.Sprintf("wire: %q is not UTF-8", s)) // names are validated at the edge
	}
	return b
}

func appendKey(b []byte, k space.Key) []byte {
	b = appendString(b, k.Collection)
	b = append(b, ',')
	return appendString(b, k.ID)
}

// A DiffWriter builds the bytes of one Diff, row by row and without a tree: drops
// first, then puts, then deletions.
type DiffWriter struct {
	buf   []byte
	head  int // length of the part before any row
	drops int
	puts  int
	dels  []space.Key

	// Scope, if not "", is told with the last part, and Leases with it.
	Scope  string
	Leases map[string]int64
}

// NewDiffWriter begins a diff of view from from to to, into a fresh buffer.
func NewDiffWriter(path space.Path, view string, from, to space.Cursor, reset bool) *DiffWriter {
	b := make([]byte, 0, 512)
	b = append(b, `{"t":"diff","space":`...)
	b = appendString(b, string(path))
	b = append(b, `,"view":"`...)
	b = append(b, view...)
	b = append(b, `","from":"`...)
	b = append(b, from.String()...)
	b = append(b, `","to":"`...)
	b = append(b, to.String()...)
	b = append(b, '"')
	if reset {
		b = append(b, `,"reset":true`...)
	}
	return &DiffWriter{buf: b, head: len(b)}
}

// Drop adds what is to leave the replica by selector. It must come before any Put,
// once. A selector must be JSON.
func (w *DiffWriter) Drop(parts []space.Part) {
	for i, part := range parts {
		if i == 0 {
			w.buf = append(w.buf, `,"drop":[{"in":`...)
		} else {
			w.buf = append(w.buf, `,{"in":`...)
		}
		w.buf = appendString(w.buf, part.In)
		if part.Where != nil {
			w.buf = append(append(w.buf, `,"where":`...), part.Where...)
		}
		w.buf = append(w.buf, '}')
	}
	if w.drops = len(parts); w.drops > 0 {
		w.buf = append(w.buf, ']')
	}
}

// Put adds an entry. payload must be a record's JSON.
func (w *DiffWriter) Put(key space.Key, version space.Seq, payload []byte) {
	if w.puts == 0 {
		w.buf = append(w.buf, `,"put":[`...)
	} else {
		w.buf = append(w.buf, ',')
	}
	w.puts++
	w.buf = Row{key, version, payload}.append(w.buf)
}

// Del adds an entry that left the view.
func (w *DiffWriter) Del(key space.Key) { w.dels = append(w.dels, key) }

// Empty reports whether nothing was added.
func (w *DiffWriter) Empty() bool { return w.drops == 0 && w.puts == 0 && len(w.dels) == 0 }

// Size is about the number of bytes so far.
func (w *DiffWriter) Size() int { return len(w.buf) + 48*len(w.dels) }

// Finish returns the message. more marks one that the next continues.
func (w *DiffWriter) Finish(more bool) []byte {
	b := w.rows(more)
	if !more {
		b = w.appendScope(b)
	}
	return append(b, '}')
}

func (w *DiffWriter) appendScope(b []byte) []byte {
	if w.Scope == "" {
		return b
	}
	b = appendString(append(b, `,"scope":`...), w.Scope)
	for i, name := range slices.Sorted(maps.Keys(w.Leases)) {
		if i == 0 {
			b = append(b, `,"leases":{`...)
		} else {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		b = strconv.AppendInt(b, w.Leases[name], 10)
	}
	if len(w.Leases) > 0 {
		b = append(b, '}')
	}
	return b
}

// FinishReset returns the last message of a reset.
func (w *DiffWriter) FinishReset(sum Sum) []byte {
	b := append(w.rows(false), `,"count":`...)
	b = strconv.AppendInt(b, int64(sum.Count), 10)
	b = append(b, `,"sum":"`...)
	b = append(b, sum.String()...)
	return append(w.appendScope(append(b, '"')), '}')
}

func (w *DiffWriter) rows(more bool) []byte {
	b := w.buf
	if w.puts > 0 {
		b = append(b, ']')
	}
	for i, key := range w.dels {
		if i == 0 {
			b = append(b, `,"del":[[`...)
		} else {
			b = append(b, `,[`...)
		}
		b = appendKey(b, key)
		b = append(b, ']')
	}
	if len(w.dels) > 0 {
		b = append(b, ']')
	}
	if more {
		b = append(b, `,"more":true`...)
	}
	w.buf = nil
	return b
}

// AppendAck encodes an Ack.
func AppendAck(b []byte, path space.Path, outcomes []space.Outcome) []byte {
	b = append(b, `{"t":"ack","space":`...)
	b = appendString(b, string(path))
	b = append(b, `,"outcomes":[`...)
	for i := range outcomes {
		if i > 0 {
			b = append(b, ',')
		}
		o := &outcomes[i]
		if o.Kind != space.Applied {
			full, err := json.Marshal(o, lenient)
			if err != nil {
				panic(fmt.Sprintf("wire: encode outcome: %v", err))
			}
			b = append(b, full...)
			continue
		}
		b = append(b, `{"id":`...)
		b = strconv.AppendUint(b, uint64(o.ID), 10)
		b = append(b, `,"outcome":"applied","seq":`...)
		b = strconv.AppendUint(b, uint64(o.Seq), 10)
		b = append(b, '}')
	}
	return append(b, ']', '}')
}
