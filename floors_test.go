package syncline_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/syncline/syncline/"

// floors are the packages from the ground up. A package may import those on lower
// floors only, and on its own floor only what stands below it in the same folder.
var floors = [][]string{
	{"value", "web", "definition"},
	{"selector", "space", "lens"},
	{"wire"},
	{"kernel"},
	{"authz/pattern"},
	{"store", "authz/constraint", "authz/rule", "authz/schema", "authz/token", "webhook"},
	{"authz"},
	{"store/internal/gate", "store/internal/hints", "store/internal/rows"},
	{"store/memstore", "store/boltstore", "store/pebblestore"},
	{"authz/explain", "mutator", "internal/appfile"},
	{"mutator/script"},
	{"host/core", "replica/core"},
	{"host/ruletest", "host", "replica", "hook"},
	{"host/history", "transport", "outbox", "synclinetest"},
	{""}, // the root package
}

// pure packages know no clock, randomness, disk, network or goroutine.
var pure = []string{"value", "selector", "lens", "space", "wire", "kernel", "host/core", "replica/core"}

var impure = []string{"net", "net/http", "os", "io/fs", "math/rand", "math/rand/v2", "crypto/rand", "sync", "log", "log/slog"}

// impureCalls are forbidden in pure packages though their package is not.
var impureCalls = []string{"time.Now", "time.Since", "time.Sleep", "time.After", "time.AfterFunc", "time.NewTimer", "time.NewTicker", "time.Tick"}

func sources(t *testing.T, dir string) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no Go files in %q: %v", dir, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = f
	}
	return files
}

func imports(t *testing.T, f *ast.File) (paths []string) {
	t.Helper()
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// TestFloors: packages import downwards only, and nothing imports the binary.
func TestFloors(t *testing.T) {
	level := map[string]int{}
	for i, floor := range floors {
		for _, name := range floor {
			level[name] = i
		}
	}
	for name, mine := range level {
		dir := name
		if dir == "" {
			dir = "."
		}
		for file, f := range sources(t, dir) {
			for _, path := range imports(t, f) {
				other, ours := strings.CutPrefix(path, module)
				if !ours {
					continue
				}
				theirs, known := level[other]
				if !known {
					t.Errorf("%s imports %s, which is no part of the house: add it to floors, or do without", file, path)
				} else if theirs >= mine {
					t.Errorf("%s imports %s, which does not stand below it", file, path)
				}
			}
		}
	}
}

// TestPure: what the simulator runs depends on nothing but what it is handed.
func TestPure(t *testing.T) {
	for _, dir := range pure {
		for file, f := range sources(t, dir) {
			for _, path := range imports(t, f) {
				if slices.Contains(impure, path) {
					t.Errorf("%s imports %s", file, path)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s starts a goroutine", file)
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && slices.Contains(impureCalls, x.Name+"."+n.Sel.Name) {
						t.Errorf("%s calls %s.%s", file, x.Name, n.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// TestNoSleep: no test waits by sleeping.
func TestNoSleep(t *testing.T) {
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && name != ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		bubble := slices.Contains(imports(t, f), "testing/synctest") // where sleeping is how time passes
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && !bubble {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && s.Sel.Name == "Sleep" {
					t.Errorf("%s sleeps", name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
