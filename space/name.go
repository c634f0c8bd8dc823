package space

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of names. They are part of the protocol and of the stored format:
// engines rely on names holding no byte below 0x20.
const (
	MaxPath       = 128 // bytes of a space path
	MaxSegments   = 8   // segments of a space path
	MaxCollection = 64  // bytes of a collection name
	MaxID         = 256 // bytes of an entry id
)

// A NameError says which name was refused and why.
type NameError struct {
	Kind   string // "space", "collection", "id", "client"
	Name   string
	Reason string
}

func (e *NameError) Error() string {
	name := e.Name
	if len(name) > 64 {
		name = name[:64] + "…"
	}
	return fmt.Sprintf("%s name %q: %s", e.Kind, name, e.Reason)
}

// A Path names a space: one to eight segments of lower-case letters, digits,
// '_', '-' and '.', each beginning with a letter or digit, joined by '/'.
type Path string

// Reserved reports whether a space is the server's own: no client can name it, since
// ParsePath refuses a segment that does not begin with a letter or digit.
func (p Path) Reserved() bool { return strings.HasPrefix(string(p), "_") }

// ParsePath validates s. The error is a *NameError.
func ParsePath(s string) (Path, error) {
	bad := func(reason string) (Path, error) { return "", &NameError{"space", s, reason} }
	if s == "" {
		return bad("is empty")
	}
	if len(s) > MaxPath {
		return bad(fmt.Sprintf("is longer than %d bytes", MaxPath))
	}
	segments := 0
	for segment := range strings.SplitSeq(s, "/") {
		if segments++; segments > MaxSegments {
			return bad(fmt.Sprintf("has more than %d segments", MaxSegments))
		}
		if segment == "" {
			return bad("has an empty segment")
		}
		for i := 0; i < len(segment); i++ {
			c := segment[i]
			alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
			if !alnum && (i == 0 || c != '_' && c != '-' && c != '.') {
				return bad("may hold lower-case letters, digits, '_', '-', '.', and a segment begins with a letter or digit")
			}
		}
	}
	return Path(s), nil
}

// A Key names an entry within its space.
type Key struct {
	Collection string
	ID         string
}

// ParseKey validates a collection name and an entry id as they came from
// outside. The error is a *NameError.
func ParseKey(collection, id string) (Key, error) {
	if err := CheckCollection(collection); err != nil {
		return Key{}, err
	}
	switch {
	case id == "":
		return Key{}, &NameError{"id", id, "is empty"}
	case len(id) > MaxID:
		return Key{}, &NameError{"id", id, fmt.Sprintf("is longer than %d bytes", MaxID)}
	case !utf8.ValidString(id):
		return Key{}, &NameError{"id", id, "is not UTF-8"}
	}
	for i := 0; i < len(id); i++ {
		if id[i] < 0x20 || id[i] == 0x7f {
			return Key{}, &NameError{"id", id, "holds a control character"}
		}
	}
	return Key{collection, id}, nil
}

// CheckCollection validates a collection name: a letter, then letters, digits,
// '_' and '-'. Names that begin with '_' are the replica's own and never cross
// the wire. The error is a *NameError.
func CheckCollection(name string) error {
	if name == "" {
		return &NameError{"collection", name, "is empty"}
	}
	if len(name) > MaxCollection {
		return &NameError{"collection", name, fmt.Sprintf("is longer than %d bytes", MaxCollection)}
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '_' && c != '-' && (c < '0' || c > '9')) {
			return &NameError{"collection", name, "may hold letters, digits, '_', '-', and begins with a letter"}
		}
	}
	return nil
}

// Compare orders keys by collection, then id, bytewise: the order of scans.
func (k Key) Compare(other Key) int {
	if c := strings.Compare(k.Collection, other.Collection); c != 0 {
		return c
	}
	return strings.Compare(k.ID, other.ID)
}

// IsZero reports whether k names nothing.
func (k Key) IsZero() bool { return k == Key{} }

func (k Key) String() string { return k.Collection + "/" + k.ID }

// A ClientID names one replica that sends mutations: 16 to 64 letters, digits,
// '_' and '-'. It must be unguessable, 128 random bits. The zero ClientID is
// that of writers without a queue (plain REST), whose mutations carry no id.
type ClientID string

// ParseClientID validates s. The error is a *NameError.
func ParseClientID(s string) (ClientID, error) {
	if len(s) < 16 || len(s) > 64 {
		return "", &NameError{"client", s, "must have 16 to 64 characters"}
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return "", &NameError{"client", s, "may hold letters, digits, '_' and '-'"}
		}
	}
	return ClientID(s), nil
}

// IsZero reports whether id is the anonymous writer's.
func (id ClientID) IsZero() bool { return id == "" }

// A MutationID numbers the mutations of one client in one space: 1, 2, 3, …
// without gaps.
type MutationID uint64
