package syncline_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityTable: each test that docs/SECURITY.md names is there, and each row names one.
func TestSecurityTable(t *testing.T) {
	text, err := os.ReadFile("docs/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "| case | what happens | decided in | held by |")
	if !ok {
		t.Fatal("there is no table")
	}
	named := regexp.MustCompile("`([^`]+)`")
	rows := 0
	for row := range strings.Lines(table) {
		cells := strings.Split(row, " | ")
		if !strings.HasPrefix(row, "| ") || strings.HasPrefix(row, "| ---") {
			continue
		}
		rows++
		tests := named.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(cells) != 4 || len(tests) == 0 {
			t.Errorf("a row of %d cells, with %d tests: %s", len(cells), len(tests), row)
		}
		for _, m := range tests {
			if !isTest(t, m[1]) {
				t.Errorf("there is no test %s, for %s", m[1], cells[0])
			}
		}
	}
	if rows < 25 {
		t.Errorf("%d rows", rows)
	}
	if isTest(t, "transport.TestNoSuchThing") || isTest(t, "web/client/test/value.test.ts: no such thing") || isTest(t, "nowhere.TestForged") {
		t.Error("whatever is named is found")
	}
}

// isTest reports whether there is a test, named package.Test or file: title.
func isTest(t *testing.T, name string) bool {
	t.Helper()
	if file, title, ok := strings.Cut(name, ": "); ok {
		text, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(text), `it("`+title+`"`)
	}
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return false
	}
	dir, function := name[:dot], name[dot+1:]
	if dir == "syncline" {
		dir = "."
	}
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+function+"(") {
			return true
		}
	}
	return false
}
