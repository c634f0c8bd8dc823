package explain_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/explain"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// TestCompare: who gains, who loses, who sees other fields, and where it is cut short.
func TestCompare(t *testing.T) {
	st := memstore.New()
	developer, err := authz.NewSession(authz.Principal{})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []space.Path{"other/x", "team/a", "team/b"} {
		plan := kernel.NewPlan(space.Cursor{}, time.UnixMilli(1), store.Reader{Context: t.Context(), Store: st, Space: path}, wire.DefaultLimits)
		m := space.Mutation{Ops: []space.Op{
			{Op: space.OpPut, In: "cards", ID: "1", Value: []byte(`{"owner":"ada","pay":1}`)},
			{Op: space.OpPut, In: "cards", ID: "2", Value: []byte(`{"owner":"bob"}`)},
			{Op: space.OpPut, In: "members", ID: "m", Value: []byte(`{"user":"bob"}`)},
		}}
		if _, err := plan.Submit(kernel.Writer{}, developer.In(authz.Development{}.Rules(path)).Guard(nil, time.UnixMilli(1)), &m); err != nil {
			t.Fatal(err)
		}
		if err := st.Append(t.Context(), store.Batch{Space: path, Commits: plan.Commits()}); err != nil {
			t.Fatal(err)
		}
	}
	policy := func(collections string) *authz.Policy {
		d, err := definition.Parse([]byte(`{"spaces":{"team/{t}":{"open":"true","relations":{"member":{"in":"members","subject":"user","object":"user"}},"collections":` + collections + `}}}`))
		if err != nil {
			t.Fatal(err)
		}
		p, err := authz.Compile(d)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	old := policy(`{"cards":{"read":"doc.owner == auth.uid"}}`)
	next := policy(`{"cards":{"read":"member(auth.uid) || doc.owner == 'ada' && auth.uid == 'ada'","fields":{"pay":{"read":"false"}}},"members":{"read":"auth.uid == 'ada'"}}`)
	who := func(name string) *authz.Session {
		s, err := authz.NewSession(authz.Principal{User: name})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	all := []*authz.Session{who("bob"), who("ada"), who("eve")}
	compare := func(c explain.Comparison) *explain.Compared {
		t.Helper()
		if c.Looks == 0 {
			c.Looks = 1000
		}
		got, err := explain.Compare(t.Context(), st, &c)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := compare(explain.Comparison{Old: old, Next: next, Who: all})
	var want []explain.Shift
	for _, path := range []space.Path{"team/a", "team/b"} {
		want = append(want, explain.Shift{Space: path, User: "bob", Collection: "cards", Gains: 1},
			explain.Shift{Space: path, User: "ada", Collection: "cards", Otherwise: 1},
			explain.Shift{Space: path, User: "ada", Collection: "members", Gains: 1})
	}
	if diff := cmp.Diff(&explain.Compared{Shifts: want, Spaces: 2, Alike: 1}, got); diff != "" {
		t.Error(diff)
	}
	if users, gains, loses, otherwise := got.Totals(); users != 2 || gains != 4 || loses != 0 || otherwise != 2 {
		t.Errorf("totals: %d users, %d, %d, %d", users, gains, loses, otherwise)
	}
	back := compare(explain.Comparison{Old: next, Next: old, Who: all})
	if s := back.Shifts; len(s) != len(want) || s[0].Loses != 1 || s[2].Loses != 1 {
		t.Errorf("the other way round: %+v", back)
	}
	if got := compare(explain.Comparison{Old: old, Next: next, Who: all, Looks: 12}); len(got.Shifts) < 3 || !cmp.Equal(got.Cut, []string{"looks"}) {
		t.Errorf("with a limit: %+v", got)
	}
	if got := compare(explain.Comparison{Old: old, Next: old, Who: all}); len(got.Shifts) != 0 || got.Spaces != 0 || got.Alike != 3 {
		t.Errorf("of the same: %+v", got)
	}
	// Those whom relations name, and those who are there: first where they are.
	if diff := cmp.Diff([]explain.Shift{want[0], want[3]}, compare(explain.Comparison{Old: old, Next: next, Named: true}).Shifts); diff != "" {
		t.Error(diff)
	}
	present := map[space.Path][]*authz.Session{"team/b": {who("ada"), who("ada")}}
	if diff := cmp.Diff([]explain.Shift{want[4], want[5]}, compare(explain.Comparison{Old: old, Next: next, Present: present}).Shifts); diff != "" {
		t.Error(diff)
	}
	if got := compare(explain.Comparison{Old: old, Next: next, Present: present, Looks: 5}); !cmp.Equal(got.Shifts, []explain.Shift{want[4], want[5]}) || got.Cut == nil {
		t.Errorf("who is there comes first: %+v", got)
	}
	if got := compare(explain.Comparison{Old: old, Next: next, Who: all, Users: 1}); len(got.Shifts) != 2 || !cmp.Equal(got.Cut, []string{"users"}) {
		t.Errorf("with one user: %+v", got)
	}
	// A deadline ends it, with what has been found; a context that was cancelled is an error.
	late, cancel := context.WithTimeout(t.Context(), -1)
	defer cancel()
	if got, err := explain.Compare(late, st, &explain.Comparison{Old: old, Next: next, Who: all, Looks: 1000}); err != nil || !cmp.Equal(got.Cut, []string{"time"}) {
		t.Errorf("too late: %+v, %v", got, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := explain.Compare(gone, st, &explain.Comparison{Old: old, Next: next, Who: all, Looks: 1000}); err == nil {
		t.Error("nobody waits for it, and it says nothing")
	}
}
