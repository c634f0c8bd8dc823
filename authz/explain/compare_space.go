package explain

import (
	"bytes"
	"errors"
	"slices"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/value"
)

// space compares one space as of its head, or as of the horizon if that has overtaken it.
func (r *comparing) space(head store.SpaceHead) error {
	before, after := r.Old.Rules(head.Space), r.Next.Rules(head.Space)
	if before.Alike(after) {
		r.out.Alike++
		return nil
	}
	view, err := r.st.View(r.ctx, head.Space, head.Cursor.Seq)
	for errors.Is(err, store.ErrTrimmed) {
		if head.Head, err = r.st.Head(r.ctx, head.Space); err == nil {
			view, err = r.st.View(r.ctx, head.Space, head.Cursor.Seq)
		}
	}
	if err != nil {
		return err
	}
	defer view.Close()
	r.out.Spaces++
	var relations [2]*authz.Relations
	for i, rules := range []*authz.Rules{before, after} {
		var whole bool
		if relations[i], whole, err = rules.Relate(rules.Lifted(view), func() bool { return r.look(1) }); err != nil {
			return err
		}
		if !whole {
			return errEnough
		}
	}
	collections := append(before.Collections(), after.Collections()...)
	slices.Sort(collections)
	collections = slices.Compact(collections)
	who, err := r.who(head, before, after, relations)
	if err != nil {
		return err
	}
	type pair struct{ before, after *authz.Scope }
	scopes := make([]pair, len(who))
	for i, w := range who {
		scopes[i] = pair{w.In(before).Scope(collections, relations[0]), w.In(after).Scope(collections, relations[1])}
	}
	found := make([][]Shift, len(who))
	defer func() { r.out.Shifts = append(r.out.Shifts, slices.Concat(found...)...) }()
	for _, collection := range collections {
		counts := make([]Shift, len(who))
		err = r.entries(view, collection, len(who), [2]*authz.Rules{before, after}, func(old, next map[string]any) {
			for i := range who {
				was, _, had := scopes[i].before.See(collection, old)
				is, _, has := scopes[i].after.See(collection, next)
				switch {
				case has && !had:
					counts[i].Gains++
				case had && !has:
					counts[i].Loses++
				case has && !value.Equal(was, is):
					counts[i].Otherwise++
				}
			}
		})
		for i, c := range counts {
			if c != (Shift{}) {
				c.Space, c.User, c.Collection = head.Space, who[i].User(), collection
				found[i] = append(found[i], c)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entries goes through a collection, each entry of which costs some looks, and is told as it is under both rules.
func (r *comparing) entries(view store.View, collection string, looks int, under [2]*authz.Rules, each func(old, next map[string]any)) error {
	if looks == 0 {
		return nil
	}
	for e, err := range view.Scan(collection, "") {
		if err != nil {
			return err
		}
		if !r.look(looks) {
			return errEnough
		}
		was, err := under[0].Lift(e.Key, e.Version)
		if err != nil {
			return err
		}
		is, err := under[1].Lift(e.Key, e.Version)
		if err != nil {
			return err
		}
		old, err := kernel.Doc(e.Key, was)
		if err != nil {
			return err
		}
		next := old
		if !bytes.Equal(is.Payload, was.Payload) { // rarely: the version of the collection is another one
			if next, err = kernel.Doc(e.Key, is); err != nil {
				return err
			}
		}
		each(old, next)
	}
	return nil
}

// look takes looks; false if there are not as many left.
func (r *comparing) look(looks int) bool {
	if r.ctx.Err() != nil {
		return false
	}
	if r.left -= looks; r.left < 0 {
		r.cut("looks")
		return false
	}
	return true
}

// who are those to look at in a space: each kind of rights once.
func (r *comparing) who(head store.SpaceHead, before, after *authz.Rules, relations [2]*authz.Relations) ([]*authz.Session, error) {
	all := slices.Concat(r.Who, r.Present[head.Space])
	if r.Named {
		known := map[string]bool{}
		for _, s := range all {
			known[s.User()] = true
		}
		for _, name := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(relations[0].Users(), relations[1].Users())))) {
			if known[name] {
				continue // with claims, which say more
			}
			if s, err := authz.NewSession(authz.Principal{User: name}); err == nil { // what an entry says need not be a user id
				all = append(all, s)
			}
		}
	}
	var who []*authz.Session
	seen := map[[2]string]bool{}
	for _, s := range all {
		rights := [2]string{s.In(before).Name(), s.In(after).Name()}
		if seen[rights] {
			continue
		}
		seen[rights] = true
		if r.Users > 0 && len(who) == r.Users {
			r.cut("users")
			break
		}
		who = append(who, s)
	}
	return who, r.ctx.Err()
}
