package constraint_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/constraint"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

const projects = `{"spaces":{"a":{"open":"true","quota":{"entries":12},"collections":{
	"projects":{"read":"!has(doc.hidden)","write":"true"},
	"lists":{"read":"true","write":"true","references":[{"path":"project","to":"projects","onDelete":"cascade"}]},
	"cards":{"read":"!has(doc.hidden)","write":"true","references":[{"path":"list","to":"lists","onDelete":"cascade"},{"path":"also","to":"projects","onDelete":"deny"},{"path":"next","to":"cards","onDelete":"clear"}],
		"unique":[["slug"]],"owner":"owner","quota":{"entriesPerUser":4}},
	"balance":{"read":"true","write":"true","strategy":"serializable"}}}}}`

// scene submits mutations one after the other and returns the code of the last one's
// refusal with its words, "" if it was applied, and what is there then.
func scene(t testing.TB, bugs constraint.Bugs, mutations ...string) (string, int) {
	t.Helper()
	d, err := definition.Parse([]byte(projects))
	if err != nil {
		t.Fatal(err)
	}
	r := &run{t: &rapid.T{}, store: memstore.New(), bugs: bugs}
	if r.policy, err = authz.Compile(d); err != nil {
		t.Fatal(err)
	}
	r.relations = r.load()
	who, err := authz.NewSession(authz.Principal{User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	for i, text := range mutations {
		push, err := wire.DecodePushRequest([]byte(`{"muts":[`+text+`]}`), wire.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		plan := kernel.NewPlan(r.head(), time.UnixMilli(1), r.reader(), wire.DefaultLimits)
		fork := r.relations.Fork()
		outcome, err := plan.Submit(kernel.Writer{User: "ada"}, who.In(r.policy.Rules(path)).Guard(fork, time.UnixMilli(1)), &push.Mutations[0])
		if err != nil {
			t.Fatal(err)
		}
		if said = outcome.Code; said != "" {
			said += " " + outcome.Path + " " + outcome.Message
			if i < len(mutations)-1 {
				t.Fatalf("%s: %s", text, said)
			}
		}
		if err := r.store.Append(context.Background(), store.Batch{Space: path, Base: plan.Base(), Commits: plan.Commits()}); err != nil {
			t.Fatal(err)
		}
		r.relations.Merge(fork)
	}
	v, err := r.store.View(context.Background(), path, r.head().Seq)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	n := 0
	for _, name := range []string{"projects", "lists", "cards"} {
		for _, err := range v.Scan(name, "") {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	return said, n
}

func put(key, doc string) string {
	var in, id string
	fmt.Sscanf(key, "%1s%s", &in, &id)
	return fmt.Sprintf(`{"op":"put","in":%q,"id":%q,"value":%s}`, map[string]string{"p": "projects", "l": "lists", "c": "cards"}[in], id, doc)
}

func del(in, id string) string { return fmt.Sprintf(`{"op":"delete","in":%q,"id":%q}`, in, id) }

func all(ops ...string) string {
	out := `{"ops":[`
	for i, op := range ops {
		if i > 0 {
			out += ","
		}
		out += op
	}
	return out + "]}"
}

// TestScenes: what happens in cases that people meet, in the words that they meet.
func TestScenes(t *testing.T) {
	begin := all(put("p1", `{}`), put("l1", `{"project":"1"}`), put("c1", `{"list":"1","slug":"x","owner":"ada"}`), put("c2", `{"list":"1","slug":"y","next":"1","owner":"ada"}`))
	for name, c := range map[string]struct {
		then []string
		said string
		left int
	}{
		"a chain of cascades":             {[]string{all(del("projects", "1"))}, "", 0},
		"in use":                          {[]string{all(put("p2", `{}`)), all(put("c3", `{"also":"2","hidden":true,"owner":"bob"}`)), all(del("projects", "2"))}, "in_use  what this would delete is still in use", 6},
		"both sides at once":              {[]string{all(put("p2", `{}`), put("c3", `{"also":"2","owner":"bob"}`)), all(del("projects", "2"), del("cards", "3"))}, "", 4},
		"in use by what goes along":       {[]string{all(put("c3", `{"also":"1","list":"1","owner":"bob"}`)), all(del("projects", "1"))}, "", 0},
		"cleared":                         {[]string{all(del("cards", "1")), all(put("c1", `{"owner":"ada"}`)), all(del("cards", "2"))}, "", 3},
		"a reference to nothing":          {[]string{all(put("l2", `{"project":"none"}`))}, "reference project there is no such entry of projects", 4},
		"to what nobody may see":          {[]string{all(put("p2", `{"hidden":true}`)), all(put("l2", `{"project":"2"}`))}, "reference project there is no such entry of projects", 5},
		"to what goes":                    {[]string{all(put("l2", `{"project":"1"}`), del("projects", "1"))}, "reference project there is no such entry of projects", 4},
		"to what the same mutation makes": {[]string{all(put("l2", `{"project":"2"}`), put("p2", `{"hidden":true}`))}, "", 6},
		"no id":                           {[]string{all(put("l2", `{"project":2}`))}, "invalid project the id of an entry of projects is wanted here", 4},
		"taken":                           {[]string{all(put("c3", `{"slug":"x","owner":"bob"}`))}, "unique slug another entry has the same slug", 4},
		"taken by what nobody sees":       {[]string{all(put("c3", `{"slug":"z","hidden":true,"owner":"bob"}`)), all(put("c4", `{"slug":"z","owner":"bob"}`))}, "unique slug another entry has the same slug", 5},
		"swapped":                         {[]string{all(put("c1", `{"slug":"y","owner":"ada"}`), put("c2", `{"slug":"x","owner":"ada"}`))}, "", 4},
		"nobody's":                        {[]string{all(put("c3", `{}`))}, "invalid owner whose the entry is has to be said here: a user's id", 4},
		"too many of a user":              {[]string{all(put("c3", `{"owner":"ada"}`), put("c4", `{"owner":"ada"}`)), all(put("c5", `{"owner":"ada"}`))}, "quota  the limit entriesPerUser of cards is 4", 6},
		"as many as before":               {[]string{all(put("c3", `{"owner":"ada"}`), put("c4", `{"owner":"ada"}`)), all(put("c5", `{"owner":"ada"}`), del("cards", "4"))}, "", 6},
		"too many in the space": {
			[]string{all(put("p2", `{}`), put("p3", `{}`), put("p4", `{}`), put("p5", `{}`), put("p6", `{}`), put("p7", `{}`), put("p8", `{}`), put("p9", `{}`)), all(put("l2", `{}`))},
			"quota  the limit entries of the space is 12", 12,
		},
		"blind":                  {[]string{`{"ops":[{"op":"put","in":"balance","id":"b","value":{}}]}`}, "invalid  writes to balance are serializable: say what was read, by if on this operation (0 for an entry that is not there) or by reads", 4},
		"with a version":         {[]string{`{"ops":[{"op":"put","in":"balance","id":"b","value":{},"if":0}]}`}, "", 4},
		"with reads":             {[]string{`{"ops":[{"op":"put","in":"balance","id":"b","value":{}}],"reads":{"at":1,"keys":[["balance","b"]]}}`}, "", 4},
		"with reads of nothing":  {[]string{`{"ops":[{"op":"put","in":"balance","id":"b","value":{}}],"reads":{"at":1}}`}, "invalid  writes to balance are serializable: say what was read, by if on this operation (0 for an entry that is not there) or by reads", 4},
		"deleted and made again": {[]string{all(del("projects", "1"), put("p1", `{"new":true}`))}, "", 4},
	} {
		if said, left := scene(t, constraint.Bugs{}, append([]string{begin}, c.then...)...); said != c.said || left != c.left {
			t.Errorf("%s: %q with %d entries left; want %q with %d", name, said, left, c.said, c.left)
		}
	}
	if _, left := scene(t, constraint.Bugs{OwnOnly: true}, begin, all(del("projects", "1"))); left == 0 {
		t.Error("a cascade that goes one step only is not noticed")
	}
}

// TestCascadeLimit: what one deletion can take along is bounded.
func TestCascadeLimit(t *testing.T) {
	d, err := definition.Parse([]byte(`{"spaces":{"a":{"open":"true","collections":{"p":{"read":"true","write":"true"},"c":{"read":"true","write":"true","references":[{"path":"p","to":"p","onDelete":"cascade"}]}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	set := constraint.Compile(d.Spaces["a"], func(at []string, err error) { t.Fatal(at, err) })
	docs := many{}
	for n, want := range map[int]string{constraint.MaxCascade: "", constraint.MaxCascade + 1: space.CodeTooLarge} {
		x := set.Index()
		for i := range n {
			x.Add("c", fmt.Sprint(i), map[string]any{"p": "1"}, 9)
		}
		_, more, refusal, err := x.Settle(docs, &kernel.Proposal{Seq: 2, Changes: []space.Change{{Key: space.Key{Collection: "p", ID: "1"}, Deleted: true}}}, constraint.Writer{Fits: func(string, map[string]any) bool { return true }})
		switch {
		case err != nil:
			t.Fatal(err)
		case want == "" && (refusal != nil || len(more) != n):
			t.Errorf("%d along: %v", len(more), refusal)
		case want != "" && (refusal == nil || refusal.Code != want):
			t.Errorf("%d entries: %v", n, refusal)
		}
	}
}

// TestGuessedReferences: to refer to what one may not see takes the same answer and the same work as to refer to what is not there.
func TestGuessedReferences(t *testing.T) {
	d, err := definition.Parse([]byte(projects))
	if err != nil {
		t.Fatal(err)
	}
	set := constraint.Compile(d.Spaces["a"], func(at []string, err error) { t.Fatal(at, err) })
	for _, field := range []string{"list", "also", "next"} {
		var answers []string
		for _, id := range []string{"hidden", "absent"} {
			asked := 0
			change := space.Change{Key: space.Key{Collection: "cards", ID: "c"}, Payload: []byte(fmt.Sprintf(`{%q:%q,"owner":"ada"}`, field, id))}
			_, _, refusal, err := set.Index().Settle(oneHidden{}, &kernel.Proposal{Seq: 2, Changes: []space.Change{change}}, constraint.Writer{
				Sees: func(space.Key, space.Version) (bool, error) { asked++; return false, nil },
				Fits: func(string, map[string]any) bool { return true },
			})
			if err != nil || refusal == nil || asked == 0 {
				t.Fatalf("%s to what is %s: %v, asked %d times (%v)", field, id, refusal, asked, err)
			}
			answers = append(answers, fmt.Sprintf("%s %s %s, asked %d times", refusal.Code, refusal.Path, refusal.Message, asked))
		}
		if answers[0] != answers[1] {
			t.Errorf("%s:\nhidden: %s\nabsent: %s", field, answers[0], answers[1])
		}
	}
}

// oneHidden is a state in which there is what is called hidden.
type oneHidden struct{ many }

func (oneHidden) Get(key space.Key) (v space.Version, err error) {
	if key.ID == "hidden" {
		v = space.Version{Seq: 1, Payload: []byte(`{"hidden":true}`)}
	}
	return v, nil
}

// many is a state in which everything is there and refers to 1.
type many struct{}

func (many) Get(space.Key) (space.Version, error) {
	return space.Version{Seq: 1, Payload: []byte(`{"p":"1"}`)}, nil
}

func (many) Doc(key space.Key, v space.Version) (map[string]any, error) { return kernel.Doc(key, v) }
