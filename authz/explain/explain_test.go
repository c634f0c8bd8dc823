package explain_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/explain"
	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

var ctx = context.Background() // rapid runs without one of a test

// state is a kernel.Reader of entries that are committed first.
type state struct {
	kernel.Reader
	entries map[space.Key]space.Version
}

func (s state) Get(key space.Key, _ space.Seq) (space.Version, error) { return s.entries[key], nil }

// furnish commits entries to a space, all in one.
func furnish(t interface{ Fatal(...any) }, path space.Path, entries map[string]any) (*memstore.Store, state) {
	st, read := memstore.New(), state{entries: map[space.Key]space.Version{}}
	m := &space.Mutation{}
	for name, doc := range entries {
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		collection, id, _ := strings.Cut(name, "/")
		m.Ops = append(m.Ops, space.Op{Op: space.OpPut, In: collection, ID: id, Value: text})
	}
	who, err := authz.NewSession(authz.Principal{})
	if err != nil {
		t.Fatal(err)
	}
	plan := kernel.NewPlan(space.Cursor{}, time.Time{}, read, wire.DefaultLimits)
	if o, err := plan.Submit(kernel.Writer{}, who.In(authz.Development{}.Rules(path)).Guard(nil, time.Time{}), m); err != nil || o.Kind != space.Applied {
		t.Fatal(o, err)
	}
	if err := st.Append(ctx, store.Batch{Space: path, Commits: plan.Commits()}); err != nil {
		t.Fatal(err)
	}
	for _, c := range plan.Commits()[0].Changes {
		read.entries[c.Key] = space.Version{Seq: 1, Payload: c.Payload}
	}
	return st, read
}

var (
	anyName  = rapid.SampledFrom([]string{"ada", "bob", "p1", "p2"})
	reading  = []string{`doc.owner == auth.uid`, `member(doc.project)`, `doc.project in auth.teams`, `doc.public == true`, `auth.admin == true`, `auth.missing == 1`, `doc.n > 1`, `!member(doc.project)`, `has(doc.n)`}
	writing  = append([]string{`new.owner == auth.uid`, `!("owner" in changed)`, `op != "create"`, `exists("members", "m1")`, `get("members", "m1").user == auth.uid`, `old.n + 1 == new.n`}, reading...)
	spaceful = []string{`auth.uid != ""`, `member(space.team)`, `auth.admin == true`, `"p1" in auth.teams`, `true`}
)

func anyRule(t *rapid.T, from []string, name string) string {
	var ways []string
	for range rapid.IntRange(1, 3).Draw(t, name) {
		ways = append(ways, strings.Join(rapid.SliceOfN(rapid.SampledFrom(from), 1, 2).Draw(t, name), " && "))
	}
	return strings.Join(ways, " || ")
}

func anyCard(t *rapid.T) map[string]any {
	card := map[string]any{}
	for field, value := range map[string]any{"owner": anyName.Draw(t, "owner"), "project": anyName.Draw(t, "project"), "public": rapid.Bool().Draw(t, "public"), "n": rapid.IntRange(0, 3).Draw(t, "n")} {
		if rapid.IntRange(0, 4).Draw(t, field) > 0 {
			card[field] = value
		}
	}
	return card
}

// TestAgrees holds what explain says against what the server's own ways of asking say, on random rules.
func TestAgrees(t *testing.T) {
	counts := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		d := &definition.Definition{Spaces: map[string]definition.Space{"team/{team}": {
			Open: anyRule(t, spaceful, "open"), Relations: map[string]definition.Relation{"member": {In: "members", Subject: "user", Object: "of"}},
			Collections: map[string]definition.Collection{"cards": {
				Read: anyRule(t, reading, "read"), Create: anyRule(t, writing, "create"), Update: anyRule(t, writing, "update"), Delete: anyRule(t, writing, "delete"),
				Schema: []byte(`{"properties":{"n":{"maximum":2}}}`),
			}},
		}}}
		p, err := authz.Compile(d)
		if err != nil {
			t.Fatal(err)
		}
		entries := map[string]any{}
		sets := rule.Set{}
		uid := rapid.SampledFrom([]string{"ada", "bob"}).Draw(t, "uid")
		for i := range rapid.IntRange(1, 3).Draw(t, "members") {
			user, of := anyName.Draw(t, "user"), rapid.SampledFrom([]string{"alpha", "p1", "p2"}).Draw(t, "of")
			entries[fmt.Sprint("members/m", i+1)] = map[string]any{"user": user, "of": of}
			if user == uid {
				sets[`"`+of]++
			}
		}
		card := anyCard(t)
		entries["cards/c1"] = card
		st, read := furnish(t, "team/alpha", entries)
		who, err := authz.NewSession(authz.Principal{User: uid, Claims: map[string]any{
			"teams": []any{anyName.Draw(t, "team")}, "admin": rapid.Bool().Draw(t, "admin"),
		}})
		if err != nil {
			t.Fatal(err)
		}
		rules := p.Rules("team/alpha")
		ask := func(id string, op *space.Op) *explain.Answer {
			a, err := explain.Ask(ctx, st, p, who, explain.Question{Space: "team/alpha", Key: space.Key{Collection: "cards", ID: id}, Write: op})
			if err != nil {
				t.Fatal(err)
			}
			if a.Why() == "" || !strings.Contains(a.Text(), a.Why()) {
				t.Fatalf("says nothing: %s", a.Text())
			}
			return a
		}
		text, err := json.Marshal(card)
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		want := who.In(rules).MayRead("cards", doc, func(string) rule.Set { return sets })
		a := ask("c1", nil)
		if a.Allowed != want {
			t.Fatalf("MayRead says %t\n%s", want, a.Text())
		}
		counts[fmt.Sprint("see ", want)]++
		next, err := json.Marshal(anyCard(t))
		if err != nil {
			t.Fatal(err)
		}
		view, err := st.View(ctx, "team/alpha", 1)
		if err != nil {
			t.Fatal(err)
		}
		defer view.Close()
		relations, err := rules.Load(view)
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range []space.Op{
			{Op: space.OpPut, ID: "c1", Value: next},
			{Op: space.OpPut, ID: "new", Value: next},
			{Op: space.OpPatch, ID: "c1", Patch: []byte(`{"$set":{"n":2}}`)},
			{Op: space.OpPatch, ID: "c1", Patch: []byte(`{"$set":{"n":3}}`)},
			{Op: space.OpDelete, ID: "c1"},
			{Op: space.OpPatch, ID: "none", Patch: []byte(`{"$set":{"n":2}}`)},
		} {
			op.In = "cards"
			plan := kernel.NewPlan(space.Cursor{Seq: 1}, time.Time{}, read, wire.DefaultLimits)
			outcome, err := plan.Submit(kernel.Writer{User: uid}, who.In(rules).Guard(relations.Fork(), time.Time{}), &space.Mutation{Ops: []space.Op{op}})
			if err != nil {
				t.Fatal(err)
			}
			a := ask(op.ID, &op)
			if may := outcome.Kind == space.Applied; a.Allowed != may || !may && a.Refusal.Code != outcome.Code {
				t.Fatalf("the guard says %+v\n%s", outcome, a.Text())
			}
			// The rule's own answer stands in the verdict's way only where it is no.
			if a.Allowed && !a.Nothing && !(a.Write.Allowed && a.Open.Allowed) {
				t.Fatalf("allowed against its rules\n%s", a.Text())
			}
			counts[fmt.Sprintf("%s %s %s", op.Op, outcome.Kind, outcome.Code)]++
		}
	})
	for _, what := range []string{"see true", "see false", "put applied ", "put rejected forbidden", "put rejected invalid", "patch applied ", "patch rejected not_found", "delete applied ", "delete rejected forbidden"} {
		if counts[what] < 3 {
			t.Errorf("%s happened %d times: that tests little; %v", what, counts[what], counts)
		}
	}
}

const team = `
spaces:
  team/{team}:
    open: member(space.team) || auth.admin == true
    relations:
      member: {in: members, subject: user, object: team}
    collections:
      cards:
        read: doc.public == true || doc.owner == auth.uid && member(space.team)
        update: doc.owner == auth.uid && !("owner" in changed)
        delete: old.locked == false
        schema: {properties: {title: {type: string}}}
      notes: {write: "true"}
`

// TestWords: what an operator reads.
func TestWords(t *testing.T) {
	d, err := definition.Parse([]byte(team))
	if err != nil {
		t.Fatal(err)
	}
	p, err := authz.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	st, _ := furnish(t, "team/alpha", map[string]any{
		"members/m1": map[string]any{"user": "bob", "team": "alpha"}, "members/m2": map[string]any{"user": "bob", "team": "alpha"}, "members/m3": map[string]any{"user": "eve", "team": "beta"},
		"cards/c1": map[string]any{"owner": "ada"}, "cards/c2": map[string]any{"owner": "bob", "title": "t"},
	})
	for _, c := range []struct {
		user, path, key string
		op              *space.Op
		allowed         bool
		why             string
	}{
		{"bob", "team/alpha", "cards/c1", nil, false, `collections.cards.read is error, for doc.public == true is error (doc.public is not there); doc.owner == auth.uid is false (doc.owner = "ada", auth.uid = "bob")`},
		{"bob", "team/alpha", "cards/c2", nil, true, `collections.cards.read is true, for doc.owner == auth.uid is true (doc.owner = "bob", auth.uid = "bob"); member(space.team) is true (space.team = "alpha", member holds with "alpha" by members/m1, members/m2)`},
		{"eve", "team/alpha", "cards/c2", nil, false, `they may not open the space: open is error, for member(space.team) is false (space.team = "alpha", no entry of members makes member hold with "alpha"; it holds with "beta"); auth.admin == true is error (auth.admin is not there)`},
		{"bob", "other", "cards/c2", nil, false, `no kind of space in the definition fits this path`},
		{"bob", "team/alpha", "cards/none", nil, false, `there is no such entry`},
		{"bob", "team/alpha", "members/m1", nil, false, `there is no rule collections.members.read, so that nobody may`},
		{"bob", "team/alpha", "cards/c2", &space.Op{Op: space.OpPatch, Patch: []byte(`{"$set":{"owner":"ada"}}`)}, false, `collections.cards.update is false, for "owner" in changed is true (changed = ["owner"])`},
		{"bob", "team/alpha", "cards/c2", &space.Op{Op: space.OpPatch, Patch: []byte(`{"$set":{"title":7}}`)}, false, `invalid at title: `},
		{"bob", "team/alpha", "cards/c2", &space.Op{Op: space.OpDelete}, false, `collections.cards.delete is error, for old.locked == false is error (old.locked is not there)`},
		{"bob", "team/alpha", "cards/c1", &space.Op{Op: space.OpDelete}, true, `it changes nothing, since they may not see the entry, which is to them as if it were not there: collections.cards.read is`},
		{"bob", "team/alpha", "cards/new", &space.Op{Op: space.OpPut, Value: []byte(`{}`)}, false, `there is no rule collections.cards.create, so that nobody may`},
		{"bob", "team/alpha", "void/x", &space.Op{Op: space.OpPut, Value: []byte(`{}`)}, false, `the collection is not in the definition`},
		{"bob", "team/alpha", "notes/x", &space.Op{Op: space.OpPut, Value: []byte(`{}`)}, true, `collections.notes.create is true, for true is true`},
	} {
		who, err := authz.NewSession(authz.Principal{User: c.user})
		if err != nil {
			t.Fatal(err)
		}
		collection, id, _ := strings.Cut(c.key, "/")
		a, err := explain.Ask(t.Context(), st, p, who, explain.Question{Space: space.Path(c.path), Key: space.Key{Collection: collection, ID: id}, Write: c.op})
		if err != nil {
			t.Fatal(err)
		}
		if a.Allowed != c.allowed || !strings.HasPrefix(a.Why(), c.why) {
			t.Errorf("%s, %s:\n got %t %s\nwant %t %s\n%s", c.user, c.key, a.Allowed, a.Why(), c.allowed, c.why, a.Text())
		}
		text, err := json.Marshal(a)
		if err != nil || !strings.Contains(string(text), fmt.Sprintf(`"allowed":%t`, c.allowed)) {
			t.Errorf("%s, %v", text, err)
		}
	}
	if _, err := explain.Ask(t.Context(), st, p, new(authz.Session), explain.Question{Space: "team/alpha", At: 7}); err == nil || !strings.Contains(err.Error(), "no commit 7 yet; the last is 1") {
		t.Errorf("a commit to come: %v", err)
	}
}

// TestConstraints: what a constraint refuses has that as its reason, and asking changes nothing.
func TestConstraints(t *testing.T) {
	d, err := definition.Parse([]byte(`
spaces:
  team/{team}:
    open: "true"
    collections:
      projects: {read: "true", write: "true"}
      cards:
        read: "true"
        write: auth.uid != "eve"
        references: [{path: project, to: projects}]
        unique: [[slug]]
        quota: {entries: 3}
`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := authz.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	st, _ := furnish(t, "team/alpha", map[string]any{
		"projects/p1": map[string]any{}, "projects/p2": map[string]any{},
		"cards/c1": map[string]any{"project": "p1", "slug": "taken"}, "cards/c2": map[string]any{},
	})
	put := func(text string) *space.Op { return &space.Op{Op: space.OpPut, Value: []byte(text)} }
	ask := func(user, key string, op *space.Op, allowed bool, why string) {
		t.Helper()
		who, err := authz.NewSession(authz.Principal{User: user})
		if err != nil {
			t.Fatal(err)
		}
		collection, id, _ := strings.Cut(key, "/")
		a, err := explain.Ask(t.Context(), st, p, who, explain.Question{Space: "team/alpha", Key: space.Key{Collection: collection, ID: id}, Write: op})
		if err != nil {
			t.Fatal(err)
		}
		code, _, _ := strings.Cut(why, " ")
		if a.Allowed != allowed || !strings.HasPrefix(a.Why(), why) || !allowed && user == "bob" && (a.Refusal == nil || a.Refusal.Code != strings.TrimSuffix(code, ":") || !a.Write.Allowed) || !strings.Contains(a.Text(), a.Why()) {
			t.Errorf("%s %s:\n got %t %s\nwant %t %s\n%s", user, key, a.Allowed, a.Why(), allowed, why, a.Text())
		}
	}
	for range 2 {
		ask("bob", "cards/c3", put(`{"slug":"taken"}`), false, "unique at slug: another entry has the same slug")
		ask("bob", "cards/c3", put(`{"project":"none"}`), false, "reference at project: there is no such entry of projects")
		ask("bob", "projects/p1", &space.Op{Op: space.OpDelete}, false, "in_use: ")
		ask("bob", "projects/p2", &space.Op{Op: space.OpDelete}, true, "collections.projects.delete is true")
		ask("bob", "cards/c3", put(`{"slug":"free"}`), true, "collections.cards.create is true")
		ask("eve", "cards/c3", put(`{"slug":"taken"}`), false, "collections.cards.create is false") // the rules come first
	}
	st, _ = furnish(t, "team/alpha", map[string]any{"cards/c1": map[string]any{}, "cards/c2": map[string]any{}, "cards/c3": map[string]any{}})
	ask("bob", "cards/c4", put(`{}`), false, "quota: the limit entries of cards is 3")
	ask("bob", "cards/c3", put(`{"n":1}`), true, "collections.cards.update is true")

	// One explainer may be asked more than once: each write is one by itself.
	who, err := authz.NewSession(authz.Principal{User: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	st, read := furnish(t, "team/alpha", map[string]any{"cards/c1": map[string]any{}})
	view, err := st.View(t.Context(), "team/alpha", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	x, err := who.In(p.Rules("team/alpha")).Explain(view)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"c2", "c3"} {
		plan := kernel.NewPlan(space.Cursor{Seq: 1}, time.Time{}, read, wire.DefaultLimits)
		o, err := plan.Submit(kernel.Writer{User: "bob"}, x.Guard(time.Time{}), &space.Mutation{Ops: []space.Op{{Op: space.OpPut, In: "cards", ID: id, Value: []byte(`{"slug":"one"}`)}}})
		if err != nil || o.Kind != space.Applied {
			t.Errorf("%s: %+v %v", id, o, err)
		}
	}
}
