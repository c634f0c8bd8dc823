package cli

import (
	"fmt"
	"path/filepath"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/history"
	"github.com/syncline/syncline/internal/appfile"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/mutator/script"
)

// An app is what a definition's file says: data or, in TypeScript, with mutators.
type app struct {
	definition *definition.Definition
	mutators   mutator.Set  // nil where the file cannot have any
	file       *appfile.App // nil if it is data
}

// readApp reads a definition's file of either kind.
func readApp(path string) (app, error) {
	if !appfile.Is(path) {
		d, err := readDefinition(path)
		return app{definition: d}, err
	}
	file, err := appfile.Load(path)
	if err != nil {
		return app{}, fmt.Errorf("the definition: %w", err)
	}
	return appOf(file)
}

// readPolicy reads and compiles a definition's file of either kind.
func readPolicy(path string) (*authz.Policy, error) {
	app, err := readApp(path)
	if err != nil {
		return nil, usage("%w", err)
	}
	p, err := authz.Compile(app.definition)
	if err != nil {
		return nil, usage("%w", app.locate(err))
	}
	return p, nil
}

// encodedDefinition reads a definition's file of either kind, for a server that compiles it.
func encodedDefinition(path string) (jsontext.Value, error) {
	app, err := readApp(path)
	if err != nil {
		return nil, usage("%w", err)
	}
	if _, err := authz.Compile(app.definition); err != nil { // here, where it is known what stands where
		return nil, usage("%w", app.locate(err))
	}
	return json.Marshal(app.definition, json.Deterministic(true))
}

// appOf loads the mutators of a file, if it has any.
func appOf(file *appfile.App) (app, error) {
	a := app{definition: file.Definition, mutators: mutator.Set{}, file: file}
	var err error
	for _, space := range file.Definition.Spaces {
		if len(space.Mutators) > 0 {
			if a.mutators, err = script.Load(file.Script, script.Options{}); err != nil {
				return app{}, fmt.Errorf("the mutators: %w", err)
			}
			break
		}
	}
	return a, nil
}

// locate says where in the file an error of its definition stands.
func (a app) locate(err error) error {
	if a.file == nil || err == nil {
		return err
	}
	return a.file.Locate(err)
}

// script is what the mutators were loaded from, if the file has any.
func (a app) script() string {
	if a.file == nil || len(a.mutators) == 0 {
		return ""
	}
	return a.file.Script
}

// digest tells files apart that say something else.
func (a app) digest() string { return history.Digest(a.definition, a.script()) }

// said is the app as the server takes it, from the file at path.
func (a app) said(path string) syncline.App {
	mutators := a.mutators
	if mutators == nil {
		mutators = mutator.Set{} // none, rather than those of what was in force before
	}
	return syncline.App{Definition: a.definition, Mutators: mutators, Script: a.script(), Source: filepath.Base(path)}
}
