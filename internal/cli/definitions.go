package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/host/history"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/mutator/script"
)

// definitions is a running server as its operator sees it, who can have it read the file of its definition
// again, and bring back what was in force before. It is an admin.Definer.
type definitions struct {
	*syncline.Server
	log   *slog.Logger
	files *nodeFlags
}

// Reload puts into force what the files say now, also in the place of what was restored.
func (d *definitions) Reload(ctx context.Context, how syncline.How) (*syncline.Switched, error) {
	said, err := readBoth(d.files.definition, d.files.mutators)
	if err != nil {
		return nil, d.told(nil, err)
	}
	done, err := d.Switch(ctx, said.said(d.files.definition), how)
	return done, d.told(done, said.locate(err))
}

// Restore puts into force what the history has under a number.
func (d *definitions) Restore(ctx context.Context, number int, how syncline.How) (*syncline.Switched, error) {
	r, err := d.History().Get(ctx, number)
	if err != nil {
		return nil, d.told(nil, err)
	}
	app, err := d.files.revive(r)
	if err != nil {
		return nil, d.told(nil, fmt.Errorf("the definition %d cannot be read any more: %w", number, err))
	}
	how.Restored = number
	done, err := d.Switch(ctx, app, how)
	return done, d.told(done, err)
}

// hangup is what SIGHUP does: Reload, unless a restored definition holds.
func (d *definitions) hangup(ctx context.Context) {
	said, err := readBoth(d.files.definition, d.files.mutators)
	if err == nil {
		var last *history.Record
		if last, err = d.History().Last(ctx); err == nil && last != nil && last.Holds(said.digest()) {
			d.log.Warn("the definition was not read again: the file still says what the one in force was restored in the place of; syncline definition reload takes it nevertheless",
				"number", last.Number, "restored", last.Restored)
			if d.files.mutators != "" {
				if err = d.SetMutators(said.mutators); err == nil {
					d.log.Info("the mutators have changed")
				}
			}
			if err == nil {
				return
			}
		}
	}
	if err != nil {
		_ = d.told(nil, err)
		return
	}
	done, err := d.Switch(ctx, said.said(d.files.definition), syncline.How{})
	_ = d.told(done, said.locate(err))
}

// revive makes an app of a record.
func (o *nodeFlags) revive(r *history.Record) (syncline.App, error) {
	said, err := r.Said()
	if err != nil {
		return syncline.App{}, err
	}
	app := syncline.App{Definition: said, Script: r.Script, Source: r.Source}
	switch {
	case r.Script != "" && o.mutators != "":
		return app, errors.New("it has mutators of its own: there is no place for --mutators beside it")
	case r.Script != "":
		app.Mutators, err = script.Load(r.Script, script.Options{})
	case o.mutators == "":
		app.Mutators = mutator.Set{} // none, rather than those of another definition
	}
	return app, err
}

// maxLogged bounds the lists in one line of the log.
const maxLogged = 20

// told logs what became of a change, and passes the error on.
func (d *definitions) told(done *syncline.Switched, err error) error {
	switch {
	case err != nil:
		d.log.Error("the definition was not changed: the one before it stays in force", "error", err)
	case done.DryRun:
	default:
		attrs := []any{"version", done.Version, "before", done.Before, "number", done.Number, "source", done.Source, "changes", firstOf(done.Changes)}
		if done.Restored != 0 {
			attrs = append(attrs, "restored", done.Restored)
		}
		if c := done.Compared; c != nil {
			users, gains, loses, otherwise := c.Totals()
			attrs = append(attrs, "users", users, "gains", gains, "loses", loses, "otherwise", otherwise)
			if c.Cut != nil {
				attrs = append(attrs, "cut", c.Cut)
			}
		}
		var switched []string
		for _, s := range done.Switches {
			switched = append(switched, fmt.Sprintf("%s@%d", s.Space, s.Seq))
		}
		d.log.Info("the definition has changed", append(attrs, "switched", firstOf(switched))...)
		if done.Note != "" {
			d.log.Error(done.Note)
		}
		warn(d.log, done.Warnings)
	}
	return err
}

// firstOf is as much of a list as a line of the log holds.
func firstOf(all []string) []string {
	if more := len(all) - maxLogged; more > 0 {
		return append(all[:maxLogged:maxLogged], fmt.Sprintf("and %d more", more))
	}
	return all
}
