package syncline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/explain"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/host/history"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/mutator"
)

// How much Switch looks at to say who gains and loses what.
const (
	comparedUsers = 100       // in one space
	comparedLooks = 2_000_000 // of an entry, for a user
	comparedTime  = 5 * time.Second
)

// switchTime is how long Switch waits for the spaces to say where they switched.
const switchTime = 10 * time.Second

// How says how a definition is put into force. Its zero value is right for one that the operator has written.
type How struct {
	// DryRun does all but that.
	DryRun bool
	// DespiteTests takes a definition whose tests fail.
	DespiteTests bool
	// Quick does not find out who gains and loses what: for haste.
	Quick bool
	// Restored is the number that the definition has in the history, if it is from there.
	Restored int
	// Who are to be looked at beside those who are connected, and those whom relations name.
	Who []*authz.Session
}

// A Switched is what became of putting a definition into force.
type Switched struct {
	DryRun   bool   `json:"dryRun,omitzero"`   // nothing has changed
	Same     bool   `json:"same,omitzero"`     // it is what is in force
	Number   int    `json:"number,omitzero"`   // in the history, if it is there
	Restored int    `json:"restored,omitzero"` // the number of the one that was brought back
	Source   string `json:"source,omitzero"`
	Version  string `json:"version"`
	Before   string `json:"before"` // the version of what was in force
	// Changes say what differs, a line each; Warnings what costs more than it needs to; Failures are of its
	// tests, where it was taken despite them.
	Changes  []string `json:"changes,omitzero"`
	Warnings []string `json:"warnings,omitzero"`
	Failures []string `json:"failures,omitzero"`
	// Compared is who gains and loses what, as of just before.
	Compared *explain.Compared `json:"compared,omitzero"`
	// Switches are where the active spaces switched.
	Switches []host.Switch `json:"switches,omitzero"`
	// Note is what an operator should know besides.
	Note string `json:"note,omitzero"`
}

// Switch puts another definition into force, now and for everybody, with its mutators: it compiles
// it, runs its tests, finds out who gains and loses what, notes it in the history, and then has each active space switch
// between two commits. What a replica may no longer see leaves it. One that does not compile, whose tests fail, or that
// cannot be noted changes nothing; the error says what is wrong. Calls wait for each other; no space waits for them.
func (s *Server) Switch(ctx context.Context, app App, how How) (*Switched, error) {
	if s.authority == nil {
		return nil, errors.New("syncline: the server was opened without a definition, so that everybody may do everything; start it with one")
	}
	s.switching.Lock()
	defer s.switching.Unlock()
	done, err := s.change(ctx, app, how)
	if err != nil {
		return nil, fmt.Errorf("syncline: %w", err)
	}
	return done, nil
}

func (s *Server) change(ctx context.Context, app App, how How) (*Switched, error) {
	own := app.Mutators != nil
	if !own {
		app.Mutators = s.app.Mutators
	}
	policy, failures, err := s.compile(ctx, app, how.DespiteTests)
	if err != nil {
		return nil, err
	}
	var callers kernel.Caller
	if own {
		if callers, err = mutator.New(app.Mutators, mutator.Options{Time: s.mutatorTime}); err != nil {
			return nil, err
		}
	}
	before := s.authority.Policy()
	done := &Switched{
		DryRun: how.DryRun, Restored: how.Restored, Source: app.Source, Version: policy.Version(), Before: before.Version(),
		Same: app.digest() == s.app.digest(), Warnings: policy.Warnings(), Failures: failures,
	}
	if done.Changes, err = definition.Changes(s.app.Definition, app.Definition); err != nil {
		return nil, err
	}
	if app.Script != s.app.Script && len(app.Mutators) > 0 {
		done.Changes = append(done.Changes, "changed the script of the mutators")
	}
	if !how.Quick {
		if done.Compared, err = s.compare(ctx, before, policy, how.Who); err != nil {
			return nil, err
		}
	}
	if how.DryRun {
		return done, nil
	}
	if err := s.outbox.Introduce(ctx, policy); err != nil {
		return nil, err
	}
	r, err := history.Of(app.Definition, app.Script, app.Source)
	if err != nil {
		return nil, err
	}
	if r.DespiteTests = failures != nil; how.Restored != 0 {
		r.Restored, r.Instead = how.Restored, s.said
	}
	// What is in force must be found there after a crash: so it is noted before it is. Noting the same again says nothing.
	if !done.Same || how.Restored != 0 || s.app.digest() != s.said {
		if err := s.history.Add(ctx, r); err != nil {
			return nil, err
		}
		done.Number = r.Number
	}
	// From here on it is carried out, whatever becomes of who asked for it.
	ctx = context.WithoutCancel(ctx)
	if s.app, s.despite = app, r.DespiteTests; how.Restored == 0 {
		s.said = app.digest()
	}
	waiting, cancel := context.WithTimeout(ctx, switchTime)
	defer cancel()
	done.Switches = s.host.Reload(waiting, callers, func() { s.authority.SetPolicy(policy) })
	s.outbox.Rescan()
	if done.Number != 0 {
		if err := s.history.Switched(ctx, done.Number, done.Switches); err != nil {
			done.Note = "it is in force; where the spaces switched could not be noted: " + err.Error()
		}
	}
	return done, nil
}

// compare says who gains and loses what by another policy: of those who have spaces open, of those whom relations name, and of who.
func (s *Server) compare(ctx context.Context, old, next *authz.Policy, who []*authz.Session) (*explain.Compared, error) {
	ctx, cancel := context.WithTimeout(ctx, comparedTime)
	defer cancel()
	return explain.Compare(ctx, s.store, &explain.Comparison{
		Old: old, Next: next, Who: who, Present: s.host.Present(), Named: true, Users: comparedUsers, Looks: comparedLooks,
	})
}

// Compare says who gains and loses what if next took the place of old, which is what is in force if nil. Nothing changes.
func (s *Server) Compare(ctx context.Context, old, next *authz.Policy, who []*authz.Session) (*explain.Compared, error) {
	if old == nil {
		if old = s.Policy(); old == nil {
			return nil, errors.New("syncline: the server was opened without a definition")
		}
	}
	return s.compare(ctx, old, next, who)
}
