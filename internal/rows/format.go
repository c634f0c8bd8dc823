package rows

import (
	"fmt"
	"path/filepath"
	"strings"
)

// A Format is one of the three.
type Format string

// The formats.
const (
	NDJSON Format = "ndjson"
	JSON   Format = "json"
	CSV    Format = "csv"
)

// FormatOf returns the format that name asks for, or, if name is "", the one
// that the file's extension stands for.
func FormatOf(name, file string) (Format, error) {
	if name == "" {
		switch ext := strings.ToLower(filepath.Ext(file)); ext {
		case ".ndjson", ".jsonl":
			return NDJSON, nil
		case ".json":
			return JSON, nil
		case ".csv":
			return CSV, nil
		default:
			return "", fmt.Errorf("the format of %q cannot be told from its name: give --format ndjson, json or csv", file)
		}
	}
	switch f := Format(name); f {
	case NDJSON, JSON, CSV:
		return f, nil
	}
	return "", fmt.Errorf("there is no format %q: want ndjson, json or csv", name)
}

// A Type is how a csv cell is read.
type Type string

// The types. An empty cell of another type than string leaves the field out.
const (
	String  Type = "string"
	Number  Type = "number"
	Boolean Type = "bool"
	Any     Type = "json"
)

// ParseTypes reads "name:number,done:bool".
func ParseTypes(texts []string) (map[string]Type, error) {
	types := map[string]Type{}
	for _, text := range texts {
		i := strings.LastIndexByte(text, ':')
		if i < 1 {
			return nil, fmt.Errorf("type %q: want field:type, as in votes:number", text)
		}
		name, t := text[:i], Type(text[i+1:])
		switch t {
		case String, Number, Boolean, Any:
		default:
			return nil, fmt.Errorf("type %q: there is no type %q; want string, number, bool or json", text, t)
		}
		if types[name] != "" {
			return nil, fmt.Errorf("type %q: %q has a type already", text, name)
		}
		types[name] = t
	}
	return types, nil
}
