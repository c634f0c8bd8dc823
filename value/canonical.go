package value

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Canonical checks that raw is one JSON object within lim and returns its
// RFC 8785 form in fresh memory. It never panics and takes time linear in
// the size of raw (times the logarithm of the members of an object).
//
// It refuses, with an [*Error]: text that is not JSON or has trailing data
// (invalid_json), another JSON value (not_an_object), a name used twice in an
// object (duplicate_key), broken UTF-8 and lone surrogates (invalid_utf8), a
// number beyond ±(2^53-1) (unsafe_number), the name "__proto__" at any depth
// (bad_name), and what exceeds lim (too_deep, too_large). With several faults
// the first one in the text is reported.
//
// Text which is canonical already, as our own clients send it, is recognized
// in one pass without building a tree.
func Canonical(raw []byte, lim Limits) (jsontext.Value, error) {
	lim = lim.WithDefaults()
	if len(raw) > lim.Bytes {
		return nil, &Error{Code: CodeTooLarge, Message: "more bytes than the limit"}
	}
	if isCanonicalObject(raw, lim.Depth) {
		return jsontext.Value(bytes.Clone(raw)), nil
	}
	tree, err := decode(raw, lim.Depth)
	if err != nil {
		return nil, err
	}
	doc, ok := tree.(map[string]any)
	if !ok {
		return nil, &Error{Code: CodeNotAnObject, Message: "a record is a JSON object"}
	}
	out := Encode(doc)
	if len(out) > lim.Bytes {
		return nil, &Error{Code: CodeTooLarge, Message: "more bytes than the limit"}
	}
	return out, nil
}

// recognizer walks canonical text. It is allowed to say no to canonical text
// (escapes in names, for one) but never yes to any other: the decoder then
// decides.
type recognizer struct {
	raw []byte
	pos int
}

func isCanonicalObject(raw []byte, depth int) bool {
	if len(raw) < 2 || raw[0] != '{' {
		return false
	}
	r := recognizer{raw: raw}
	return r.object(depth) && r.pos == len(raw)
}

// peek returns the next byte, or 0 at the end: 0 is never valid outside a string.
func (r *recognizer) peek() byte {
	if r.pos < len(r.raw) {
		return r.raw[r.pos]
	}
	return 0
}

func (r *recognizer) skip(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.pos++
	return true
}

func (r *recognizer) literal(s string) bool {
	if len(r.raw)-r.pos < len(s) || string(r.raw[r.pos:r.pos+len(s)]) != s {
		return false
	}
	r.pos += len(s)
	return true
}

func (r *recognizer) value(depth int) bool {
	switch c := r.peek(); {
	case c == '"':
		_, ok := r.str()
		return ok
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.array(depth)
	case c == 't':
		return r.literal("true")
	case c == 'f':
		return r.literal("false")
	case c == 'n':
		return r.literal("null")
	default:
		return r.number()
	}
}

func (r *recognizer) object(depth int) bool {
	if depth == 0 {
		return false
	}
	r.pos++ // '{', which the caller saw
	if r.skip('}') {
		return true
	}
	var last []byte
	for first := true; ; first = false {
		name, plain := r.str()
		if !plain || string(name) == protoName || !r.skip(':') {
			return false
		}
		if !first && compareUTF16(last, name) >= 0 {
			return false
		}
		last = name
		if !r.value(depth - 1) {
			return false
		}
		if r.skip('}') {
			return true
		}
		if !r.skip(',') {
			return false
		}
	}
}

func (r *recognizer) array(depth int) bool {
	if depth == 0 {
		return false
	}
	r.pos++ // '['
	if r.skip(']') {
		return true
	}
	for {
		if !r.value(depth - 1) {
			return false
		}
		if r.skip(']') {
			return true
		}
		if !r.skip(',') {
			return false
		}
	}
}

// str takes a string without escapes and returns what is between the quotes.
func (r *recognizer) str() ([]byte, bool) {
	if !r.skip('"') {
		return nil, false
	}
	start, ascii := r.pos, true
	for i, c := range r.raw[start:] {
		switch {
		case c == '"':
			s := r.raw[start : start+i]
			r.pos = start + i + 1
			return s, ascii || utf8.Valid(s)
		case c == '\\' || c < ' ':
			return nil, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false
}

// number takes a short integer at once and compares any other number with the
// way it would be written.
func (r *recognizer) number() bool {
	start := r.pos
	if r.peek() == '-' {
		r.pos++
	}
	first := r.pos
	for r.pos < len(r.raw) && r.raw[r.pos]-'0' <= 9 {
		r.pos++
	}
	digits := r.pos - first
	if c := r.peek(); c != '.' && c != 'e' && c != 'E' && 0 < digits && digits <= 15 {
		return r.raw[first] != '0' || (digits == 1 && first == start)
	}
	end := r.pos
	for end < len(r.raw) && isNumberByte(r.raw[end]) {
		end++
	}
	text := r.raw[start:end]
	f, ok := parseNumber(text)
	if !ok {
		return false
	}
	var buf [32]byte
	r.pos = end
	return bytes.Equal(appendNumber(buf[:0], f), text)
}
