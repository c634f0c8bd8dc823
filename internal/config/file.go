package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/pflag"
)

// A setting is one member of a configuration file.
type setting struct {
	name  string
	place string // "file:line"
	texts []string
	list  bool
}

// parseFile reads a file strictly: one object, no name twice, values that are
// strings, numbers, booleans or lists of them.
func parseFile(path string, data []byte) ([]setting, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	here := func() string { return fmt.Sprintf("%s:%d", path, lineAt(data, dec.InputOffset())) }
	fail := func(err error) error {
		var syntax *jsontext.SyntacticError
		if !errors.As(err, &syntax) {
			if errors.Is(err, io.EOF) {
				err = errors.New("the file is empty; want a JSON object")
			}
			return fmt.Errorf("%s: %w", path, err)
		}
		place := fmt.Sprintf("%s:%d", path, lineAt(data, syntax.ByteOffset))
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return fmt.Errorf("%s: %q is set twice", place, strings.TrimPrefix(string(syntax.JSONPointer), "/"))
		}
		return fmt.Errorf("%s: not JSON: %w", place, syntax.Err)
	}
	token, err := dec.ReadToken()
	if err != nil {
		return nil, fail(err)
	}
	if token.Kind() != '{' {
		return nil, fmt.Errorf("%s: want a JSON object whose members are named like flags", here())
	}
	var settings []setting
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, fail(err)
		}
		st := setting{name: name.String(), place: here()}
		switch dec.PeekKind() {
		case '{', 'n':
			return nil, fmt.Errorf("%s: the value of %q is to be a string, a number, a boolean or a list of strings", st.place, st.name)
		case '[':
			st.list = true
			if _, err := dec.ReadToken(); err != nil {
				return nil, fail(err)
			}
			for dec.PeekKind() != ']' {
				item, err := dec.ReadToken()
				if err != nil {
					return nil, fail(err)
				}
				if item.Kind() != '"' {
					return nil, fmt.Errorf("%s: the list %q is to hold strings only", here(), st.name)
				}
				st.texts = append(st.texts, item.String())
			}
			if _, err := dec.ReadToken(); err != nil {
				return nil, fail(err)
			}
		default:
			value, err := dec.ReadToken()
			if err != nil {
				return nil, fail(err)
			}
			st.texts = []string{value.String()}
		}
		settings = append(settings, st)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, fail(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: something follows the object", here())
	}
	return settings, nil
}

func (st setting) set(flags *pflag.FlagSet, f *pflag.Flag) error {
	if !st.list {
		return set(flags, f, st.texts[0], st.place)
	}
	slice, ok := f.Value.(pflag.SliceValue)
	if !ok {
		return fmt.Errorf("%s: %q takes one value, not a list", st.place, st.name)
	}
	if err := slice.Replace(st.texts); err != nil {
		return invalid(f, strings.Join(st.texts, ","), st.place, err)
	}
	f.Changed = true
	return nil
}

func lineAt(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n"))
}
