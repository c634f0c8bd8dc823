package explain

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
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

// MaxShifts bounds the shifts of one comparison.
const MaxShifts = 1000

// A Comparison says what is compared, for whom, and how much may be looked at. It
// reads views of a store: no space waits for it.
type Comparison struct {
	Old, Next *authz.Policy
	// Who are looked at in every space, beside those below.
	Who []*authz.Session
	// Present have spaces open, which are looked at before all others.
	Present map[space.Path][]*authz.Session
	// Named takes in whom relations speak of in a space, under either policy: by their user id, without claims.
	Named bool
	// Users are looked at in one space at most; 0 is no bound.
	Users int
	// Looks bounds how often an entry is looked at for a user, or for the sake of relations, over all spaces.
	Looks int
}

// Compared is the result of a comparison.
type Compared struct {
	// Shifts are by space, then user, in the order in which they were looked at, then collection.
	Shifts []Shift `json:"shifts"`
	// Spaces were looked at, each of which the two say something different of; Alike are those of which they say the same.
	Spaces int `json:"spaces"`
	Alike  int `json:"alike"`
	// Cut says why there may be more to find, nothing if all was looked at: "looks", "users", "shifts", "time".
	Cut []string `json:"cut,omitzero"`
}

// Totals are how many users gain or lose anything, and how many entries they do in sum.
func (c *Compared) Totals() (users, gains, loses, otherwise int) {
	seen := map[string]bool{}
	for _, s := range c.Shifts {
		seen[s.User] = true
		gains, loses, otherwise = gains+s.Gains, loses+s.Loses, otherwise+s.Otherwise
	}
	return len(seen), gains, loses, otherwise
}

// Compare says what somebody gains and loses if Next takes the place of Old, as of
// the head of each space. When the deadline of ctx passes it returns what it has found so far.
func Compare(ctx context.Context, st store.Store, c *Comparison) (*Compared, error) {
	r := &comparing{Comparison: c, ctx: ctx, st: st, left: c.Looks, out: &Compared{Shifts: []Shift{}}}
	err := r.all()
	if errors.Is(err, errEnough) || err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		if ctx.Err() != nil {
			r.cut("time")
		}
		err = nil
	}
	if err != nil {
		return nil, err
	}
	if more := len(r.out.Shifts) - MaxShifts; more > 0 {
		r.out.Shifts = r.out.Shifts[:MaxShifts]
		r.cut("shifts")
	}
	return r.out, nil
}

// errEnough ends a comparison: r.out.Cut says why.
var errEnough = errors.New("enough has been looked at")

// comparing is a comparison under way.
type comparing struct {
	*Comparison
	ctx  context.Context
	st   store.Store
	left int // looks
	out  *Compared
}

func (r *comparing) cut(why string) {
	if !slices.Contains(r.out.Cut, why) {
		r.out.Cut = append(r.out.Cut, why)
	}
}

func (r *comparing) all() error {
	for _, path := range slices.Sorted(maps.Keys(r.Present)) {
		head, err := r.st.Head(r.ctx, path)
		if err != nil {
			return err
		}
		if err := r.space(store.SpaceHead{Space: path, Head: head}); err != nil {
			return err
		}
	}
	for head, err := range r.st.Heads(r.ctx) {
		if err != nil {
			return err
		}
		if _, done := r.Present[head.Space]; done || head.Space.Reserved() {
			continue
		}
		if err := r.space(head); err != nil {
			return err
		}
	}
	slices.SortStableFunc(r.out.Shifts, func(a, b Shift) int { return cmp.Compare(a.Space, b.Space) })
	return nil
}
