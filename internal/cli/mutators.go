package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/mutator/script"
)

// readMutators reads a script from a file.
func readMutators(path string) (mutator.Set, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--mutators: %w", err)
	}
	set, err := script.Load(string(source), script.Options{})
	if err != nil {
		return nil, fmt.Errorf("--mutators %s: %w", path, err)
	}
	return set, nil
}

// readBoth reads a definition's file and, if it is not "", that of the mutators, which then must not be in the former.
func readBoth(path, mutators string) (app, error) {
	said, err := readApp(path)
	if err != nil || mutators == "" {
		return said, err
	}
	if said.file != nil {
		return app{}, fmt.Errorf("%s may have mutators of its own: there is no place for --mutators beside it", path)
	}
	said.mutators, err = readMutators(mutators)
	return said, err
}

// reloadMutators reads them again at each SIGHUP. A script that does not load changes nothing.
func reloadMutators(ctx context.Context, log *slog.Logger, server *syncline.Server, path string) {
	atHangups(ctx, func() {
		set, err := readMutators(path)
		if err == nil {
			err = server.SetMutators(set)
		}
		if err != nil {
			log.Error("the mutators were not changed: those before them stay in force", "error", err)
			return
		}
		log.Info("the mutators have changed")
	})
}
