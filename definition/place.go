package definition

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// A source is where in its text everything in a definition stands.
type source struct {
	name  string // of the file
	text  []byte
	spots map[string]spot // by JSON pointer
}

// A spot is where a value begins, or, of what has parts, the name before it.
type spot struct {
	offset int // in bytes
	scalar bool
}

// At says where something stands in the text that the definition was parsed from, as "app.yaml:12:15", or ""
// for a definition that was not parsed. Names of what contains it lead to it; where it is not there itself, what would
// contain it is meant. line and column, if not 0, count from 1 within the text that stands there, such as a rule.
func (d *Definition) At(names []string, line, column int) string {
	if d.source == nil {
		return ""
	}
	for n := len(names); n > 0; n-- {
		if at, ok := d.source.spots[pointer(names[:n])]; ok {
			offset := at.offset
			if n == len(names) && at.scalar && line > 0 {
				offset = d.source.within(offset, line, column)
			}
			return d.source.position(offset)
		}
	}
	return d.source.position(0)
}

func pointer(names []string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return b.String()
}

func (s *source) position(offset int) string {
	before := s.text[:offset]
	line := bytes.Count(before, []byte{'\n'}) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	if s.name == "" {
		return fmt.Sprintf("line %d, column %d", line, column)
	}
	return fmt.Sprintf("%s:%d:%d", s.name, line, column)
}

// syntax puts the place before an error of a text that is neither JSON nor YAML.
func (s *source) syntax(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if begin := bytes.TrimSpace(s.text); len(begin) > 0 && begin[0] == '{' {
		// Meant to be JSON, perhaps: then its own complaint is the better one, unless it is of what YAML says more of.
		var e *jsontext.SyntacticError
		if !strings.Contains(text, "already defined") && errors.As(json.Unmarshal(s.text, new(jsontext.Value)), &e) {
			return fmt.Errorf("%s: neither JSON nor YAML: %w", s.position(min(int(e.ByteOffset), len(s.text))), e.Err)
		}
	}
	text = strings.TrimSpace(strings.TrimPrefix(text, "unmarshal errors:\n"))
	if rest, ok := strings.CutPrefix(text, "line "); ok && s.name != "" {
		if line, what, ok := strings.Cut(rest, ": "); ok {
			return fmt.Errorf("%s:%s: neither JSON nor YAML: %s", s.name, line, what)
		}
	}
	return fmt.Errorf("neither JSON nor YAML: %s", text)
}

// misfit puts the place before an error of a text that is no definition.
func (d *Definition) misfit(err error) error {
	var e *json.SemanticError
	if !errors.As(err, &e) {
		return err
	}
	var names []string
	for name := range e.JSONPointer.Tokens() {
		names = append(names, name)
	}
	what := fmt.Sprintf("a %v does not belong here", e.JSONKind)
	switch {
	case errors.Is(err, json.ErrUnknownName) && len(names) > 0:
		what = fmt.Sprintf("unknown object member name %q", names[len(names)-1])
	case e.Err != nil:
		what = e.Err.Error()
	}
	what = strings.Join(names, ".") + ": " + what
	if at := d.At(names, 0, 0); at != "" {
		what = at + ": " + what
	}
	return &misfit{what, err}
}

// A misfit is an error in words that say where, of one that says what.
type misfit struct {
	text string
	err  error
}

func (m *misfit) Error() string { return m.text }
func (m *misfit) Unwrap() error { return m.err }

// within finds a place in a scalar: the texts are walked side by side, since quoting, escapes, indentation and
// folded lines make the one in the file longer. Where they part the beginning has to do.
func (s *source) within(offset, line, column int) int {
	value, ok := s.scalar(offset)
	if !ok {
		return offset
	}
	target := 0 // in value
	for ; line > 1 && target < len(value); line-- {
		next := strings.IndexByte(value[target:], '\n')
		if next < 0 {
			return offset
		}
		target += next + 1
	}
	for ; column > 1 && target < len(value); column-- {
		_, size := utf8.DecodeRuneInString(value[target:])
		target += size
	}
	raw := offset
	for raw < len(s.text) && (s.text[raw] == '&' || s.text[raw] == '!') { // an anchor or a tag comes before the value
		raw += bytes.IndexAny(append(s.text[raw:len(s.text):len(s.text)], '\n'), " \n")
		for raw < len(s.text) && (s.text[raw] == ' ' || s.text[raw] == '\n') {
			raw++
		}
	}
	quote := byte(0)
	if raw < len(s.text) {
		quote = s.text[raw]
	}
	if raw < len(s.text) && (s.text[raw] == '"' || s.text[raw] == '\'') {
		raw++
	} else if raw < len(s.text) && (s.text[raw] == '|' || s.text[raw] == '>') {
		next := bytes.IndexByte(s.text[raw:], '\n')
		if next < 0 {
			return offset
		}
		raw += next + 1
	}
	blank := func(r rune) bool { return unicode.IsSpace(r) }
	for at, r := range value {
		have, size := utf8.DecodeRune(s.text[raw:])
		if blank(have) && !blank(r) { // what the value leaves out
			for blank(have) && size > 0 {
				raw += size
				have, size = utf8.DecodeRune(s.text[raw:])
			}
		}
		if at >= target {
			return raw
		}
		switch {
		case size == 0:
			return offset
		case have == r || blank(have) && blank(r):
			raw += size
		case blank(r): // a line's end that was left out of a folded text
		case have == '\\' && raw+1 < len(s.text):
			raw += 2
			if s.text[raw-1] == 'u' {
				raw += 4
			}
		default:
			return offset
		}
		if have == '\'' && r == have && quote == '\'' && raw < len(s.text) && s.text[raw] == '\'' {
			raw++ // '' is one
		}
	}
	return min(raw, len(s.text))
}

// scalar is the value of what stands at an offset.
func (s *source) scalar(offset int) (string, bool) {
	for _, v := range s.values() {
		if v.offset == offset {
			return v.value, true
		}
	}
	return "", false
}

type scalarAt struct {
	offset int
	value  string
}

// values reads the scalars of the text once more: it is done for messages only.
func (s *source) values() (all []scalarAt) {
	_ = s.walk(func(_ []string, at spot, value string) {
		if at.scalar {
			all = append(all, scalarAt{at.offset, value})
		}
	})
	return all
}

// walk yields everything in the text, JSON or YAML, with its place.
func (s *source) walk(yield func(names []string, at spot, value string)) error {
	if jsontext.Value(s.text).IsValid() {
		return s.walkJSON(yield)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(s.text, &doc); err != nil {
		return err
	}
	lines := []int{0}
	for i, c := range s.text {
		if c == '\n' {
			lines = append(lines, i+1)
		}
	}
	offset := func(n *yaml.Node) int {
		if n.Line < 1 || n.Line > len(lines) {
			return 0
		}
		at := lines[n.Line-1]
		for range n.Column - 1 {
			_, size := utf8.DecodeRune(s.text[at:])
			at += size
		}
		return min(at, len(s.text))
	}
	budget := maxNodes
	var visit func(names []string, name, n *yaml.Node)
	visit = func(names []string, name, n *yaml.Node) {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		if budget--; budget < 0 {
			return // aliases of aliases; the definition itself was refused or will be
		}
		if n.Kind == yaml.ScalarNode {
			yield(names, spot{offset(n), true}, n.Value)
			return
		}
		at := n
		if name != nil {
			at = name
		}
		yield(names, spot{offset(at), false}, "")
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				key := n.Content[i]
				if key.Kind == yaml.AliasNode {
					key = key.Alias
				}
				visit(append(names[:len(names):len(names)], key.Value), key, n.Content[i+1])
			}
		case yaml.SequenceNode:
			for i, element := range n.Content {
				visit(append(names[:len(names):len(names)], strconv.Itoa(i)), nil, element)
			}
		}
	}
	if len(doc.Content) > 0 {
		visit(nil, nil, doc.Content[0])
	}
	return nil
}

// maxNodes bounds what walk yields.
const maxNodes = 1 << 18

func (s *source) walkJSON(yield func(names []string, at spot, value string)) error {
	dec := jsontext.NewDecoder(bytes.NewReader(s.text))
	next := func() (offset int, kind jsontext.Kind) {
		kind = dec.PeekKind()
		offset = int(dec.InputOffset())
		for offset < len(s.text) && strings.IndexByte(" \t\r\n,:", s.text[offset]) >= 0 {
			offset++
		}
		return offset, kind
	}
	var visit func(names []string, name int) error
	visit = func(names []string, name int) error {
		at, kind := next()
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if kind != '{' && kind != '[' {
			yield(names, spot{at, true}, token.String())
			return nil
		}
		if name >= 0 {
			at = name
		}
		yield(names, spot{at, false}, "")
		for i := 0; dec.PeekKind() != '}' && dec.PeekKind() != ']'; i++ {
			name, key := -1, strconv.Itoa(i)
			if kind == '{' {
				name, _ = next()
				token, err := dec.ReadToken()
				if err != nil {
					return err
				}
				key = token.String()
			}
			if err := visit(append(names[:len(names):len(names)], key), name); err != nil {
				return err
			}
		}
		_, err = dec.ReadToken()
		return err
	}
	return visit(nil, -1)
}
