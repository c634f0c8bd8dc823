package explain_test

import (
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
	got, cut, err := explain.Compare(t.Context(), st, old, next, all, 1000)
	var want []explain.Shift
	for _, path := range []space.Path{"team/a", "team/b"} {
		want = append(want, explain.Shift{Space: path, User: "bob", Collection: "cards", Gains: 1},
			explain.Shift{Space: path, User: "ada", Collection: "cards", Otherwise: 1},
			explain.Shift{Space: path, User: "ada", Collection: "members", Gains: 1})
	}
	if diff := cmp.Diff(want, got); diff != "" || cut || err != nil {
		t.Errorf("%v, %v:\n%s", cut, err, diff)
	}
	back, _, err := explain.Compare(t.Context(), st, next, old, all, 1000)
	if len(back) != len(want) || back[0].Loses != 1 || back[2].Loses != 1 || err != nil {
		t.Errorf("the other way round: %+v, %v", back, err)
	}
	if got, cut, err = explain.Compare(t.Context(), st, old, next, all, 4); !cut || err != nil || len(got) < 3 {
		t.Errorf("with a limit: %v, %v, %+v", cut, err, got)
	}
}
