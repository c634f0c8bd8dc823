package ruletest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// step commits what a step says, and asks its cases. Devices catch up on it as they do in a server.
func (s *scene) step(at string, step *definition.Step, failures []string) ([]string, error) {
	devices := make([]*device, len(step.Cases))
	for i, c := range step.Cases {
		if c.Loses == nil && c.Gains == nil && !tellsFields(c.Sees) {
			continue
		}
		who, err := principal(c.As)
		if err != nil {
			return nil, fmt.Errorf("case %d: %w", i+1, err)
		}
		devices[i] = newDevice(who)
		if err := devices[i].catchUp(s); err != nil {
			return nil, err
		}
	}
	v, refused, err := s.commit(step)
	if err != nil {
		return nil, err
	}
	if !v.Allowed {
		return append(failures, strings.TrimSuffix(at, ", ")+": "+refused), nil
	}
	for i, c := range step.Cases {
		d := devices[i]
		if d == nil {
			continue
		}
		before := d.keys()
		if err := d.catchUp(s); err != nil {
			return nil, err
		}
		after := d.keys()
		for _, side := range []struct {
			word string
			want *[]string
			got  []string
		}{{"loses", c.Loses, without(before, after)}, {"gains", c.Gains, without(after, before)}} {
			if side.want == nil {
				continue
			}
			want := slices.Sorted(slices.Values(*side.want))
			if !slices.Equal(want, side.got) {
				failures = append(failures, fmt.Sprintf("%scase %d, as %s: their device %s [%s], and should [%s]", at, i+1, name(d.who), side.word, strings.Join(side.got, " "), strings.Join(want, " ")))
			}
		}
	}
	return s.cases(at, step.Cases, devices, failures)
}

// tellsFields reports whether a case says what is seen of an entry: then a device has to have it, too.
func tellsFields(sees *[]definition.Seen) bool {
	return sees != nil && slices.ContainsFunc(*sees, func(of definition.Seen) bool { return of.Fields != nil || of.Doc != nil })
}

func without(all, those []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(key string) bool { return slices.Contains(those, key) })
}

// commit makes one mutation of a step's writes; refused says, as a sentence, why the rules do not allow it.
func (s *scene) commit(step *definition.Step) (v *Verdict, refused string, err error) {
	rules, who := (authz.Development{}).Rules(s.path), (*authz.Session)(nil)
	if step.As != nil {
		rules = s.rules
	}
	if who, err = principal(step.As); err != nil {
		return nil, "", err
	}
	var m space.Mutation
	for _, w := range step.Writes {
		one, err := s.mutation(w)
		if err == nil {
			err = alone(w)
		}
		if err != nil {
			return nil, "", err
		}
		if w.Call != "" && (len(step.Writes) > 1 || step.As == nil) {
			return nil, "", errors.New("a call is the only write of its step, and somebody's: say as, of nobody {}")
		}
		m.Ops, m.V, m.Call, m.Args = append(m.Ops, one.Ops...), one.V, one.Call, one.Args
	}
	if len(step.Writes) == 0 {
		return nil, "", errors.New("a step has writes")
	}
	now, err := timeOf(step.Writes[0])
	if err != nil {
		return nil, "", err
	}
	relations, err := s.relations(rules)
	if err != nil {
		return nil, "", err
	}
	if step.As != nil {
		if err := s.noteWrite(who, &m, now); err != nil {
			return nil, "", err
		}
	}
	plan := s.plan(now)
	s.calls.serve(plan, who)
	outcome, err := plan.Submit(kernel.Writer{User: who.User()}, who.In(rules).Guard(relations, now), &m)
	if err != nil {
		return nil, "", err
	}
	if outcome.Kind != space.Applied {
		why := ""
		if step.As != nil && len(m.Ops) == 1 {
			why = s.why(who, s.known.name(space.Key{Collection: m.Ops[0].In, ID: m.Ops[0].ID}), &m.Ops[0], now)
		}
		v = verdict(outcome)
		v.Why = strings.TrimPrefix(why, ": ")
		return v, fmt.Sprintf("%s may not do this: %s%s", name(who), refusal(plan, outcome), why), nil
	}
	var wrote []space.Key
	for _, op := range m.Ops {
		wrote = append(wrote, space.Key{Collection: op.In, ID: op.ID})
	}
	if m.Call != "" {
		wrote = s.calls.wrote
	}
	for _, key := range wrote {
		if name := s.known.of(key); !slices.Contains(s.names, name) {
			s.names = append(s.names, name)
		}
	}
	slices.Sort(s.names)
	return &Verdict{Allowed: true}, "", s.append(plan)
}

// A device holds what its user may see of all collections, from the frames that a server would send it.
type device struct {
	who    *authz.Session
	cursor *space.Cursor // nil: it has nothing yet
	held   map[string]jsontext.Value
}

func newDevice(who *authz.Session) *device {
	return &device{who: who, held: map[string]jsontext.Value{}}
}

func (d *device) keys() []string {
	var keys []string
	for key := range d.held {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// catchUp takes the device to the head of the scene.
func (d *device) catchUp(s *scene) error {
	var parts space.View
	for _, collection := range s.policy.Collections(s.path) {
		parts = append(parts, space.Part{In: collection, V: s.rules.Versions().Of(collection)})
	}
	limits := wire.DefaultLimits
	limits.Parts = max(limits.Parts, len(parts))
	view, err := kernel.CompileView(parts, limits)
	if err != nil {
		return err
	}
	cfg := core.Config{Path: s.path, Store: s.store, Limits: limits, Rules: s.rules}
	c, reset, err := core.CatchUpFrom(s.ctx, cfg, view, d.who, d.cursor)
	if err != nil {
		return err
	}
	if reset != "" {
		return fmt.Errorf("a device cannot go on from %s: %s", d.cursor, reset)
	}
	for frame, err := range c.Frames(s.ctx) {
		if err != nil {
			return err
		}
		m, err := wire.DecodeServer(frame)
		if err != nil {
			return err
		}
		diff, ok := m.(*wire.Diff)
		if !ok {
			return fmt.Errorf("a device was sent a %T", m)
		}
		if diff.Reset {
			clear(d.held)
		}
		for _, row := range diff.Put {
			d.held[s.known.name(row.Key)] = row.Value
		}
		for _, pair := range diff.Del {
			delete(d.held, s.known.name(pair.Key()))
		}
	}
	head := s.head
	d.cursor = &head
	return nil
}
