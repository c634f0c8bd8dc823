package value

import (
	"math"
	"strconv"
)

func isNumberByte(c byte) bool {
	return c-'0' <= 9 || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

// isNumber reports whether text is a number in JSON's grammar, which is
// narrower than strconv's: no plus sign, no leading zero, digits on both
// sides of the point.
func isNumber(text []byte) bool {
	i := 0
	digits := func() bool {
		start := i
		for i < len(text) && text[i]-'0' <= 9 {
			i++
		}
		return i > start
	}
	if i < len(text) && text[i] == '-' {
		i++
	}
	if start := i; !digits() || (text[start] == '0' && i-start > 1) {
		return false
	}
	if i < len(text) && text[i] == '.' {
		i++
		if !digits() {
			return false
		}
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(text)
}

// parseNumber returns the float64 nearest to text. It says no to what is not
// a JSON number and to what is beyond ±(2^53-1). Minus zero becomes zero, and
// what is too small becomes zero, as JSON.parse has it.
func parseNumber(text []byte) (float64, bool) {
	if !isNumber(text) {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !IsSafe(f) {
		return 0, false
	}
	return f + 0, true // -0 + 0 is 0
}

// IsSafe reports whether f may stand in a record: finite and within ±(2^53-1).
func IsSafe(f float64) bool { return math.Abs(f) <= MaxSafeInteger }

// IsInteger reports whether f is an integer which may stand in a record.
func IsInteger(f float64) bool { return IsSafe(f) && f == math.Trunc(f) }

// appendNumber writes f as ECMAScript's Number::toString does, which is what
// RFC 8785 asks for. f is safe, so the form with a positive exponent, which
// starts at 1e21, does not occur.
func appendNumber(b []byte, f float64) []byte {
	if f == 0 {
		return append(b, '0')
	}
	if i := int64(f); float64(i) == f {
		return strconv.AppendInt(b, i, 10)
	}
	if math.Abs(f) >= 1e-6 {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	// Go writes at least two digits of exponent: e-07 becomes e-7, e-100 stays.
	if n := len(b); b[n-2] == '0' && b[n-3] == '-' {
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}
