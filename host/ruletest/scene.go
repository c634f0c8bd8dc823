package ruletest

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/explain"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
)

// A Scene is a space of its own with entries in it, for programs that ask one question after the other:
// what they are told is what a server would do. It is used by one goroutine at a time.
type Scene struct{ *scene }

// A Verdict is what becomes of a write.
type Verdict struct {
	Allowed bool `json:"allowed"`
	// Code, Path and Message are of the refusal, as the writer would be told it.
	Code    string `json:"code,omitzero"`
	Path    string `json:"path,omitzero"`
	Message string `json:"message,omitzero"`
	Why     string `json:"why,omitzero"` // as an operator would be told it
	// Tells and Asks are the names of the hooks that are told of an allowed write, and of those that have to agree to it
	// first. Of a step neither is given.
	Tells []string `json:"tells,omitempty"`
	Asks  []string `json:"asks,omitempty"`
}

// NewScene makes a scene under a policy, with the mutators that may be called and entries by collection/id.
func NewScene(ctx context.Context, p *authz.Policy, mutators mutator.Set, path string, entries map[string]jsontext.Value) (*Scene, error) {
	s, err := newScene(ctx, p, mutators, &definition.Test{Space: path, Entries: entries})
	if err != nil {
		return nil, err
	}
	return &Scene{s}, nil
}

// newScene makes the scene of a test.
func newScene(ctx context.Context, p *authz.Policy, mutators mutator.Set, t *definition.Test) (*scene, error) {
	path, err := space.ParsePath(t.Space)
	if err != nil {
		return nil, err
	}
	s := &scene{path: path, store: memstore.New(), ctx: ctx, known: namesOf(t), policy: p, rules: p.Rules(path)}
	if s.calls, err = newCalls(path, mutators); err != nil {
		return nil, err
	}
	if err := s.furnish(t.Entries); err != nil {
		return nil, fmt.Errorf("entries: %w", err)
	}
	return s, nil
}

// Visible are the names of the entries that somebody may see, sorted.
func (s *Scene) Visible(as jsontext.Value) ([]string, error) {
	d, err := s.look(as)
	if err != nil {
		return nil, err
	}
	return append([]string{}, d.keys()...), nil
}

// Seen are the records of the entries that somebody may see, by name, each as they see it.
func (s *Scene) Seen(as jsontext.Value) (map[string]jsontext.Value, error) {
	d, err := s.look(as)
	if err != nil {
		return nil, err
	}
	return d.held, nil
}

// look makes a device of somebody that has what they may see.
func (s *Scene) look(as jsontext.Value) (*device, error) {
	who, err := principal(as)
	if err != nil {
		return nil, err
	}
	d := newDevice(who)
	return d, d.catchUp(s.scene)
}

// Try says what would become of a write; nothing changes.
func (s *Scene) Try(as jsontext.Value, w definition.Write) (*Verdict, error) {
	relations, err := s.relations(s.rules)
	if err != nil {
		return nil, err
	}
	who, err := principal(as)
	if err != nil {
		return nil, err
	}
	if err := alone(w); err != nil {
		return nil, err
	}
	m, err := s.mutation(w)
	if err != nil {
		return nil, err
	}
	now, err := timeOf(w)
	if err != nil {
		return nil, err
	}
	plan := s.plan(now)
	s.calls.serve(plan, who)
	outcome, err := plan.Submit(sandbox, who.In(s.rules).Guard(relations, now), m)
	if err != nil {
		return nil, err
	}
	v := verdict(outcome)
	if v.Allowed {
		v.Tells, v.Asks = s.told(plan, now)
	}
	if w.Call == "" {
		v.Why = strings.TrimPrefix(s.why(who, s.known.name(space.Key{Collection: m.Ops[0].In, ID: m.Ops[0].ID}), &m.Ops[0], now), ": ")
	} else if f := plan.Faulted(); f != nil {
		v.Why = "the mutator broke down: " + f.Fault.Error()
	}
	return v, nil
}

func verdict(o space.Outcome) *Verdict {
	if o.Kind == space.Applied {
		return &Verdict{Allowed: true}
	}
	return &Verdict{Code: o.Code, Path: o.Path, Message: o.Message}
}

// Step makes one mutation of writes, by somebody whom the rules must allow it, or by the system if as is nil. A
// refusal changes nothing.
func (s *Scene) Step(as jsontext.Value, writes []definition.Write) (*Verdict, error) {
	for _, w := range writes {
		s.known.said[w.Put+w.Patch+w.Delete] = true
	}
	v, _, err := s.commit(&definition.Step{As: as, Writes: writes})
	return v, err
}

// Explain says why somebody may or may not see an entry, or write it if w is not nil.
func (s *Scene) Explain(as jsontext.Value, name string, w *definition.Write) (*explain.Answer, error) {
	who, err := principal(as)
	if err != nil {
		return nil, err
	}
	q := explain.Question{Space: s.path, Key: s.known.key(name)}
	if _, err := space.ParseKey(q.Key.Collection, q.Key.ID); err != nil {
		return nil, err
	}
	if w != nil {
		if w.Call != "" {
			return nil, fmt.Errorf("the call of %s is of no one entry: ask what becomes of it", w.Call)
		}
		m, err := s.mutation(*w)
		if err != nil {
			return nil, err
		}
		if q.Now, err = timeOf(*w); err != nil {
			return nil, err
		}
		q.Write, q.Key = &m.Ops[0], space.Key{Collection: m.Ops[0].In, ID: m.Ops[0].ID}
	}
	return explain.Ask(s.ctx, s.store, s.policy, who, q)
}
