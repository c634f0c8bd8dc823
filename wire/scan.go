package wire

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A scanner reads one JSON text strictly and without a tree: duplicate names at
// any depth, bad UTF-8, lone surrogates, null where a value is wanted and what
// follows the text are errors. After the first error it reads nothing more.
//
// It exists because decoding is what a server does most: it costs a fifth of
// what reflection does. The fuzz test holds it to package json's judgement.
type scanner struct {
	data  []byte
	pos   int
	depth int // how much deeper the text may nest
	limit int // of a record's depth, for the message
	names [][]byte
	err   *Error
}

func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = malformed("at byte %d: "+format, append([]any{s.pos}, args...)...)
	}
	s.pos = len(s.data)
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the next byte that is no white space, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) open(c byte) bool {
	if !s.take(c) {
		s.fail("want %q", c)
		return false
	}
	if s.depth--; s.depth < 0 {
		s.err = &Error{Code: CodeTooDeep, Limit: "depth", Message: fmt.Sprintf("nested too deep; records may be %d deep", s.limit)}
		s.pos = len(s.data)
		return false
	}
	return true
}

// more steps to the next element: it takes the comma before any but the first,
// or the closing byte, whereupon it is false.
func (s *scanner) more(first bool, closing byte) bool {
	if s.err != nil {
		return false
	}
	if s.take(closing) {
		s.depth++
		return false
	}
	if !first && !s.take(',') {
		s.fail("want a comma or %q", closing)
		return false
	}
	return true
}

func (s *scanner) end() *Error {
	if s.err == nil && s.peek() != 0 || s.pos < len(s.data) {
		s.fail("data after the message")
	}
	return s.err
}

// fields goes through the members of an object that may have the names given.
type fields struct {
	s     *scanner
	names []string
	seen  uint
	begun bool
	name  string // of the member that the caller is to read
}

func (s *scanner) fields(names []string) fields { return fields{s: s, names: names} }

func (f *fields) next() bool {
	s := f.s
	if !f.begun && !s.open('{') {
		return false
	}
	if !s.more(!f.begun, '}') {
		return false
	}
	f.begun = true
	name := s.name()
	if s.err != nil {
		return false
	}
	for i, known := range f.names {
		if string(name) == known {
			if f.seen&(1<<i) != 0 {
				s.fail("%q is given twice", known)
				return false
			}
			f.seen |= 1 << i
			f.name = known
			return true
		}
	}
	s.fail("there is no %.40q here", name)
	return false
}

// has reports whether a member has been read.
func (f *fields) has(name string) bool {
	return f.seen&(1<<slices.Index(f.names, name)) != 0
}

// need fails unless the first n of the names were given.
func (f *fields) need(n int) {
	for i := range n {
		if f.s.err == nil && f.seen&(1<<i) == 0 {
			f.s.fail("%q is missing", f.names[i])
		}
	}
}

// name reads a member's name and the colon; it may alias the text.
func (s *scanner) name() []byte {
	raw, plain := s.quoted()
	if !s.take(':') {
		s.fail("want a name and a colon")
		return nil
	}
	if plain {
		return raw[1 : len(raw)-1]
	}
	name, _ := jsontext.AppendUnquote(nil, raw) // quoted has found it sound
	return name
}

// quoted reads a string and returns it as it stands, quotes and all. plain: it
// has no escapes.
func (s *scanner) quoted() (raw []byte, plain bool) {
	if s.peek() != '"' {
		s.fail("want a string")
		return nil, false
	}
	start, ascii := s.pos, true
	plain = true
	for i := s.pos + 1; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.pos = i + 1
			raw = s.data[start:s.pos]
			if !ascii && !utf8.Valid(raw) {
				s.fail("a string that is not UTF-8")
			}
			return raw, plain
		case c < ' ':
			s.pos = i
			s.fail("a control character in a string")
			return nil, false
		case c == '\\':
			plain = false
			s.pos = i
			if i = s.escape(i); i < 0 {
				return nil, false
			}
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	s.fail("a string without end")
	return nil, false
}

// escape checks the escape at i and returns where its last byte is, -1 if it is
// none.
func (s *scanner) escape(i int) int {
	if i+1 < len(s.data) {
		switch s.data[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			return i + 1
		case 'u':
			r, ok := s.hex4(i + 2)
			low, okLow := rune(0), false
			if i+7 < len(s.data) && s.data[i+6] == '\\' && s.data[i+7] == 'u' {
				low, okLow = s.hex4(i + 8)
			}
			switch {
			case !ok:
			case r < 0xd800 || r > 0xdfff:
				return i + 5
			case r < 0xdc00 && okLow && low >= 0xdc00 && low <= 0xdfff:
				return i + 11
			default:
				s.fail("half of a surrogate pair")
				return -1
			}
		}
	}
	s.fail("an escape that does not exist")
	return -1
}

func (s *scanner) hex4(i int) (r rune, ok bool) {
	if i+4 > len(s.data) {
		return 0, false
	}
	for _, c := range s.data[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func (s *scanner) string() string {
	raw, plain := s.quoted()
	if s.err != nil {
		return ""
	}
	if plain {
		return string(raw[1 : len(raw)-1])
	}
	text, _ := jsontext.AppendUnquote(nil, raw)
	return string(text)
}

func (s *scanner) bool() bool {
	switch s.peek() {
	case 't':
		s.literal("true")
		return true
	case 'f':
		s.literal("false")
		return false
	}
	s.fail("want true or false")
	return false
}

func (s *scanner) literal(text string) {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(text)) {
		s.fail("want a value")
		return
	}
	s.pos += len(text)
}

// maxInteger is the largest whole number that a message may hold.
const maxInteger = 1<<53 - 1

// uint reads a whole number, 0 to 2^53 - 1, without exponent or point.
func (s *scanner) uint() uint64 {
	s.peek()
	start := s.pos
	n := uint64(0)
	for s.pos < len(s.data) && s.data[s.pos]-'0' <= 9 && n <= maxInteger {
		n = n*10 + uint64(s.data[s.pos]-'0')
		s.pos++
	}
	digits := s.pos - start
	if digits == 0 || digits > 1 && s.data[start] == '0' || n > maxInteger {
		s.fail("want a whole number of at most 2^53 - 1")
		return 0
	}
	return n
}

// list reads an array, calling element at the start of each.
func (s *scanner) list(element func()) {
	if !s.open('[') {
		return
	}
	for first := true; s.more(first, ']'); first = false {
		element()
	}
}

// raw reads any value and returns a copy of it. numbers: those in it must be
// within the range of section 1 of the protocol.
func (s *scanner) raw(numbers bool) jsontext.Value {
	s.space()
	start := s.pos
	s.skip(numbers)
	if s.err != nil {
		return nil
	}
	return bytes.Clone(s.data[start:s.pos])
}

func (s *scanner) skip(numbers bool) {
	switch c := s.peek(); c {
	case '"':
		s.quoted()
	case '{':
		s.skipObject(numbers)
	case '[':
		if !s.open('[') {
			return
		}
		for first := true; s.more(first, ']'); first = false {
			s.skip(numbers)
		}
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number(numbers)
	}
}

// fewNames is up to how many names of an object are compared one by one.
const fewNames = 16

func (s *scanner) skipObject(numbers bool) {
	if !s.open('{') {
		return
	}
	base := len(s.names)
	ascending := true // as in a canonical text: then no name can come twice
	var index map[string]struct{}
	for first := true; s.more(first, '}'); first = false {
		name := s.name()
		if s.err != nil {
			return
		}
		others := s.names[base:]
		ascending = ascending && (first || bytes.Compare(others[len(others)-1], name) < 0)
		if !ascending {
			twice := false
			if len(others) <= fewNames {
				for _, other := range others {
					twice = twice || bytes.Equal(other, name)
				}
			} else {
				if index == nil {
					index = make(map[string]struct{}, 2*len(others))
					for _, other := range others {
						index[string(other)] = struct{}{}
					}
				}
				_, twice = index[string(name)]
				index[string(name)] = struct{}{}
			}
			if twice {
				s.fail("the name %.40q twice in one object", name)
				return
			}
		}
		s.names = append(s.names, name)
		s.skip(numbers)
	}
	s.names = s.names[:base]
}

func (s *scanner) number(checked bool) {
	start := s.pos
	digits := func() int {
		from := s.pos
		for s.pos < len(s.data) && s.data[s.pos]-'0' <= 9 {
			s.pos++
		}
		return s.pos - from
	}
	at := func(c byte) bool { return s.pos < len(s.data) && s.data[s.pos]|0x20 == c|0x20 }
	if at('-') && s.data[s.pos] == '-' {
		s.pos++
	}
	first := s.pos
	whole := digits()
	ok := whole > 0 && (whole == 1 || s.data[first] != '0')
	simple := true
	if ok && s.pos < len(s.data) && s.data[s.pos] == '.' {
		s.pos++
		ok, simple = digits() > 0, false
	}
	if ok && at('e') {
		s.pos++
		if s.pos < len(s.data) && (s.data[s.pos] == '+' || s.data[s.pos] == '-') {
			s.pos++
		}
		ok, simple = digits() > 0, false
	}
	if !ok {
		s.pos = start
		s.fail("want a value")
		return
	}
	if checked && !(simple && whole <= 15) {
		if f, err := strconv.ParseFloat(string(s.data[start:s.pos]), 64); err != nil || math.Abs(f) > maxInteger {
			s.fail("a number beyond ±(2^53 - 1)")
		}
	}
}
