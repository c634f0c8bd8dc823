package definition_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/syncline/syncline/definition"
)

// TestAt finds the place of a mark § in rules, however they are quoted, folded and nested.
func TestAt(t *testing.T) {
	for what, text := range map[string]string{
		"plain":         "spaces:\n  team/{t}:\n    open: a == §b\n",
		"double quoted": "spaces:\n  team/{t}:\n    open: \"a == \\\"x\\\" && \\u0061 §b\"\n",
		"single quoted": "spaces:\n  team/{t}:\n    open: 'a == ''x'' && §b'\n",
		"literal":       "spaces:\n  team/{t}:\n    open: |\n      a == 1 &&\n        c §b\n",
		"folded":        "spaces:\n  team/{t}:\n    open: >-\n      a == 1 &&\n      é §b\n",
		"plain, long":   "spaces:\n  team/{t}:\n    open: a == 1 &&\n      c == §b\n",
		"flow quoted":   "spaces: {'team/{t}': {open: a == §b}}\n",
		"alias":         "spaces:\n  other: {open: &x a == §b}\n  team/{t}:\n    open: *x\n",
		"JSON":          "{\"spaces\": {\n\t\"team/{t}\": {\"open\": \"a == \\\"x\\\" && §b\"}}}",
		"after unicode": "spaces: {ünï: {}, 'team/{t}': {open: ö == §b}}\n",
	} {
		before, _, _ := strings.Cut(text, "§")
		line := strings.Count(before, "\n") + 1
		column := len([]rune(before[strings.LastIndex(before, "\n")+1:])) + 1
		d, err := definition.ParseFile("app.yaml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		rule, _, _ := strings.Cut(d.Spaces["team/{t}"].Open, "§")
		inLine := strings.Count(rule, "\n") + 1
		inColumn := len([]rune(rule[strings.LastIndex(rule, "\n")+1:])) + 1
		if got, want := d.At([]string{"spaces", "team/{t}", "open"}, inLine, inColumn), fmt.Sprintf("app.yaml:%d:%d", line, column); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
}

// TestAtParts: what has parts is where its name stands, what is not there where it would belong.
func TestAtParts(t *testing.T) {
	yaml := "spaces:\n  a/b~c:\n    open: x\n    collections:\n      cards:\n        schema:\n          required: [p,\n            q]\n"
	json := "{\n \"spaces\" : {\n  \"a/b~c\":\n{ \"open\"  :\t\"x\", \"collections\": { \"cards\": {\"schema\":{\"required\":[\"p\",\n\"q\"]}}}}}}"
	for _, c := range []struct {
		names    string
		yml, jsn string
	}{
		{"", "1:1", "1:1"},
		{"spaces", "1:1", "2:2"},
		{"spaces a/b~c", "2:3", "3:3"},
		{"spaces a/b~c open", "3:11", "4:13"},
		{"spaces a/b~c nothing", "2:3", "3:3"},
		{"spaces a/b~c collections cards schema required 1", "8:13", "5:1"},
		{"spaces a/b~c collections cards schema required", "7:11", "4:55"},
	} {
		for text, want := range map[string]string{yaml: c.yml, json: c.jsn} {
			d, err := definition.ParseFile("f", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if got := d.At(strings.Fields(c.names), 0, 0); got != "f:"+want {
				t.Errorf("%q in %.10q: %s, want f:%s", c.names, text, got, want)
			}
		}
	}
	if got := new(definition.Definition).At([]string{"spaces"}, 1, 1); got != "" {
		t.Errorf("without a text: %q", got)
	}
}

// TestErrorsSayWhere a text is no definition.
func TestErrorsSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		"spaces:\n  a:\n    opn: x\n":                    `app.yaml:3:10: spaces.a.opn: unknown object member name "opn"`,
		"{\"spaces\":\n{\"a\":{\"opn\":\"x\"}}}":         `app.yaml:2:13: spaces.a.opn: unknown object member name "opn"`,
		"spaces:\n  a: {}\n  a: {}\n":                    `app.yaml:3: neither JSON nor YAML: mapping key "a" already defined at line 2`,
		"{\"spaces\":{\n\t\"a\":{},\n\t\"a\":{}}}":       `already defined`,
		"{\"spaces\":\n\t{\"a\":{]}}":                    `app.yaml:2:`,
		"spaces:\n  a: [1\n":                             `app.yaml:`,
		"spaces:\n  a:\n    open: [x]\n":                 `app.yaml:3:5: spaces.a.open: `,
		"tests:\n  - space: a\n    cases: [{sees: 1}]\n": `app.yaml:3:`,

		"tests:\n  - space: a\n    cases:\n      - sees: [a/b, 1]\n":             `app.yaml:4:21: tests.0.cases.0.sees.1: an entry that is seen is collection/id, or {collection/id: `,
		"tests:\n  - space: a\n    cases:\n      - sees: [a/b: 1]\n":             `app.yaml:4:16: tests.0.cases.0.sees.0: of a/b: an entry that is seen is`,
		"tests:\n  - space: a\n    cases:\n      - sees: [a/b: null]\n":          `app.yaml:4:16: tests.0.cases.0.sees.0: of a/b: an entry that is seen is`,
		"tests:\n  - space: a\n    cases:\n      - sees: [{}]\n":                 `app.yaml:4:16: tests.0.cases.0.sees.0: an object with 0 members: `,
		"tests:\n  - space: a\n    cases:\n      - sees: [{a/b: [], a/c: []}]\n": `app.yaml:4:16: tests.0.cases.0.sees.0: an object with 2 members: `,
		"tests:\n  - space: a\n    cases:\n      - sees: [a/b: [x, [y]]]\n":      `app.yaml:4:16: tests.0.cases.0.sees.0: the fields of a/b that are seen are a list of their paths`,
		"tests:\n  - space: a\n    cases:\n      - sees: [a/b: [x, y, x]]\n":     `app.yaml:4:16: tests.0.cases.0.sees.0: the field x of a/b is listed twice`,
	} {
		if _, err := definition.ParseFile("app.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
}
