package value

// Codes of [Error]. They are part of the protocol: the TypeScript client has
// the same strings. The first group is what this package refuses, the second
// what package selector does.
const (
	CodeInvalidJSON  = "invalid_json"  // not JSON, or something follows it
	CodeDuplicateKey = "duplicate_key" // one object has a name twice
	CodeInvalidUTF8  = "invalid_utf8"  // broken UTF-8, or half of a surrogate pair
	CodeTooDeep      = "too_deep"      // more nested containers than Limits.Depth
	CodeTooLarge     = "too_large"     // more bytes than Limits.Bytes
	CodeUnsafeNumber = "unsafe_number" // beyond ±(2^53-1), or not finite
	CodeNotAnObject  = "not_an_object" // JSON, but not an object
	CodeBadName      = "bad_name"      // a field name or path that may not be used

	CodeBadSelector      = "bad_selector"      // not a selector
	CodeBadQuery         = "bad_query"         // not a query
	CodeBadUpdate        = "bad_update"        // not an update
	CodeConflictingPaths = "conflicting_paths" // an update touches one place twice
	CodeTypeMismatch     = "type_mismatch"     // an update does not fit the record
)

// Error is the one error type of this package and of package selector. Code
// is for programs, Message for people; Path names the place in the dotted
// form of [Path] and is empty for the whole value.
type Error struct {
	Code    string
	Path    string
	Message string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Code + ": " + e.Message
	}
	return e.Code + " at " + e.Path + ": " + e.Message
}

// Is reports a match on the code alone, so that a sentinel such as
// &Error{Code: CodeTooDeep} works with errors.Is.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Path == "" || t.Path == e.Path)
}

// under returns e with segment put before its path. It is called while the
// stack unwinds, so that the way down pays nothing for paths.
func (e *Error) under(segment string) *Error {
	s := escapeSegment(segment)
	if e.Path == "" {
		e.Path = s
	} else {
		e.Path = s + "." + e.Path
	}
	return e
}

// MaxSafeInteger is the largest magnitude a number in a record may have:
// 2^53-1, beyond which JavaScript and Go would no longer agree on integers.
const MaxSafeInteger = 1<<53 - 1

// Limits bounds what [Canonical] takes. The zero value is the default.
type Limits struct {
	Bytes int // of the text given and of the canonical form; 0 means 256 KiB
	Depth int // nested objects and arrays, the outermost included; 0 means 32
}

const (
	defaultBytes = 256 << 10
	defaultDepth = 32
	// maxDepth holds whatever the caller asks for: the scanners are recursive.
	maxDepth = 512
)

// WithDefaults returns l with zero (and negative) fields filled in, and Depth
// at most 512.
func (l Limits) WithDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = defaultBytes
	}
	if l.Depth <= 0 {
		l.Depth = defaultDepth
	}
	l.Depth = min(l.Depth, maxDepth)
	return l
}
