package host_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/internal/testlog"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
)

// deed is what these tests call: the operations to carry out.
type deed struct {
	Read   string `json:"read,omitzero"`   // the number of cards that are seen, and whether this one is
	Put    string `json:"put,omitzero"`    // an id
	Value  any    `json:"value,omitzero"`  // its record
	Patch  string `json:"patch,omitzero"`  // an id to count up
	Delete string `json:"delete,omitzero"` // an id
	In     string `json:"into,omitzero"`
	Times  int    `json:"times,omitzero"`
}

func do(tx *mutator.Tx, d deed) error {
	in := d.In
	if in == "" {
		in = "cards"
	}
	if d.Read != "" {
		found, err := tx.Find("cards", selector.Query{})
		if err != nil {
			return err
		}
		var doc any
		there, err := tx.Get("cards", d.Read, &doc)
		if err != nil {
			return err
		}
		return mutator.Refuse("saw", "", fmt.Sprintf("%d cards, %s %t", len(found), d.Read, there))
	}
	for range max(d.Times, 1) {
		if d.Put != "" {
			if err := tx.Put(in, d.Put, d.Value); err != nil {
				return err
			}
		}
		if d.Patch != "" {
			if err := tx.Patch(in, d.Patch, map[string]any{"$inc": map[string]any{"n": 1}}); err != nil {
				return err
			}
		}
		if d.Delete != "" {
			if err := tx.Delete(in, d.Delete); err != nil {
				return err
			}
		}
	}
	return nil
}

var deeds = mutator.Set{"team/{team}": {
	"mine": mutator.Of(do), "all": mutator.Of(do), "nobody": mutator.Of(do), "unsaid": mutator.Of(do),
	"bomb":   func(*mutator.Tx, jsontext.Value) error { panic("boom") },
	"broken": func(*mutator.Tx, jsontext.Value) error { return errors.New("no idea") },
	"id":     func(tx *mutator.Tx, _ jsontext.Value) error { return tx.Put("cards", tx.ID(), map[string]any{"n": 1}) },
}}

func mutators(t testing.TB) *mutator.Runner {
	t.Helper()
	r, err := mutator.New(deeds, mutator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func invoke(id space.MutationID, name, args string) space.Mutation {
	return space.Mutation{ID: id, Call: name, Args: jsontext.Value(args)}
}

const callRules = `{"spaces":{"team/{team}":{"open":"auth.uid != 'eve'",
	"mutators":{
		"mine":{"allow":"true","args":{"type":"object","properties":{"times":{"maximum":2000}}}},
		"all":{"allow":"auth.uid == 'ada' && args.into != 'secret'","as":"space"},
		"nobody":{},
		"missing":{"allow":"true"},
		"bomb":{"allow":"true"},"broken":{"allow":"true"}},
	"collections":{
		"cards":{"read":"doc.owner == auth.uid","create":"new.owner == auth.uid","update":"doc.owner == auth.uid && new.n < 3",
			"schema":{"type":"object","properties":{"n":{"type":"integer"}}}},
		"secret":{}}}}}`

// TestCallRights: who may call what, and what a mutator may do for whom.
func TestCallRights(t *testing.T) {
	d, err := definition.Parse([]byte(callRules))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := authz.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, host.Options{Authority: authz.NewRuled(policy, nil), Mutators: mutators(t)})
	ask := func(user string, m space.Mutation) string {
		who, err := authz.NewSession(authz.Principal{User: user})
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := h.Do(t.Context(), who, path, "", []space.Mutation{m})
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%s %s %s %s", out[0].Kind, out[0].Code, out[0].Path, out[0].Message)
	}
	const forbidden = "rejected forbidden  the rules do not allow this"
	for _, c := range []struct{ user, name, args, want string }{
		{"bob", "mine", `{"put":"b","value":{"owner":"bob","n":1}}`, "applied"},
		{"ada", "mine", `{"put":"a","value":{"owner":"ada","n":1}}`, "applied"},
		{"bob", "mine", `{"put":"x","value":{"owner":"ada"}}`, forbidden},
		{"bob", "mine", `{"patch":"b"}`, "applied"},
		{"bob", "mine", `{"patch":"b"}`, forbidden}, // n < 3: the rule of the collection holds
		{"bob", "mine", `{"patch":"a"}`, "rejected not_found writes[0] there is no entry to patch"},
		{"bob", "mine", `{"delete":"a"}`, "applied"}, // of what is not there for him: nothing
		{"bob", "mine", `{"put":"a","value":{"owner":"bob"}}`, forbidden},
		{"bob", "mine", `{"read":"a"}`, "rejected saw  1 cards, a false"},
		{"ada", "mine", `{"read":"a"}`, "rejected saw  1 cards, a true"},
		{"ada", "all", `{"read":"b","into":"cards"}`, "rejected saw  2 cards, b true"},
		{"ada", "all", `{"patch":"b","times":5}`, forbidden},                // into is missing: the rule of the call errs
		{"ada", "all", `{"patch":"b","times":5,"into":"cards"}`, "applied"}, // the rule of the collection does not
		{"ada", "all", `{"put":"b","value":{"n":"x"},"into":"cards"}`, "rejected invalid n "},
		{"ada", "all", `{"put":"b","value":{},"into":"secret"}`, forbidden},
		{"ada", "all", `{"put":"b","value":{},"into":"unknown"}`, forbidden}, // no such collection, whoever writes
		{"bob", "all", `{"read":"b","into":"cards"}`, forbidden},
		{"bob", "nobody", `{}`, forbidden},
		{"bob", "unsaid", `{}`, forbidden},
		{"bob", "missing", `{}`, forbidden}, // allowed, but there is none
		{"bob", "../x", `{}`, forbidden},
		{"bob", "mine", `{"times":3000}`, "rejected invalid args.times maximum"},
		{"bob", "mine", `{"no":1}`, "rejected invalid args "},
		{"bob", "mine", `{"put":"y","value":{"owner":"bob"},"times":1500}`, "rejected too_large  more writes than the limit ops"},
		{"bob", "mine", `{"__proto__":1}`, "rejected invalid args.__proto__ bad_name"},
		{"bob", "mine", `{"put":"` + strings.Repeat("x", 300<<10) + `"}`, "rejected too_large"},
		{"bob", "mine", `1e999`, "rejected invalid args"},
		{"eve", "mine", `{}`, "forbidden"},
	} {
		if got := ask(c.user, invoke(0, c.name, c.args)); !strings.HasPrefix(got, c.want) && !strings.Contains(got, c.want) {
			t.Errorf("%s %s(%.60s): %s, want %s", c.user, c.name, c.args, got, c.want)
		}
	}
}

// TestQuarantine: what breaks down is set aside with its outcome, whole, and can be run again.
func TestQuarantine(t *testing.T) {
	overEach(t, func(t *testing.T, s store.Store) {
		var log testlog.Log
		h := newHost(t, host.Options{Store: s, Mutators: mutators(t), Logger: slog.New(slog.NewTextHandler(&log, nil))})
		who := mustIdentify(t)
		id := client("q")
		out, head, err := h.Do(t.Context(), who, path, id, []space.Mutation{put(1, "x", `{"n":1}`), invoke(2, "bomb", `{"a":1}`), put(3, "x", `{"n":2}`), invoke(4, "broken", ``)})
		if err != nil || head.Seq != 4 {
			t.Fatal(head, err)
		}
		for i, want := range []space.OutcomeKind{space.Applied, space.Quarantined, space.Applied, space.Quarantined} {
			if out[i].Kind != want || strings.Contains(out[i].Message, "boom") {
				t.Errorf("%d: %+v, want %s", i, out[i], want)
			}
		}
		all, err := h.Quarantined(t.Context(), path)
		if err != nil || len(all) != 2 {
			t.Fatalf("%d are kept (%v)", len(all), err)
		}
		// Client, log and quarantine have the same number; only the quarantine tells what broke.
		if !strings.Contains(out[1].Message, "number 2 ") || !strings.Contains(log.String(), "number=2 ") || !strings.Contains(log.String(), "reason=panic") || strings.Contains(log.String(), "boom") {
			t.Errorf("%q; the log: %s", out[1].Message, &log)
		}
		q := all[0]
		if q.Seq != 2 || q.Base.Seq != 1 || q.User != who.User() || q.Client != id || q.Reason != "panic" || !strings.HasPrefix(q.Detail, "boom\n") ||
			q.Mutation.Call != "bomb" || string(q.Mutation.Args) != `{"a":1}` || q.Mutation.ID != 2 {
			t.Errorf("%+v", q)
		}
		if all[1].Reason != "error" || all[1].Detail != "no idea" {
			t.Errorf("%+v", all[1])
		}
		// Sent again it has the same outcome and is not set aside twice.
		if again, _, err := h.Do(t.Context(), who, path, id, []space.Mutation{invoke(2, "bomb", `{"a":1}`)}); err != nil || again[0].Kind != space.Quarantined {
			t.Errorf("%+v, %v", again, err)
		}
		if all, err := h.Quarantined(t.Context(), ""); err != nil || len(all) != 2 {
			t.Errorf("%d are kept (%v)", len(all), err)
		}
		r, err := h.Replay(t.Context(), path, 2)
		if err != nil || r.Fault == nil || r.Fault.Reason != "panic" {
			t.Errorf("replayed: %+v, %v", r, err)
		}
		// Somebody has mended it.
		mended, err := mutator.New(mutator.Set{"team/{team}": {"bomb": func(tx *mutator.Tx, args jsontext.Value) error {
			return tx.Put("cards", "x", map[string]any{"n": 9})
		}}}, mutator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		h.SetMutators(mended)
		if r, err := h.Replay(t.Context(), path, 2); err != nil || len(r.Changes) != 1 || string(r.Changes[0].Payload) != `{"n":9}` {
			t.Errorf("replayed: %+v, %v", r, err)
		}
		if now := headOf(t, s).Cursor; now != head {
			t.Errorf("a replay has committed something: %s, %s", head, now)
		}
		if _, err := h.Replay(t.Context(), path, 3); err == nil {
			t.Error("what is not quarantined is replayed")
		}
	})
}

// TestQuarantineIsBounded: the newest hundred are kept.
func TestQuarantineIsBounded(t *testing.T) {
	s := memstore.New()
	h := newHost(t, host.Options{Store: s, Mutators: mutators(t)})
	for i := range 130 {
		if _, _, err := h.Do(t.Context(), mustIdentify(t), path, client("q"), []space.Mutation{invoke(space.MutationID(i+1), "broken", ``)}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := h.Quarantined(t.Context(), path)
	if err != nil || len(all) != 100 || all[0].Seq != 31 || all[99].Seq != 130 {
		t.Fatalf("%d are kept (%v)", len(all), err)
	}
	if head, err := s.Head(t.Context(), "_quarantine/"+path); err != nil || head.Cursor.Seq != 130 || head.Horizon != head.Cursor {
		t.Errorf("what was dropped is kept: %+v, %v", head, err)
	}
}

// TestQuarantineIsNobodys: no client can name the space that holds them.
func TestQuarantineIsNobodys(t *testing.T) {
	if p, err := space.ParsePath("_quarantine/" + path); err == nil {
		t.Errorf("%s is a path", p)
	}
}

// TestWithoutMutators: a call of what is not there is refused as one that is not allowed, and blocks nothing.
func TestWithoutMutators(t *testing.T) {
	h := newHost(t, host.Options{})
	out, _, err := h.Do(t.Context(), mustIdentify(t), path, client("q"), []space.Mutation{invoke(1, "id", ``), put(2, "x", `{}`)})
	if err != nil || out[0].Code != space.CodeForbidden || out[1].Kind != space.Applied {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestRandomIDs: writers without ids draw others each time, those with ids what the protocol says.
func TestRandomIDs(t *testing.T) {
	s := memstore.New()
	h := newHost(t, host.Options{Store: s, Mutators: mutators(t)})
	if _, _, err := h.Do(t.Context(), mustIdentify(t), path, "", []space.Mutation{invoke(0, "id", ``), invoke(0, "id", ``), invoke(0, "id", ``)}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Do(t.Context(), mustIdentify(t), path, client("q"), []space.Mutation{invoke(1, "id", ``)}); err != nil {
		t.Fatal(err)
	}
	v, err := s.View(t.Context(), path, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	n := 0
	for _, err := range v.Scan("cards", "") {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if e, err := v.Get(space.Key{Collection: "cards", ID: mutator.NewRandom(client("q"), 1, "id").ID()}); err != nil || n != 4 || !e.Live() {
		t.Errorf("%d entries, %+v, %v", n, e, err)
	}
}
