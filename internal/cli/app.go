package cli

import (
	"fmt"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
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

// apply puts the app into force; one that does not compile changes nothing.
func (a app) apply(server *syncline.Server) (warnings []string, err error) {
	if warnings, err = server.SetDefinition(a.definition); err != nil {
		return nil, a.locate(err)
	}
	if a.mutators != nil {
		err = server.SetMutators(a.mutators)
	}
	return warnings, err
}
