package explain

import (
	"context"
	"slices"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/value"
)

// A Shift is what other rules mean for somebody in one collection of a space, in
// numbers of entries.
type Shift struct {
	Space      space.Path `json:"space"`
	User       string     `json:"user"`
	Collection string     `json:"collection"`
	Gains      int        `json:"gains"`     // that they may see from then on
	Loses      int        `json:"loses"`     // that they may not see any more
	Otherwise  int        `json:"otherwise"` // of which they see other fields, with clients that speak the present versions
}

// Compare says what somebody gains and loses if next takes the place of old, as of
// the head of each space: a Shift for each collection in which anything changes, by
// space, then in the order of who, then by collection. It looks at no more than
// limit entries, each as often as there are users; cut tells that there were more.
func Compare(ctx context.Context, st store.Store, old, next *authz.Policy, who []*authz.Session, limit int) (shifts []Shift, cut bool, err error) {
	for head, err := range st.Heads(ctx) {
		if err != nil {
			return nil, false, err
		}
		if head.Space.Reserved() {
			continue
		}
		more, left, err := compareSpace(ctx, st, head, old, next, who, limit)
		if err != nil {
			return nil, false, err
		}
		shifts = append(shifts, more...)
		if limit = left; limit < 0 {
			return shifts, true, nil
		}
	}
	return shifts, false, nil
}

func compareSpace(ctx context.Context, st store.Store, head store.SpaceHead, old, next *authz.Policy, who []*authz.Session, limit int) ([]Shift, int, error) {
	view, err := st.View(ctx, head.Space, head.Cursor.Seq)
	if err != nil {
		return nil, 0, err
	}
	defer view.Close()
	before, after := old.Rules(head.Space), next.Rules(head.Space)
	collections := append(before.Collections(), after.Collections()...)
	slices.Sort(collections)
	collections = slices.Compact(collections)
	type pair struct{ before, after *authz.Scope }
	scopes := make([]pair, len(who))
	for i, w := range who {
		if scopes[i].before, err = w.In(before).ScopeAt(collections, before.Lifted(view)); err != nil {
			return nil, 0, err
		}
		if scopes[i].after, err = w.In(after).ScopeAt(collections, after.Lifted(view)); err != nil {
			return nil, 0, err
		}
	}
	found := make([][]Shift, len(who))
	for _, collection := range collections {
		counts := make([]Shift, len(who))
		for e, err := range view.Scan(collection, "") {
			if err != nil {
				return nil, 0, err
			}
			if limit--; limit < 0 {
				break
			}
			docs := [2]map[string]any{}
			for i, rules := range []*authz.Rules{before, after} {
				v, err := rules.Lift(e.Key, e.Version)
				if err == nil {
					docs[i], err = kernel.Doc(e.Key, v)
				}
				if err != nil {
					return nil, 0, err
				}
			}
			for i := range who {
				was, _, had := scopes[i].before.See(collection, docs[0])
				is, _, has := scopes[i].after.See(collection, docs[1])
				switch {
				case has && !had:
					counts[i].Gains++
				case had && !has:
					counts[i].Loses++
				case has && !value.Equal(was, is):
					counts[i].Otherwise++
				}
			}
		}
		for i, c := range counts {
			if c != (Shift{}) {
				c.Space, c.User, c.Collection = head.Space, who[i].User(), collection
				found[i] = append(found[i], c)
			}
		}
	}
	return slices.Concat(found...), limit, nil
}
