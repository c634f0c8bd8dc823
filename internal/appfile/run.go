package appfile

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"
)

const (
	// deadline bounds how long a file may take to say its definition.
	deadline = 5 * time.Second
	// maxDepth bounds its recursion, in frames.
	maxDepth = 2000
)

// define runs a bundle and asks for its definition, as JSON. There is nothing in the
// sandbox but the language; time stands still and chance is always the same, so
// that a file says the same each time.
func define(dir string, b *bundle, limit time.Duration) (string, error) {
	const mapName = "app.js.map"
	ast, err := goja.Parse("app.js", b.script+"\n//# sourceMappingURL="+mapName, parser.WithSourceMapLoader(func(string) ([]byte, error) { return b.sourceMap, nil }))
	if err != nil {
		return "", fmt.Errorf("what was made of it cannot be read: %w", err)
	}
	program, err := goja.CompileAST(ast, true)
	if err != nil {
		return "", fmt.Errorf("what was made of it cannot be compiled: %w", err)
	}
	vm := goja.New()
	vm.SetMaxCallStackSize(maxDepth)
	vm.SetTimeSource(func() time.Time { return time.Unix(0, 0).UTC() })
	vm.SetRandSource(func() float64 { return 0.5 })
	late := time.AfterFunc(limit, func() { vm.Interrupt("late") })
	defer late.Stop()
	if _, err := vm.RunProgram(program); err != nil {
		return "", thrown(dir, err)
	}
	v, err := vm.RunString("__syncline.definition()")
	if err != nil {
		return "", thrown(dir, err)
	}
	return v.String(), nil
}

// thrown says what a script threw, and where in the file that it was written in.
func thrown(dir string, err error) error {
	var interrupted *goja.InterruptedError
	if errors.As(err, &interrupted) {
		return fmt.Errorf("it takes more than %v to say its definition: it must not wait for anything, nor go on without end", deadline)
	}
	var overflow *goja.StackOverflowError
	if errors.As(err, &overflow) {
		return fmt.Errorf("it recurses more than %d deep", maxDepth)
	}
	var e *goja.Exception
	if !errors.As(err, &e) {
		return err
	}
	text := strings.TrimPrefix(e.Value().String(), "Error: ")
	for _, frame := range e.Stack() {
		at := frame.Position()
		if at.Filename == "" || at.Line == 0 || strings.Contains(at.Filename, "syncline:") || strings.Contains(at.Filename, "node_modules") || at.Filename == "app.js" || at.Filename == "<eval>" {
			continue // ours, or a library's: what called it says more
		}
		return fmt.Errorf("%s:%d:%d: %s", within(dir, at.Filename), at.Line, at.Column+1, text) // source maps count columns from 0
	}
	return errors.New(text)
}
