package rows

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
)

// An Identity says how a row gets its id.
type Identity struct {
	// Field is the field that holds the id, a string or a whole number.
	Field string
	// Keep leaves that field in the record.
	Keep bool
	// Template, if set, makes the id instead: {name} stands for the field name,
	// {#} for the number of the row.
	Template string
}

// Check refuses a template that cannot be carried out.
func (id Identity) Check() error {
	if id.Template == "" {
		if id.Field == "" {
			return errors.New("rows need an id: name its field or give a template")
		}
		return nil
	}
	rest, placeholders := id.Template, 0
	for {
		open := strings.IndexAny(rest, "{}")
		if open < 0 {
			break
		}
		end := strings.IndexByte(rest[open:], '}')
		if rest[open] == '}' || end < 2 || strings.IndexByte(rest[open+1:open+end], '{') >= 0 {
			return fmt.Errorf("id template %q: want {field} or {#} in it", id.Template)
		}
		placeholders++
		rest = rest[open+end+1:]
	}
	if placeholders == 0 {
		return fmt.Errorf("id template %q: it has no {field} or {#}, so all rows would have one id", id.Template)
	}
	return nil
}

// An identifier takes the ids out of records.
type identifier struct {
	Identity
	src bytes.Reader
	dec *jsontext.Decoder
	buf []byte

	wanted map[string]bool   // the fields that the template asks for
	fields map[string]string // and what they are in the row at hand; nil without a template
}

func newIdentifier(id Identity) *identifier {
	i := &identifier{Identity: id}
	i.dec = jsontext.NewDecoder(&i.src)
	if id.Template == "" {
		return i
	}
	i.fields, i.wanted = map[string]string{}, map[string]bool{}
	for part := range strings.SplitSeq(id.Template, "{") {
		if name, _, ok := strings.Cut(part, "}"); ok && name != "#" {
			i.wanted[name] = true
		}
	}
	return i
}

// split returns the id of the record in data, the number-th row, and the record
// to store. It checks that data is one JSON object, strictly. The errors are the
// row's fault.
func (i *identifier) split(number int64, data []byte) (id string, record jsontext.Value, err error) {
	i.src.Reset(data)
	i.dec.Reset(&i.src)
	if kind := i.dec.PeekKind(); kind != '{' {
		if kind == 0 {
			_, err := i.dec.ReadToken()
			return "", nil, describe(err)
		}
		return "", nil, fmt.Errorf("want a JSON object, not %s", kindName(kind))
	}
	if _, err := i.dec.ReadToken(); err != nil {
		return "", nil, describe(err)
	}
	if i.fields != nil {
		clear(i.fields)
		i.fields["#"] = strconv.FormatInt(number, 10)
	}
	out := append(i.buf[:0], '{')
	found := false
	for i.dec.PeekKind() == '"' {
		start := len(out)
		if start > 1 {
			out = append(out, ',')
		}
		name, err := i.dec.ReadValue()
		if err != nil {
			return "", nil, describe(err)
		}
		nameAt, nameEnd := len(out), len(out)+len(name)
		out = append(append(out, name...), ':')
		value, err := i.dec.ReadValue()
		if err != nil {
			return "", nil, describe(err)
		}
		out = append(out, value...)
		switch quoted := out[nameAt:nameEnd]; {
		case i.fields != nil:
			if len(i.wanted) == 0 {
				continue
			}
			if name := unquote(quoted); i.wanted[name] {
				if text, err := scalar(value); err == nil {
					i.fields[name] = text
				}
			}
		case i.names(quoted):
			found = true
			if id, err = idText(value); err != nil {
				return "", nil, fmt.Errorf("field %q: %w", i.Field, err)
			}
			if !i.Keep {
				out = out[:start]
			}
		}
	}
	if _, err := i.dec.ReadToken(); err != nil {
		return "", nil, describe(err)
	}
	if len(bytes.TrimSpace(data[i.dec.InputOffset():])) > 0 {
		return "", nil, errors.New("something follows the object")
	}
	i.buf = out
	record = append(bytes.Clone(out), '}')
	if i.fields != nil {
		if id, err = i.expand(); err != nil {
			return id, nil, err
		}
	} else if !found {
		return "", nil, fmt.Errorf("it has no field %q to be its id", i.Field)
	}
	if _, err := space.ParseKey("x", id); err != nil {
		return id, nil, err
	}
	return id, record, nil
}

// names reports whether a quoted name is that of the id's field.
func (i *identifier) names(quoted []byte) bool {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return unquote(quoted) == i.Field
	}
	return string(quoted[1:len(quoted)-1]) == i.Field
}

func unquote(quoted []byte) string {
	b, _ := jsontext.AppendUnquote(nil, quoted) // a decoder has checked it
	return string(b)
}

// expand fills the template in.
func (i *identifier) expand() (string, error) {
	var out strings.Builder
	rest := i.Template
	for {
		before, after, ok := strings.Cut(rest, "{")
		out.WriteString(before)
		if !ok {
			return out.String(), nil
		}
		name, after, _ := strings.Cut(after, "}")
		text, ok := i.fields[name]
		if !ok {
			return "", fmt.Errorf("it has no field %q, a string, number or boolean, for the id template", name)
		}
		out.WriteString(text)
		rest = after
	}
}

func idText(v jsontext.Value) (string, error) {
	switch v.Kind() {
	case '"':
		b, err := jsontext.AppendUnquote(nil, v)
		return string(b), err
	case '0':
		if _, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return string(v), nil
		}
	}
	return "", errors.New("an id is a string or a whole number")
}

func scalar(v jsontext.Value) (string, error) {
	switch v.Kind() {
	case '"':
		b, err := jsontext.AppendUnquote(nil, v)
		return string(b), err
	case '0', 't', 'f':
		return string(v), nil
	}
	return "", errors.New("no scalar")
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	}
	return "something else"
}

// describe shortens the decoder's errors.
func describe(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Errorf("not JSON, behind byte %d: %w", syntax.ByteOffset, syntax.Err)
	}
	return fmt.Errorf("not JSON: %w", err)
}
