package definition

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Constraints are what must hold between the entries of a space, whoever writes.
// Paths are dotted, as in relations.
type Constraints struct {
	// Type is how entries change and join; "record", which is the only one so far, or none.
	Type string `json:"type,omitzero"`
	// Strategy is "commutative", or none, or "serializable": then a write has to name what it read.
	Strategy   string      `json:"strategy,omitzero"`
	References []Reference `json:"references,omitzero"`
	// Unique lists paths whose values together no two entries may have in common.
	Unique [][]string `json:"unique,omitzero"`
	// Owner is the path to the id of the user whose an entry is, as quotas count.
	Owner    string `json:"owner,omitzero"`
	Quota    Quota  `json:"quota,omitzero"`
	MaxBytes *Size  `json:"maxBytes,omitzero"` // of one entry
}

// What becomes of an entry when what it refers to is deleted.
const (
	Deny    = "deny"    // the deletion is refused
	Cascade = "cascade" // it is deleted, too
	Clear   = "clear"   // it no longer refers to anything
)

// A Reference says that a field holds the id of an entry which must exist.
type Reference struct {
	Path     string `json:"path"`
	To       string `json:"to"` // the collection of the other entry
	Many     bool   `json:"many,omitzero"`
	OnDelete string `json:"onDelete,omitzero"` // Deny (as is none), Cascade or Clear
}

// A Quota bounds how much there may be; nil is no limit.
type Quota struct {
	Entries        *Size `json:"entries,omitzero"`
	Bytes          *Size `json:"bytes,omitzero"`
	EntriesPerUser *Size `json:"entriesPerUser,omitzero"`
	BytesPerUser   *Size `json:"bytesPerUser,omitzero"`
}

// A Size is a number of entries or bytes. Its text is a whole number, or a string
// such as "10MB": with KB, MB, GB (powers of 1000) or KiB, MiB, GiB (of 1024).
type Size int64

var units = []struct {
	name string
	size int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Size) UnmarshalJSON(text []byte) error {
	plain := string(text)
	if jsontext.Value(text).Kind() == '"' {
		unquoted, err := jsontext.AppendUnquote(nil, text)
		if err != nil {
			return err
		}
		plain = string(unquoted)
	}
	factor := int64(1)
	for _, u := range units {
		if number, ok := strings.CutSuffix(plain, u.name); ok {
			plain, factor = strings.TrimSpace(number), u.size
			break
		}
	}
	n, err := strconv.ParseInt(plain, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/factor {
		return fmt.Errorf(`%.40s is no size: a whole number above 0, or one with a unit such as "10MB" or "64KiB"`, text)
	}
	*s = Size(n * factor)
	return nil
}
