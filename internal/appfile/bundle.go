package appfile

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/web"
)

//go:embed host.ts
var host string

// Names of modules that the binary itself has.
const (
	defineModule = "@syncline/client/define"
	hostModule   = "syncline:host"
	inner        = "syncline" // the namespace of both
	entryName    = "syncline:entry"
)

// A bundle is one file with all that it imports.
type bundle struct {
	script    string // self-contained; leaves globalThis.__syncline behind
	sourceMap []byte
	files     []string // what it was made of, absolute
}

// build bundles the file at an absolute path.
func build(path string) (*bundle, error) {
	dir := filepath.Dir(path)
	result := api.Build(api.BuildOptions{
		Stdin: &api.StdinOptions{
			Contents: fmt.Sprintf(`import * as app from %q; import { definitionOf, mutatorsOf } from %q;
globalThis.__syncline = { mutators: mutatorsOf(app), definition: () => definitionOf(app) };`, "./"+filepath.Base(path), hostModule),
			ResolveDir: dir, Sourcefile: entryName, Loader: api.LoaderJS,
		},
		AbsWorkingDir: dir,
		Outfile:       filepath.Join(dir, "app.js"), // never written: it names things
		Bundle:        true,
		Write:         false,
		Metafile:      true,
		Format:        api.FormatIIFE,
		Platform:      api.PlatformNeutral, // neither Node's modules nor the browser's globals are there
		MainFields:    []string{"module", "main"},
		Conditions:    []string{"import", "module"},
		Target:        api.ES2017,
		Define:        map[string]string{"process.env.NODE_ENV": `"production"`},
		Sourcemap:     api.SourceMapExternal,
		LogLevel:      api.LogLevelSilent,
		Plugins:       []api.Plugin{{Name: "syncline", Setup: modules}},
	})
	if len(result.Errors) > 0 {
		return nil, complaints(dir, result.Errors)
	}
	b := &bundle{}
	for _, f := range result.OutputFiles {
		if strings.HasSuffix(f.Path, ".map") {
			b.sourceMap = f.Contents
		} else {
			b.script = string(f.Contents)
		}
	}
	var meta struct {
		Inputs map[string]struct{} `json:"inputs"`
	}
	if err := json.Unmarshal([]byte(result.Metafile), &meta); err != nil {
		return nil, fmt.Errorf("what the bundle was made of: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(meta.Inputs)) {
		if !strings.Contains(name, ":") {
			b.files = append(b.files, filepath.Join(dir, filepath.FromSlash(name)))
		}
	}
	return b, nil
}

// modules gives the build the modules that the binary has: no package need be installed for them.
func modules(b api.PluginBuild) {
	b.OnResolve(api.OnResolveOptions{Filter: `^(@syncline/client(/.*)?|syncline:host)$`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		if args.Path != defineModule && args.Path != hostModule {
			return api.OnResolveResult{}, fmt.Errorf("%s is for devices: a file that the server reads can import %s (and types, with import type)", args.Path, defineModule)
		}
		return api.OnResolveResult{Path: args.Path, Namespace: inner}, nil
	})
	b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: inner}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
		text := host
		if args.Path == defineModule {
			text = web.Define
		}
		return api.OnLoadResult{Contents: &text, Loader: api.LoaderTS}, nil
	})
}

// maxComplaints bounds what is said of one file at a time.
const maxComplaints = 10

// complaints are the messages of a build as one error, each with its place.
func complaints(dir string, messages []api.Message) error {
	var all []error
	for i, m := range messages {
		if i == maxComplaints {
			all = append(all, fmt.Errorf("and %d more", len(messages)-i))
			break
		}
		text := m.Text
		if m.Location == nil || m.Location.File == entryName {
			all = append(all, errors.New(text))
			continue
		}
		// Columns are counted from 0, in bytes.
		all = append(all, fmt.Errorf("%s:%d:%d: %s", within(dir, m.Location.File), m.Location.Line, m.Location.Column+1, text))
	}
	return errors.Join(all...)
}

// within shortens a path to what it is below dir, if it is.
func within(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); filepath.IsAbs(path) && err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}
