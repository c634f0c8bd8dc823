package rows

import (
	"bytes"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// members yields the members of a valid JSON object. Values are good until the
// next one.
func members(record jsontext.Value) iter.Seq2[string, jsontext.Value] {
	return func(yield func(string, jsontext.Value) bool) {
		dec := jsontext.NewDecoder(bytes.NewBuffer(record))
		if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
			return
		}
		for dec.PeekKind() == '"' {
			token, err := dec.ReadToken()
			if err != nil {
				return
			}
			name := token.String()
			value, err := dec.ReadValue()
			if err != nil || !yield(name, value) {
				return
			}
		}
	}
}

// Columns gathers into known the names of a record's fields.
func Columns(record jsontext.Value, known map[string]bool) {
	for name := range members(record) {
		known[name] = true
	}
}
