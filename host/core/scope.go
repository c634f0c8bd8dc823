package core

import (
	"context"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
	"github.com/syncline/syncline/wire"
)

// What members may see. A member's live view is what it asked for, cut down to
// its scope. A commit that changes a relation may change the scopes of the users
// that it speaks of: their members fall behind, and their catch-up sends the
// difference between what the old scope held and what the new one does, as it
// does for those that were away. So there is one way in which anything leaves a
// replica, and it reads nothing but the data.

// loadRelations reads what the relations hold at the head.
func (s *Space) loadRelations(ctx context.Context) error {
	if s.cfg.Rules == nil {
		s.cfg.Rules = (authz.Development{}).Rules(s.cfg.Path)
	}
	view, err := s.cfg.Store.View(ctx, s.cfg.Path, s.head.Seq)
	if err != nil {
		return err
	}
	defer view.Close()
	s.relations, err = s.cfg.Rules.Load(view)
	return err
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
		case m.want == nil && !m.rights(s).Scope(nil, s.relations).Open():
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
		s.Renew(m, nil)
	}
	return nil
}

// expel sends a member away that may not have the space open any more.
func (s *Space) expel(m *Member) {
	m.Sink.Send(wire.Encode(&wire.Error{Code: wire.CodeForbidden, Space: string(s.cfg.Path), Message: "no such space for you"}))
	s.Leave(m)
	m.expelled = true
}

// index finds the live views that a changed entry may concern.
type index struct {
	keyed map[string]map[rule.Key]*set[*liveView] // by collection and key
	all   map[string]*set[*liveView]              // by collection: those that need no key
}

func (x *index) each(lv *liveView, do func(*set[*liveView], func())) {
	scope, _ := lv.view.Filter().(*authz.Scope)
	for _, collection := range lv.view.Collections() {
		without := scope == nil || scope.Keys(collection, func(key rule.Key) bool {
			of := x.keyed[collection]
			if of == nil {
				of = map[rule.Key]*set[*liveView]{}
				x.keyed[collection] = of
			}
			if of[key] == nil {
				of[key] = &set[*liveView]{}
			}
			do(of[key], func() {
				if delete(of, key); len(of) == 0 {
					delete(x.keyed, collection)
				}
			})
			return true
		})
		if without {
			if x.all[collection] == nil {
				x.all[collection] = &set[*liveView]{}
			}
			do(x.all[collection], func() { delete(x.all, collection) })
		}
	}
}

func (x *index) add(lv *liveView) {
	if x.keyed == nil {
		x.keyed, x.all = map[string]map[rule.Key]*set[*liveView]{}, map[string]*set[*liveView]{}
	}
	x.each(lv, func(views *set[*liveView], _ func()) { views.add(lv) })
}

func (x *index) remove(lv *liveView) {
	x.each(lv, func(views *set[*liveView], empty func()) {
		if views.remove(lv); views.len() == 0 {
			empty()
		}
	})
}

// concerned lists the live views that a turn's changes may concern.
func (s *Space) concerned(deltas []kernel.Delta) (*set[*liveView], error) {
	hit := &set[*liveView]{}
	add := func(views *set[*liveView]) {
		if views != nil {
			for lv := range views.all {
				hit.add(lv)
			}
		}
	}
	for _, d := range deltas {
		collection := d.Key.Collection
		add(s.index.all[collection])
		keyed := s.index.keyed[collection]
		if keyed == nil {
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
			doc, err := value.Parse(v.Payload)
			if err != nil {
				return nil, err
			}
			s.cfg.Rules.Keys(collection, doc, func(key rule.Key) bool {
				add(keyed[key])
				return true
			})
		}
	}
	return hit, nil
}
