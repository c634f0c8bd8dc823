package authz_test

import (
	"iter"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/space"
)

// TestStanding: what is kept of a principal is what the relations say now, in a fork as in what it was forked
// from, and after they were merged.
func TestStanding(t *testing.T) {
	d, err := definition.Parse([]byte(`{"spaces":{"team/{team}":{"open":"member(space.team)","relations":{"member":{"in":"members","subject":"user","object":"team"}},
		"collections":{"members":{"read":"true"},"cards":{"read":"member(doc.team)","write":"true"}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := authz.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	session, err := authz.NewSession(authz.Principal{User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	rules := policy.Rules("team/red")
	base, err := rules.Load(nowhere{})
	if err != nil {
		t.Fatal(err)
	}
	rights := session.In(rules)
	card := map[string]any{"team": "red"}
	check := func(what string, r *authz.Relations, want bool) {
		t.Helper()
		for range 2 { // found out, and kept
			if open := rights.Open(r); open != want {
				t.Errorf("%s: open is %t", what, open)
			}
			if _, _, sees := rights.Guard(r, time.Time{}).Sight("cards").See("cards", card); sees != want {
				t.Errorf("%s: sees is %t", what, sees)
			}
		}
	}
	key := space.Key{Collection: "members", ID: "m"}
	there := space.Version{Seq: 1, Type: space.Record, Payload: jsontext.Value(`{"team":"red","user":"ada"}`)}
	apply := func(r *authz.Relations, old, next space.Version) {
		if _, err := r.Apply(key, old, next); err != nil {
			t.Fatal(err)
		}
	}
	check("at first", base, false)
	fork := base.Fork()
	check("a fork", fork, false)
	apply(fork, space.Version{}, there)
	check("a fork with a member", fork, true)
	check("what it was forked from", base, false)
	base.Merge(fork)
	check("merged", base, true)
	fork = base.Fork()
	check("the next fork", fork, true)
	apply(fork, there, space.Version{Seq: 2, Deleted: true})
	check("a fork without the member", fork, false)
	check("what that was forked from", base, true)
	apply(fork, space.Version{Seq: 2, Deleted: true}, there)
	check("a fork with the member again", fork, true)
	apply(fork, there, space.Version{Seq: 3, Deleted: true})
	base.Merge(fork)
	check("merged again", base, false)
}

// nowhere is a snapshot of an empty space.
type nowhere struct{}

func (nowhere) Scan(string, string) iter.Seq2[space.Entry, error] {
	return func(func(space.Entry, error) bool) {}
}
