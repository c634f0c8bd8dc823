package value

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// str reads a string; the next byte is its opening quote.
func (d *decoder) str() (string, *Error) {
	d.pos++
	start := d.pos
	for d.pos < len(d.raw) { // a string without escapes is one copy
		c := d.raw[d.pos]
		if c == '"' {
			s := d.raw[start:d.pos]
			if !utf8.Valid(s) {
				return "", badUTF8()
			}
			d.pos++
			return string(s), nil
		}
		if c == '\\' || c < ' ' {
			break
		}
		d.pos++
	}
	buf := append([]byte(nil), d.raw[start:d.pos]...)
	for d.pos < len(d.raw) {
		c := d.raw[d.pos]
		switch {
		case c == '"':
			if !utf8.Valid(buf) {
				return "", badUTF8()
			}
			d.pos++
			return string(buf), nil
		case c < ' ':
			return "", d.syntax("control character in a string")
		case c != '\\':
			buf = append(buf, c)
			d.pos++
		default:
			r, err := d.escape()
			if err != nil {
				return "", err
			}
			buf = utf8.AppendRune(buf, r)
		}
	}
	return "", d.syntax("a string without end")
}

func badUTF8() *Error {
	return &Error{Code: CodeInvalidUTF8, Message: "a string which is not valid Unicode"}
}

// escape reads one escape, or the two of a surrogate pair.
func (d *decoder) escape() (rune, *Error) {
	d.pos++
	c := d.peek()
	if c != 'u' {
		d.pos++
		switch c {
		case '"', '\\', '/':
			return rune(c), nil
		case 'b':
			return '\b', nil
		case 'f':
			return '\f', nil
		case 'n':
			return '\n', nil
		case 'r':
			return '\r', nil
		case 't':
			return '\t', nil
		}
		d.pos--
		return 0, d.syntax("unknown escape")
	}
	r, err := d.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if d.peek() != '\\' || d.pos+1 >= len(d.raw) || d.raw[d.pos+1] != 'u' {
		return 0, badUTF8()
	}
	d.pos++
	low, err := d.hex4()
	if err != nil {
		return 0, err
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, badUTF8()
	}
	return r, nil
}

// hex4 reads "uXXXX".
func (d *decoder) hex4() (rune, *Error) {
	if len(d.raw)-d.pos < 5 {
		return 0, d.syntax("a cut escape")
	}
	n, err := strconv.ParseUint(string(d.raw[d.pos+1:d.pos+5]), 16, 16)
	if err != nil {
		return 0, d.syntax("an escape which is not hexadecimal")
	}
	d.pos += 5
	return rune(n), nil
}
