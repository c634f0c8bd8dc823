package definition

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Seen is an entry that somebody sees and, if it is asked, what of it. Its text is
// collection/id, or an object with that as its one member's name: a list is Fields, an object Doc.
type Seen struct {
	Entry string // collection/id
	// Fields are those that are seen, each whole, by dotted path: all of them. nil: not asked, or Doc says it.
	Fields []string
	// Doc is the record as it is seen. nil: not asked, or Fields says it.
	Doc jsontext.Value
}

// MarshalJSON implements json.Marshaler.
func (s Seen) MarshalJSON() ([]byte, error) {
	switch {
	case s.Fields != nil && s.Doc != nil:
		return nil, fmt.Errorf("of %s both Fields and Doc are said: say one of them", s.Entry)
	case s.Fields != nil:
		return json.Marshal(map[string][]string{s.Entry: s.Fields})
	case s.Doc != nil:
		return json.Marshal(map[string]jsontext.Value{s.Entry: s.Doc})
	}
	return json.Marshal(s.Entry)
}

var errSeen = errors.New("an entry that is seen is collection/id, or {collection/id: its fields that are seen, as a list, or the record as it is seen}")

// UnmarshalJSON implements json.Unmarshaler.
func (s *Seen) UnmarshalJSON(text []byte) error {
	*s = Seen{}
	switch jsontext.Value(text).Kind() {
	case '"':
		return json.Unmarshal(text, &s.Entry)
	case '{':
	default:
		return errSeen
	}
	var of map[string]jsontext.Value
	if err := json.Unmarshal(text, &of); err != nil {
		return err
	}
	if len(of) != 1 {
		return fmt.Errorf("an object with %d members: %w", len(of), errSeen)
	}
	for entry, what := range of {
		s.Entry = entry
		switch what.Kind() {
		case '{':
			s.Doc = what
		case '[':
			s.Fields = []string{}
			if json.Unmarshal(what, &s.Fields) != nil {
				return fmt.Errorf("the fields of %s that are seen are a list of their paths, strings such as owner or address.city", entry)
			}
			for i, field := range s.Fields {
				if slices.Contains(s.Fields[:i], field) {
					return fmt.Errorf("the field %s of %s is listed twice", field, entry)
				}
			}
		default:
			return fmt.Errorf("of %s: %w", entry, errSeen)
		}
	}
	return nil
}
