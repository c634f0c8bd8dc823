package appfile

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// placed is the beginning of a complaint that says where.
var placed = regexp.MustCompile(`^[^\s:]+:\d+:\d+: `)

// Locate puts before each line of an error of the definition that names a member, such as
// "spaces.team/{team}.open: …", where the file says it, as far as that can be found:
// what is computed stands nowhere.
func (a *App) Locate(err error) error {
	if err == nil {
		return nil
	}
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		if at, _, ok := member(line); ok {
			if line, column, ok := find(a.text, at); ok {
				lines[i] = fmt.Sprintf("%s:%d:%d: %s", filepath.Base(a.path), line, column, strings.TrimLeft(lines[i], " "))
			}
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}

// refused is an error of reading the definition, with its place.
func (a *App) refused(err error) error {
	name := filepath.Base(a.path)
	var at jsontext.Pointer
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		at = semantic.JSONPointer
	}
	var tokens []string
	for token := range at.Tokens() {
		tokens = append(tokens, token)
	}
	if len(tokens) == 0 {
		return fmt.Errorf("%s: %w", name, err)
	}
	what := err.Error()
	if errors.Is(err, json.ErrUnknownName) {
		what = "a definition has no such member here (docs/RULES.md)"
	}
	if line, column, ok := find(a.text, tokens); ok {
		return fmt.Errorf("%s:%d:%d: %s: %s", name, line, column, dotted(tokens), what)
	}
	return fmt.Errorf("%s: %s: %s", name, dotted(tokens), what)
}

// member splits "spaces.team/{team}.collections.cards.read: reason".
func member(text string) (path []string, reason string, ok bool) {
	head, reason, ok := strings.Cut(strings.TrimLeft(text, " "), ": ")
	if !ok || !strings.HasPrefix(head, "spaces.") || strings.ContainsAny(head, " \t\"") {
		return nil, "", false
	}
	return strings.Split(head, "."), reason, true
}

func dotted(path []string) string { return strings.Join(path, ".") }

// find looks for the member at a path in a program's text: each name, in their order, where it
// stands as one of an object. The place is of the last name that is found, and there must be one
// besides the first.
func find(text string, path []string) (line, column int, ok bool) {
	from, found := 0, -1
	for i, name := range path {
		at := regexp.MustCompile(`(^|[\s{,(])(["']?` + regexp.QuoteMeta(name) + `["']?)\s*[:(,}]`).FindStringSubmatchIndex(text[from:])
		if at == nil {
			break
		}
		if i > 0 {
			found = from + at[4]
		}
		from += at[5]
	}
	if found < 0 {
		return 0, 0, false
	}
	before := text[:found]
	return 1 + strings.Count(before, "\n"), found - strings.LastIndex(before, "\n"), true
}
