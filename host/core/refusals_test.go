package core_test

import (
	"strings"
	"testing"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// nested is a definition with a hidden field inside of one that everybody sees.
const nested = `{"spaces":{"team/{t}":{"open":"true","collections":{"cards":{"read":"true","write":"true",
	"fields":{"meta.a.rank":{"read":"auth.admin == true"}}}}}}}`

// TestHiddenBelow: what p does to the objects on the way to a hidden field ends alike whether there is anything at
// the end of it, as p is told and as p sees it then.
func TestHiddenBelow(t *testing.T) {
	for _, op := range []space.Op{
		{Op: "patch", Patch: []byte(`{"$unset":["meta"]}`)},
		{Op: "patch", Patch: []byte(`{"$unset":["meta.a"]}`)},
		{Op: "patch", Patch: []byte(`{"$unset":["meta.a.rank"]}`)},
		{Op: "patch", Patch: []byte(`{"$set":{"meta":1}}`)},
		{Op: "patch", Patch: []byte(`{"$set":{"meta.a":[]}}`)},
		{Op: "patch", Patch: []byte(`{"$set":{"meta.a.x":1}}`)},
		{Op: "put", Value: []byte(`{}`)},
		{Op: "put", Value: []byte(`{"meta":{"b":1}}`)},
		{Op: "put", Value: []byte(`{"meta":{"a":{"rank":1}}}`)},
	} {
		var told []string
		for _, there := range []string{`{"meta":{"a":{"rank":7}}}`, `{"meta":{"a":{}}}`} {
			d, err := definition.Parse([]byte(nested))
			if err != nil {
				t.Fatal(err)
			}
			policy, err := authz.Compile(d)
			if err != nil {
				t.Fatal(err)
			}
			rules := policy.Rules("team/a")
			w := &scripted{T: t, store: memstore.New(), rules: rules}
			w.load()
			if o := w.write("root", space.Op{Op: "put", In: "cards", ID: "c", Value: []byte(there)}); o.Kind != space.Applied {
				t.Fatalf("%+v", o)
			}
			op.In, op.ID = "cards", "c"
			o := w.write("p", op)
			told = append(told, string(wire.Encode(&wire.Ack{Outcomes: []space.Outcome{o}}))+" "+w.shown("p", "c"))
			if rank := w.shown("root", "c"); strings.Contains(there, "7") && !strings.Contains(rank, `"rank":7`) {
				t.Errorf("%+v takes away what is hidden: %s", op, rank)
			}
		}
		if told[0] != told[1] {
			t.Errorf("%s %s %s:\n%s\n%s", op.Op, op.Patch, op.Value, told[0], told[1])
		}
	}
}

// scripted is a space whose writes are made one after the other.
type scripted struct {
	*testing.T
	store *memstore.Store
	rules *authz.Rules
	space *core.Space
}

func (w *scripted) load() {
	w.Helper()
	var err error
	w.space, err = core.Load(w.Context(), core.Config{Path: "team/a", Store: w.store, Limits: wire.DefaultLimits, Rules: w.rules, Lagging: func(*core.Member) {}})
	if err != nil {
		w.Fatal(err)
	}
}

func (w *scripted) who(user string) *authz.Session {
	w.Helper()
	who, err := authz.NewSession(authz.Principal{User: user, Claims: map[string]any{"admin": user == "root"}})
	if err != nil {
		w.Fatal(err)
	}
	return who
}

// write makes one write and commits it.
func (w *scripted) write(user string, op space.Op) (o space.Outcome) {
	w.Helper()
	w.space.Do(&core.Request{Who: w.who(user), Mutations: []space.Mutation{{Ops: []space.Op{op}}}, Done: func(outcomes []space.Outcome, _ space.Cursor, err error) {
		if err != nil {
			w.Fatal(err)
		}
		o = outcomes[0]
	}})
	turn := w.space.Begin(w.Context(), time.UnixMilli(1))
	batches, err := turn.Batches("team/a")
	if err == nil {
		err = w.store.Append(w.Context(), batches...)
	}
	if err := w.space.Finish(w.Context(), turn, err); err != nil {
		w.Fatal(err)
	}
	return o
}

// shown is a card as a user sees it.
func (w *scripted) shown(user, id string) string {
	w.Helper()
	v, err := w.store.View(w.Context(), "team/a", w.space.Head().Seq)
	if err != nil {
		w.Fatal(err)
	}
	defer v.Close()
	scope, err := w.who(user).In(w.rules).ScopeAt([]string{"cards"}, v)
	if err != nil {
		w.Fatal(err)
	}
	key := space.Key{Collection: "cards", ID: id}
	got, err := v.Get(key)
	if err == nil {
		got, _, err = kernel.Show(scope.Filter(), key, got)
	}
	if err != nil {
		w.Fatal(err)
	}
	return string(got.Payload)
}

// TestRefusalsTellNothingHidden: what is wrong with a record is told of what the writer may see; of the
// rest not even how long it is.
func TestRefusalsTellNothingHidden(t *testing.T) {
	const hush = "hushhushhush"
	for _, c := range []struct {
		what, schema, patch string
		want, code          string
	}{
		{"a hidden field that does not fit", `{"properties":{"secret":{"const":"other"}}}`, `{"$set":{"title":"x"}}`, "does not fit the schema of cards", space.CodeInvalid},
		{"a hidden field that must not be there", `{"additionalProperties":false,"properties":{"title":{},"owner":{}}}`, `{"$set":{"title":"x"}}`, "does not fit the schema of cards", space.CodeInvalid},
		{"both", `{"properties":{"secret":{"maxLength":1},"title":{"type":"string"}}}`, `{"$set":{"title":1}}`, "", space.CodeInvalid},
		{"one's own field", `{"properties":{"title":{"type":"string"}}}`, `{"$set":{"title":1}}`, `"path":"title"`, space.CodeInvalid},
		{"the size of it all", `{}`, `{"$set":{"title":"` + strings.Repeat("x", 100) + `"}}`, "more bytes than the limit maxBytes of cards, 120", space.CodeTooLarge},
	} {
		t.Run(c.what, func(t *testing.T) {
			rules := func(more string) *authz.Rules {
				d, err := definition.Parse([]byte(`{"spaces":{"team/{t}":{"open":"true","collections":{"cards":{"read":"true","write":"true",
					"fields":{"secret":{"read":"auth.admin == true"}}` + more + `}}}}}`))
				if err != nil {
					t.Fatal(err)
				}
				p, err := authz.Compile(d)
				if err != nil {
					t.Fatal(err)
				}
				return p.Rules("team/a")
			}
			w := &scripted{T: t, store: memstore.New(), rules: rules("")}
			w.load()
			if o := w.write("root", space.Op{Op: "put", In: "cards", ID: "c", Value: []byte(`{"secret":"` + hush + `"}`)}); o.Kind != space.Applied {
				t.Fatalf("%+v", o)
			}
			if err := w.space.SetRules(t.Context(), rules(`,"maxBytes":120,"schema":`+c.schema)); err != nil {
				t.Fatal(err)
			}
			o := w.write("p", space.Op{Op: "patch", In: "cards", ID: "c", Patch: []byte(c.patch)})
			told := string(wire.Encode(&wire.Ack{Outcomes: []space.Outcome{o}}))
			if o.Kind != space.Rejected || o.Code != c.code || !strings.Contains(told, c.want) || strings.Contains(told, "secret") || strings.Contains(told, "hush") {
				t.Errorf("%s", told)
			}
			// Who sees it all is told it all.
			if o := w.write("root", space.Op{Op: "patch", In: "cards", ID: "c", Patch: []byte(c.patch)}); o.Kind != space.Rejected || strings.Contains(c.want, "schema") && o.Path == "" && !strings.Contains(o.Message, "secret") {
				t.Errorf("to root: %+v", o)
			}
		})
	}
}
