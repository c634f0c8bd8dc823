package appfile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/syncline/syncline/definition"
)

// endings are those of files that Load reads.
var endings = []string{".ts", ".mts", ".js", ".mjs"}

// Is reports whether a file of that name is one for Load, by its ending.
func Is(name string) bool {
	return slices.Contains(endings, filepath.Ext(name))
}

// An App is what a file says.
type App struct {
	Definition *definition.Definition
	// Script is one self-contained script without I/O, in ES2017, that has the mutators: when it has run,
	// globalThis.__syncline.mutators has functions of (tx, args) by kind of space and name.
	Script string
	// Files are the file and all that it imports, absolute and sorted.
	Files []string

	path, text string
}

// Load reads an application from a file. The error says what is wrong, a line each, as
// file:line:column: reason where the place is known, and only what
// concerns the whole file without one. A definition that is read need not compile: that is for the authority to say, and
// Locate tells where it is wrong.
func Load(path string) (*App, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b, err := build(path)
	if err != nil {
		return nil, err
	}
	data, err := define(filepath.Dir(path), b, deadline)
	if err != nil {
		return nil, named(path, err)
	}
	a := &App{Script: b.script, Files: b.files, path: path, text: string(text)}
	if a.Definition, err = definition.ParseComputed([]byte(data)); err != nil {
		return nil, a.refused(err)
	}
	return a, nil
}

// named puts the file's name before an error that names no place.
func named(path string, err error) error {
	if placed.MatchString(err.Error()) {
		return err
	}
	if at, text, ok := member(err.Error()); ok {
		if source, e := os.ReadFile(path); e == nil {
			if line, column, ok := find(string(source), at); ok {
				return fmt.Errorf("%s:%d:%d: %s: %s", filepath.Base(path), line, column, dotted(at), text)
			}
		}
	}
	return fmt.Errorf("%s: %w", filepath.Base(path), err)
}
