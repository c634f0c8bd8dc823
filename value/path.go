package value

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of a [Path].
const (
	MaxPathSegments = 16
	MaxSegmentBytes = 128
)

// Path names a field inside a record, from the outside in. Its text is the
// segments with dots between them. A backslash stands before a dot or a
// backslash which belongs to a segment, and before a dollar sign at the very
// beginning (where a name would look like an operator): "a\.b.c" is the field
// c of the field "a.b". Every path has exactly one text.
//
// Paths lead through objects only. A segment never picks an element of an
// array: positions are not stable under concurrent changes.
type Path []string

// ParsePath reads the text of a path. It refuses with bad_name: an empty
// segment, more than [MaxPathSegments] segments, a segment of more than
// [MaxSegmentBytes] bytes, "__proto__", broken UTF-8, a dollar sign without
// backslash at the beginning, and any other use of the backslash.
func ParsePath(text string) (Path, error) {
	bad := func(why string) (Path, error) {
		return nil, &Error{Code: CodeBadName, Path: text, Message: why}
	}
	if !utf8.ValidString(text) {
		return nil, badUTF8()
	}
	if strings.HasPrefix(text, "$") {
		return bad(`a path starts with $: write \$`)
	}
	var path Path
	if !strings.ContainsRune(text, '\\') {
		path = strings.Split(text, ".")
	} else {
		var seg strings.Builder
		for i := 0; i < len(text); i++ {
			switch c := text[i]; c {
			case '.':
				path = append(path, seg.String())
				seg.Reset()
			case '\\':
				i++
				if i == len(text) || !(text[i] == '.' || text[i] == '\\' || (text[i] == '$' && i == 1)) {
					return bad("a backslash before something that needs none")
				}
				seg.WriteByte(text[i])
			default:
				seg.WriteByte(c)
			}
		}
		path = append(path, seg.String())
	}
	if why := path.fault(); why != "" {
		return bad(why)
	}
	return path, nil
}

// fault says what is wrong with the segments, or nothing.
func (p Path) fault() string {
	if len(p) > MaxPathSegments {
		return "a path of more than 16 segments"
	}
	for _, s := range p {
		switch {
		case s == "":
			return "an empty segment"
		case len(s) > MaxSegmentBytes:
			return "a segment of more than 128 bytes"
		case s == protoName:
			return "this name is not allowed"
		}
	}
	return ""
}

// Valid returns nil if p keeps the limits of [ParsePath], else bad_name.
// It is for paths put together from parts.
func (p Path) Valid() error {
	if why := p.fault(); why != "" {
		return &Error{Code: CodeBadName, Path: p.String(), Message: why}
	}
	return nil
}

var segmentEscaper = strings.NewReplacer(`\`, `\\`, `.`, `\.`)

func escapeSegment(s string) string {
	if !strings.ContainsAny(s, `\.`) {
		return s
	}
	return segmentEscaper.Replace(s)
}

// String returns the text which [ParsePath] reads.
func (p Path) String() string {
	var b strings.Builder
	for i, s := range p {
		if i > 0 {
			b.WriteByte('.')
		} else if strings.HasPrefix(s, "$") {
			b.WriteByte('\\')
		}
		b.WriteString(escapeSegment(s))
	}
	return b.String()
}

// Get returns the value at p in doc, and whether there is one: false if a
// field on the way is missing or is not an object. It does not allocate.
func (p Path) Get(doc map[string]any) (any, bool) { return Get(doc, p) }

// Get returns the value at path in doc; see [Path.Get].
func Get(doc map[string]any, path Path) (any, bool) {
	var cur any = doc
	for _, s := range path {
		m, ok := cur.(map[string]any)
		if !ok {
			return nil, false
		}
		if cur, ok = m[s]; !ok {
			return nil, false
		}
	}
	return cur, true
}

// Covers reports whether p is q or leads to something that contains q.
func (p Path) Covers(q Path) bool {
	return len(p) <= len(q) && slices.Equal(p, q[:len(p)])
}

// Compare orders paths segment by segment, by code point.
func (p Path) Compare(q Path) int { return slices.Compare(p, q) }

// Without returns doc without the field at p. What changes is copied, doc is left
// alone; it is doc itself if there is no such field.
func (p Path) Without(doc map[string]any) map[string]any {
	if _, there := p.Get(doc); !there || len(p) == 0 {
		return doc
	}
	out := maps.Clone(doc)
	if len(p) == 1 {
		delete(out, p[0])
	} else {
		out[p[0]] = p[1:].Without(doc[p[0]].(map[string]any))
	}
	return out
}

// With returns doc with v at p. What changes is copied, doc is left alone;
// objects that are missing on the way are made. It is nil, false if something on
// the way is there and no object.
func (p Path) With(doc map[string]any, v any) (map[string]any, bool) {
	out := maps.Clone(doc)
	if out == nil {
		out = map[string]any{}
	}
	if len(p) == 1 {
		out[p[0]] = v
		return out, true
	}
	inner, there := doc[p[0]]
	below, object := inner.(map[string]any)
	if there && !object {
		return nil, false
	}
	below, ok := p[1:].With(below, v)
	out[p[0]] = below
	return out, ok
}
