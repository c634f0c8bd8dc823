package space

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// MaxSeq is the largest Seq: what a JSON number carries exactly.
const MaxSeq Seq = 1<<53 - 1

// Masked is where numbers of versions begin that are digests of what a reader is
// shown of an entry, not seqs: see kernel.Masked.
const Masked Seq = 1 << 52

// A Seq numbers the commits of one space: 1, 2, 3, … Zero is the empty space.
type Seq uint64

// IsZero reports whether s is the empty space's.
func (s Seq) IsZero() bool { return s == 0 }

func (s Seq) String() string { return strconv.FormatUint(uint64(s), 10) }

// A Digest identifies a commit and all before it: the first 128 bits of a
// SHA-256 over the previous digest and the commit (Commit.Seal).
type Digest [16]byte

// IsZero reports whether d is the digest of the empty log.
func (d Digest) IsZero() bool { return d == Digest{} }

func (d Digest) String() string { return base64.RawURLEncoding.EncodeToString(d[:]) }

// A Cursor says how far a replica has got in a space's log: the number of the
// last commit it has seen and the digest of the log up to it. Its text form is
// "seq-digest", and "0" for the empty space.
type Cursor struct {
	Seq    Seq
	Digest Digest
}

// IsZero reports whether c stands before the first commit.
func (c Cursor) IsZero() bool { return c.Seq == 0 }

func (c Cursor) String() string {
	if c.Seq == 0 {
		return "0"
	}
	return c.Seq.String() + "-" + c.Digest.String()
}

// ParseCursor reads the text form.
func ParseCursor(s string) (Cursor, error) {
	if s == "0" {
		return Cursor{}, nil
	}
	number, digest, ok := strings.Cut(s, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil || n == 0 || Seq(n) > MaxSeq || number[0] == '0' || number[0] == '+' {
		return Cursor{}, fmt.Errorf("cursor %.80q: want \"seq-digest\"", s)
	}
	c := Cursor{Seq: Seq(n)}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(digest)
	// The decoder skips line breaks; a text of the right length has none.
	if err != nil || len(raw) != len(c.Digest) || len(digest) != 22 {
		return Cursor{}, fmt.Errorf("cursor %.80q: the digest is not 22 characters of base64url", s)
	}
	copy(c.Digest[:], raw)
	return c, nil
}

// MarshalText implements encoding.TextMarshaler.
func (c Cursor) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Cursor) UnmarshalText(text []byte) error {
	parsed, err := ParseCursor(string(text))
	if err == nil {
		*c = parsed
	}
	return err
}
