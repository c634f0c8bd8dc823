package ruletest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/explain"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// A sight is what somebody should see of an entry.
type sight struct {
	fields []value.Path   // all of them, each whole; nil: it is not asked
	doc    map[string]any // nil: it is not asked
}

// sights reads what a case says, by name.
func sights(want []definition.Seen) (map[string]sight, error) {
	out := map[string]sight{}
	for _, w := range want {
		if _, twice := out[w.Entry]; twice {
			return nil, fmt.Errorf("sees: %s is listed twice", w.Entry)
		}
		of, err := sightOf(w)
		if err != nil {
			return nil, fmt.Errorf("sees: %s: %w", w.Entry, err)
		}
		out[w.Entry] = of
	}
	return out, nil
}

func sightOf(w definition.Seen) (of sight, err error) {
	if w.Fields != nil && w.Doc != nil {
		return of, errors.New("its fields or the record, not both")
	}
	if w.Doc != nil {
		of.doc, err = value.Parse(w.Doc)
		return of, err
	}
	if w.Fields != nil {
		of.fields = []value.Path{}
	}
	for _, text := range w.Fields {
		path, err := value.ParsePath(text)
		if err != nil {
			return of, err
		}
		for _, other := range of.fields {
			if other.Covers(path) || path.Covers(other) {
				return of, fmt.Errorf("%s and %s are the same field, or one is a part of the other: list one of them", other, text)
			}
		}
		of.fields = append(of.fields, path)
	}
	return of, nil
}

// sees compares what somebody sees with what they should. d is a device of theirs that has what they may see, nil if none was asked for.
func (s *scene) sees(who *authz.Session, relations *authz.Relations, list []definition.Seen, d *device, fail func(string, ...any)) error {
	want, err := sights(list)
	if err != nil {
		return err
	}
	view, err := s.store.View(s.ctx, s.path, s.head.Seq)
	if err != nil {
		return err
	}
	defer view.Close()
	for _, w := range list {
		if !slices.Contains(s.names, w.Entry) {
			fail("sees %s, which is no entry of the test", w.Entry)
		}
	}
	for _, entry := range s.names {
		of, should := want[entry]
		key := s.known.key(entry)
		v, err := view.Get(key)
		if err != nil {
			return err
		}
		if !v.Live() { // deleted by a step
			if should {
				fail("should see %s, which is no longer there", entry)
			}
			continue
		}
		doc, err := value.Parse(v.Payload)
		if err != nil {
			return err
		}
		scope := who.In(s.rules).Scope([]string{key.Collection}, relations)
		shown, _, does := scope.See(key.Collection, doc)
		switch {
		case does && !should:
			fail("sees %s, and should not%s", entry, s.why(who, entry, nil, time.Time{}))
		case should && !does && !scope.Open():
			fail("should see %s, but may not open the space%s", entry, s.why(who, entry, nil, time.Time{}))
		case should && !does:
			fail("should see %s, and does not%s", entry, s.why(who, entry, nil, time.Time{}))
		case should:
			if err := s.holds(d, entry, shown); err != nil {
				return err
			}
			s.fields(who, entry, of, doc, shown, fail)
		}
	}
	return nil
}

// fields compares what is shown of an entry with what should be.
func (s *scene) fields(who *authz.Session, entry string, want sight, doc, shown map[string]any, fail func(string, ...any)) {
	if want.doc != nil && !value.Equal(want.doc, shown) {
		fail("sees %s as %s, and should see it as %s%s", entry, value.Encode(shown), value.Encode(want.doc), s.whyField(who, entry, nil))
	}
	if want.fields == nil {
		return
	}
	rest := shown
	for _, path := range want.fields {
		is, there := path.Get(doc)
		got, has := path.Get(shown)
		switch {
		case !there:
			fail("should see %s of %s, which has no such field", path, entry)
		case !has:
			fail("should see %s of %s, and does not%s", path, entry, s.whyField(who, entry, path))
		case !value.Equal(is, got):
			fail("should see %s of %s, and sees only a part of it%s", path, entry, s.whyField(who, entry, path))
		}
		rest = path.Without(rest)
	}
	for _, path := range leaves(nil, rest, doc) {
		fail("sees %s of %s, and should not%s", path, entry, s.whyField(who, entry, path))
	}
}

// leaves are the fields of what is left of an entry that are no objects, in order. An object of which nothing is left is none, but for
// one that is empty in the entry.
func leaves(at value.Path, left, doc map[string]any) (all []value.Path) {
	for segment, v := range left {
		path := append(at[:len(at):len(at)], segment)
		inner, object := v.(map[string]any)
		whole, _ := path.Get(doc)
		if of, _ := whole.(map[string]any); object && len(of) > 0 {
			all = append(all, leaves(path, inner, doc)...)
		} else {
			all = append(all, path)
		}
	}
	slices.SortFunc(all, value.Path.Compare)
	return all
}

// holds says whether a device that has caught up has of an entry what the rules show of it: one that does not is no fault of the test.
func (s *scene) holds(d *device, entry string, shown map[string]any) error {
	if d == nil {
		return nil
	}
	if want := value.Encode(shown); string(d.held[entry]) != string(want) {
		return fmt.Errorf("a device of %s has %s of %s and the rules show %s: that is a fault of Syncline, please report it with the definition", name(d.who), d.held[entry], entry, want)
	}
	return nil
}

// whyField is the reason why a field is shown or not, or of a nil path why all are that have rules.
func (s *scene) whyField(who *authz.Session, entry string, path value.Path) string {
	if s.quick {
		return ""
	}
	answer, err := s.ask(who, entry, nil, time.Time{})
	if err != nil {
		return "; it cannot be explained: " + err.Error()
	}
	if why := answer.WhyField(path); why != "" {
		return ": " + why
	}
	if path == nil {
		return ""
	}
	return ": no field rule is about it"
}

// why is the reason of a verdict as an operator would be told it, to be put after a failure.
func (s *scene) why(who *authz.Session, entry string, op *space.Op, now time.Time) string {
	if s.quick {
		return ""
	}
	answer, err := s.ask(who, entry, op, now)
	if err != nil {
		return "; it cannot be explained: " + err.Error()
	}
	return ": " + answer.Why()
}

func (s *scene) ask(who *authz.Session, entry string, op *space.Op, now time.Time) (*explain.Answer, error) {
	return explain.Ask(s.ctx, s.store, s.policy, who, explain.Question{Space: s.path, Key: s.known.key(entry), Write: op, Now: now})
}
