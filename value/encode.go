package value

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Encode returns the canonical bytes of a tree which came from [Parse], or
// from an update applied to one: Parse(Encode(t)) is t, and Encode(Parse(b))
// is b for canonical b. It panics with an [*Error] on a tree that no record
// has (NaN, a Go struct, broken UTF-8); use [EncodeAny] for trees of unknown
// origin.
func Encode(doc map[string]any) jsontext.Value {
	b, err := appendObject(make([]byte, 0, 256), doc, maxDepth)
	if err != nil {
		panic(err)
	}
	return b
}

// EncodeAny returns the canonical bytes of any tree, or an [*Error] if no
// record could hold it: unsafe_number, invalid_utf8, bad_name, too_deep
// (beyond 512), or invalid_json for a Go type that JSON does not have. Go's
// int, int64 and uint64 are taken as numbers.
func EncodeAny(v any) (jsontext.Value, error) {
	b, err := appendValue(nil, v, maxDepth)
	if err != nil {
		return nil, err
	}
	return b, nil
}

func appendValue(b []byte, v any, depth int) ([]byte, *Error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case float64:
		if !IsSafe(v) {
			return nil, &Error{Code: CodeUnsafeNumber, Message: "a number beyond ±(2^53-1)"}
		}
		return appendNumber(b, v), nil
	case string:
		if !utf8.ValidString(v) {
			return nil, badUTF8()
		}
		return appendString(b, v), nil
	case map[string]any:
		return appendObject(b, v, depth)
	case []any:
		return appendArray(b, v, depth)
	case int:
		return appendValue(b, float64(v), depth)
	case int64:
		return appendValue(b, float64(v), depth)
	case uint64:
		return appendValue(b, float64(v), depth)
	}
	return nil, &Error{Code: CodeInvalidJSON, Message: fmt.Sprintf("JSON has no %T", v)}
}

func appendObject(b []byte, m map[string]any, depth int) ([]byte, *Error) {
	if depth == 0 {
		return nil, &Error{Code: CodeTooDeep, Message: "nested deeper than the limit"}
	}
	var space [16]string // most objects have few names: no allocation for these
	names := space[:0]
	for name := range m {
		names = append(names, name)
	}
	slices.SortFunc(names, compareUTF16)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		if name == protoName {
			return nil, (&Error{Code: CodeBadName, Message: "this name is not allowed"}).under(name)
		}
		if !utf8.ValidString(name) {
			return nil, badUTF8()
		}
		b = append(appendString(b, name), ':')
		var err *Error
		if b, err = appendValue(b, m[name], depth-1); err != nil {
			return nil, err.under(name)
		}
	}
	return append(b, '}'), nil
}

func appendArray(b []byte, list []any, depth int) ([]byte, *Error) {
	if depth == 0 {
		return nil, &Error{Code: CodeTooDeep, Message: "nested deeper than the limit"}
	}
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		var err *Error
		if b, err = appendValue(b, v, depth-1); err != nil {
			return nil, err.under(strconv.Itoa(i))
		}
	}
	return append(b, ']'), nil
}

// appendString writes s, which is valid UTF-8, with the escapes of RFC 8785:
// the quote, the backslash and control characters, nothing else.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// compareUTF16 orders names as RFC 8785 does, by UTF-16 code units. That is
// the order of the UTF-8 bytes, but for characters beyond U+FFFF: their first
// unit, a surrogate, is below U+E000.
func compareUTF16[T string | []byte](a, b T) int {
	n := min(len(a), len(b))
	for i := 0; i < n; i++ {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		// Lead byte 0xF0 and up is beyond U+FFFF; 0xEE and 0xEF are U+E000 to
		// U+FFFF. Where the lead bytes differ, these are the only ones to swap.
		if x >= 0xEE && y >= 0xEE && (x >= 0xF0) != (y >= 0xF0) {
			x, y = y, x
		}
		if x < y {
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}
