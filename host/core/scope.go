package core

import (
	"context"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// What members may see. A member's live view is what it asked for, cut down to
// its scope. A commit that changes a relation may change the scopes of the users
// that it speaks of: their members fall behind, and their catch-up sends the
// difference between what the old scope held and what the new one does, as it
// does for those that were away. So there is one way in which anything leaves a
// replica, and it reads nothing but the data.

// loadRelations reads what the relations hold at the head, and what constraints count.
func (s *Space) loadRelations(ctx context.Context) error {
	if s.cfg.Rules == nil {
		s.cfg.Rules = (authz.Development{}).Rules(s.cfg.Path)
	}
	var view kernel.Snapshot
	if s.cfg.Rules.Related() {
		v, err := s.view(ctx, s.head.Seq)
		if err != nil {
			return err
		}
		defer v.Close()
		view = v
	}
	var err error
	if s.relations, err = s.cfg.Rules.Load(view); err == nil {
		s.relations.Plant(s.cfg.Bugs.Constraints)
	}
	return err
}

// Forbidden is what is said of a space that somebody may not open, existing or not.
func Forbidden(path space.Path) *wire.Error {
	return &wire.Error{Code: wire.CodeForbidden, Space: string(path), Message: "no such space for you"}
}

// related takes note of what the last mutation of a turn did to relations.
func (t *Turn) related() error {
	for _, c := range t.plan.Changed() {
		users, err := t.relations.Apply(c.Key, c.Old, c.New)
		if err != nil {
			return err
		}
		for _, user := range users {
			if t.touched == nil {
				t.touched = map[string]struct{}{}
			}
			t.touched[user] = struct{}{}
		}
	}
	return nil
}

// rescope makes members catch up whose scopes may have changed with a turn.
func (s *Space) rescope(t *Turn) {
	if len(t.touched) == 0 || s.cfg.Bugs.StaysMember {
		return
	}
	for m := range s.members.all {
		if _, ok := t.touched[m.Who.User()]; !ok {
			continue
		}
		switch {
		case m.live:
			s.lag(m)
		case m.want == nil && !m.rights(s).Open(s.relations):
			s.expel(m)
		}
	}
}

func (m *Member) rights(s *Space) authz.Rights { return m.Who.In(s.cfg.Rules) }

// Renew gives a member other rights: another token of the same user, or, with
// nil, the same token under rules that have changed.
func (s *Space) Renew(m *Member, who *authz.Session) {
	if m.gone {
		return
	}
	if who != nil {
		m.Who = who
	}
	if m.live {
		s.lag(m)
	}
	if m.catch != nil {
		m.catch.renew(m.rights(s))
	}
}

// SetRules puts other rules in the place of the present ones.
func (s *Space) SetRules(ctx context.Context, rules *authz.Rules) error {
	s.cfg.Rules = rules
	if err := s.loadRelations(ctx); err != nil {
		return err
	}
	for m := range s.members.all {
		if err := s.spoken(m.want); err != nil {
			e := *asError(err)
			e.Space = string(s.cfg.Path)
			s.dismiss(m, &e)
			continue
		}
		s.Renew(m, nil)
	}
	return nil
}

// spoken reports that clients may not speak the versions of a view.
func (s *Space) spoken(want *kernel.View) error {
	if want == nil {
		return nil
	}
	return s.cfg.Rules.Spoken(want.Collections(), want.Versions())
}

// expel sends a member away that may not have the space open any more.
func (s *Space) expel(m *Member) { s.dismiss(m, Forbidden(s.cfg.Path)) }

// dismiss sends a member away, who is told why. It may come back.
func (s *Space) dismiss(m *Member, why *wire.Error) {
	m.Sink.Send(wire.Encode(why))
	s.Leave(m)
	m.away = true
}

// index finds the live views that a changed entry may concern.
type index map[slot]*set[*liveView]

// A slot is a key of a collection's entries, "" for views that need none.
type slot struct {
	collection string
	key        rule.Key
}

// slots yields where a view stands in the index.
func (lv *liveView) slots(yield func(slot) bool) {
	scope, limited := lv.view.Filter().(*authz.Scope)
	for _, collection := range lv.view.Collections() {
		more := true
		if limited {
			scope.Keys(collection, func(key rule.Key) bool {
				more = yield(slot{collection, key})
				return more
			})
		} else {
			more = yield(slot{collection, ""})
		}
		if !more {
			return
		}
	}
}

func (x index) add(lv *liveView) {
	for at := range lv.slots {
		if x[at] == nil {
			x[at] = &set[*liveView]{}
		}
		x[at].add(lv)
	}
}

func (x index) remove(lv *liveView) {
	for at := range lv.slots {
		if x[at].remove(lv); x[at].len() == 0 {
			delete(x, at)
		}
	}
}

// concerned lists the live views that a turn's changes may concern.
func (s *Space) concerned(deltas []kernel.Delta) (*set[*liveView], error) {
	hit := &set[*liveView]{}
	add := func(at slot) {
		if views := s.index[at]; views != nil {
			for lv := range views.all {
				hit.add(lv)
			}
		}
	}
	for _, d := range deltas {
		collection := d.Key.Collection
		add(slot{collection, ""})
		if !s.cfg.Rules.Keyed(collection) {
			continue
		}
		old, err := d.Old()
		if err != nil {
			return nil, err
		}
		for _, v := range []space.Version{old, d.New} {
			if !v.Live() || s.cfg.Bugs.NewKeysOnly && v.Seq != d.New.Seq {
				continue
			}
			doc, err := kernel.Doc(d.Key, v)
			if err != nil {
				return nil, err
			}
			s.cfg.Rules.Keys(collection, doc, func(key rule.Key) bool {
				add(slot{collection, key})
				return true
			})
		}
	}
	return hit, nil
}
