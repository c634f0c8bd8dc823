package syncline

import (
	"context"
	"errors"
	"fmt"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/history"
	"github.com/syncline/syncline/host/ruletest"
	"github.com/syncline/syncline/mutator"
)

// An App is a definition and what belongs to it.
type App struct {
	Definition *definition.Definition
	// Mutators are those that the definition's are said of; nil: those in force stay.
	Mutators mutator.Set
	// Source and Script are as in Options.
	Source, Script string
}

func (a *App) digest() string { return history.Digest(a.Definition, a.Script) }

// begin finds out which definition is to be in force: that of the options, or one that
// was restored in its place.
func (s *Server) begin(ctx context.Context, opts Options) error {
	s.app = App{Definition: opts.Definition, Mutators: opts.Mutators, Source: opts.Source, Script: opts.Script}
	if opts.Definition == nil {
		return nil
	}
	s.history, s.said = history.New(s.store, nil), s.app.digest()
	last, err := s.history.Last(ctx)
	if err != nil {
		return fmt.Errorf("%w; whether a definition was restored cannot be told (syncline definition forget begins it anew)", err)
	}
	if last == nil {
		return nil
	}
	s.despite = last.DespiteTests && last.Digest == s.said
	if !last.Holds(s.said) {
		return nil
	}
	revive := opts.Revive
	if revive == nil {
		revive = revived
	}
	app, err := revive(last)
	if err != nil {
		return fmt.Errorf("the definition %d, which was restored, cannot be read: %w", last.Number, err)
	}
	if app.Mutators == nil {
		app.Mutators = opts.Mutators
	}
	s.app, s.despite = app, last.DespiteTests
	s.log.Warn("a restored definition is in force: the file still says what it was restored in the place of", "number", last.Number, "restored", last.Restored, "version", last.Version)
	return nil
}

// revived is what a record says without its script.
func revived(r *history.Record) (App, error) {
	d, err := r.Said()
	return App{Definition: d, Source: r.Source}, err
}

// enter notes in the history what is in force, unless that is what it ends with.
func (s *Server) enter(ctx context.Context) error {
	if s.history == nil {
		return nil
	}
	last, err := s.history.Last(ctx)
	if err != nil || last != nil && last.Digest == s.app.digest() && (last.Restored == 0 || last.Holds(s.said)) {
		return err
	}
	r, err := history.Of(s.app.Definition, s.app.Script, s.app.Source)
	if err != nil {
		return err
	}
	return s.history.Add(ctx, r)
}

// compile makes a policy of an app and runs its tests. Those that fail are an error unless despite.
func (s *Server) compile(ctx context.Context, app App, despite bool) (policy *authz.Policy, failures []string, err error) {
	policy, err = ruletest.Run(ctx, app.Definition, app.Mutators)
	var failed *ruletest.Failed
	if despite && errors.As(err, &failed) {
		failures = failed.Failures
		policy, err = authz.Compile(app.Definition)
	}
	if err == nil {
		err = s.connected(policy)
	}
	if err == nil && failures != nil {
		s.log.Warn("a definition is taken despite its tests, of which some fail", "version", policy.Version(), "failures", len(failures))
	}
	return policy, failures, err
}

// History is that of the definitions that were in force, nil for a server without one.
func (s *Server) History() *history.History { return s.history }

// Policy is what is in force, nil for a server without a definition.
func (s *Server) Policy() *authz.Policy {
	if s.authority == nil {
		return nil
	}
	return s.authority.Policy()
}

// Definition is what is in force, nil for a server without one.
func (s *Server) Definition() *definition.Definition {
	s.switching.Lock()
	defer s.switching.Unlock()
	return s.app.Definition
}

// SetDefinition is [Server.Switch] without more ado. It returns what costs more than it needs to.
func (s *Server) SetDefinition(d *definition.Definition) (warnings []string, err error) {
	done, err := s.Switch(context.Background(), App{Definition: d}, How{Quick: true})
	if err != nil {
		return nil, err
	}
	return done.Warnings, nil
}

// SetMutators puts other mutators in the place of the present ones. The error says which name or pattern cannot be one; then nothing has changed.
func (s *Server) SetMutators(set mutator.Set) error {
	r, err := mutator.New(set, mutator.Options{Time: s.mutatorTime})
	if err != nil {
		return fmt.Errorf("syncline: %w", err)
	}
	s.switching.Lock()
	defer s.switching.Unlock()
	s.app.Mutators = set
	s.host.SetMutators(r)
	return nil
}
