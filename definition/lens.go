package definition

import "github.com/go-json-experiment/json/jsontext"

// Versions are those of a collection. Package lens says what they mean.
type Versions struct {
	// Version is the present one; 0 is 1.
	Version uint32 `json:"version,omitzero"`
	// Oldest is the oldest version that clients may speak; 0 is where the lenses begin. Those of
	// older versions are still needed, for entries that were stored under them.
	Oldest uint32 `json:"oldest,omitzero"`
	// Lenses lead from each version to the next, up to the present one. One that clients have been served by is
	// not to be changed any more.
	Lenses []Lens `json:"lenses,omitzero"`
}

// A Lens leads from the version before To to To. Its steps are taken in order.
type Lens struct {
	To    uint32     `json:"to"`
	Steps []LensStep `json:"steps"`
}

// A LensStep is one of these.
type LensStep struct {
	Rename  *Rename    `json:"rename,omitzero"`
	Default *FieldStep `json:"default,omitzero"` // a field that is new, and its value in older entries
	Drop    *FieldStep `json:"drop,omitzero"`    // a field that is gone, and its value for older clients where an entry has none
	Convert *Convert   `json:"convert,omitzero"`
	Wrap    *FieldStep `json:"wrap,omitzero"`   // one value that becomes a list, of which older clients see the head
	Unwrap  *FieldStep `json:"unwrap,omitzero"` // a list that becomes one value, its head
}

// Rename gives a field another name or place. Paths are dotted.
type Rename struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// A FieldStep is about one field.
type FieldStep struct {
	Path  string         `json:"path"`
	Value jsontext.Value `json:"value,omitzero"` // of Default and Drop
}

// Convert gives a field other values.
type Convert struct {
	Path string `json:"path"`
	// Table are pairs of a value before and the value after. Where a value is in several, the first counts.
	Table [][]jsontext.Value `json:"table"`
	// Up and Down are what a value that the table does not have becomes in the one direction and in the other; not given: it stays.
	Up   jsontext.Value `json:"up,omitzero"`
	Down jsontext.Value `json:"down,omitzero"`
}
