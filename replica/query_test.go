package replica_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/syncline/syncline/replica"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

var testQueries = []string{
	`{}`,
	`{"where":{"done":false}}`,
	`{"sort":[{"n":"desc"}],"limit":3}`,
	`{"where":{"n":{"$gte":3}},"sort":["n"],"limit":2,"skip":1}`,
	`{"limit":2,"fields":["n"]}`,
}

func collect(seq iter.Seq2[replica.Entry, error]) (out []string) {
	for e, err := range seq {
		if err != nil {
			return []string{err.Error()}
		}
		out = append(out, fmt.Sprintf("%s %d %s %s", e.Key.ID, e.Version, e.State, e.Value))
	}
	return out
}

func lines(entries []replica.Entry) (out []string) {
	for _, e := range entries {
		out = append(out, fmt.Sprintf("%s %d %s %s", e.Key.ID, e.Version, e.State, e.Value))
	}
	return out
}

// TestWatchIsQuery: the result that is kept up to date equals the one that is
// computed anew, whatever happens.
func TestWatchIsQuery(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r, err := replica.Open(t.Context(), replica.Options{Store: memstore.New(), Offline: true})
		if err != nil {
			rt.Fatal(err)
		}
		defer r.Close()
		s, err := r.Space(t.Context(), "team/alpha", cards)
		if err != nil {
			rt.Fatal(err)
		}
		q := replica.MustQuery("cards", rapid.SampledFrom(testQueries).Draw(rt, "query"))
		next, stop := iter.Pull2(s.Watch(t.Context(), q))
		defer stop()
		var last []string
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			id := fmt.Sprint("c", rapid.IntRange(0, 8).Draw(rt, "id"))
			switch rapid.IntRange(0, 5).Draw(rt, "op") {
			case 0, 1, 2:
				_, err = s.Put(t.Context(), "cards", id, fmt.Sprintf(`{"n":%d,"done":%v}`, rapid.IntRange(0, 6).Draw(rt, "n"), rapid.Bool().Draw(rt, "done")))
			case 3:
				_, err = s.Patch(t.Context(), "cards", id, `{"$inc":{"n":1}}`)
			case 4:
				_, err = s.Delete(t.Context(), "cards", id)
			case 5:
				_, err = s.Mutate(t.Context(), func(tx *replica.Tx) error {
					_ = tx.Put("cards", id, `{"n":9,"done":false}`)
					return tx.Patch("cards", "c0", `{"$set":{"done":false}}`)
				})
			}
			if err != nil {
				rt.Fatal(err)
			}
			want := collect(s.Query(t.Context(), q))
			if slices.Equal(want, last) && last != nil {
				continue // nothing changed, so Watch need not yield
			}
			got, err, ok := next()
			if err != nil || !ok {
				rt.Fatal(err, ok)
			}
			if last = lines(got); !slices.Equal(last, want) {
				rt.Fatalf("%s\nwatch %v\nquery %v", q.String(), last, want)
			}
			if last == nil {
				last = []string{}
			}
		}
	})
}

func TestWatchFollowsTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		r, s := start(t, f)
		defer r.Close()
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan []string, 100)
		go func() {
			defer close(results)
			for entries, err := range s.Watch(ctx, replica.MustQuery("cards", `{"where":{"done":false}}`)) {
				if err != nil {
					t.Error(err)
				}
				results <- lines(entries)
			}
		}()
		want := func(w ...string) {
			t.Helper()
			if got := <-results; !slices.Equal(got, w) {
				t.Fatalf("got %v, want %v", got, w)
			}
		}
		want()
		l := f.live(1, card("c1", 1, `{"done":false}`), card("c2", 1, `{"done":true}`))
		want(`c1 1 confirmed {"done":false}`)
		l.send(diff(1, 2, card("c2", 2, `{"done":false}`)))
		want(`c1 1 confirmed {"done":false}`, `c2 2 confirmed {"done":false}`)
		must(s.Patch(t.Context(), "cards", "c1", `{"$set":{"done":true}}`))
		want(`c2 2 confirmed {"done":false}`)
		expect[*wire.Push](l)
		l.send(ack(space.Outcome{ID: 1, Kind: space.Rejected, Seq: 3, Code: "invalid"}))
		want(`c1 1 rejected {"done":false}`, `c2 2 confirmed {"done":false}`)
		cancel()
		if _, open := <-results; open {
			t.Fatal("one too many")
		}
	})
}

func TestSerializable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		r, s := start(t, f)
		defer r.Close()
		l := f.live(7, card("c1", 7, `{"n":1}`))
		wantState(t, s, replica.Live)
		must(s.Mutate(t.Context(), func(tx *replica.Tx) error {
			e, ok, err := tx.Get("cards", "c1")
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			for _, err := range tx.Query(replica.MustQuery("cards", `{"where":{"n":1}}`)) {
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := tx.Patch("cards", "c1", `{"$inc":{"n":1}}`, replica.If{Version: e.Version}); err != nil {
				return err
			}
			if e, _, _ := tx.Get("cards", "c1"); string(e.Value) != `{"n":2}` {
				t.Fatalf("a Tx does not see what it does: %s", e.Value)
			}
			return tx.Put("cards", "c9", map[string]int{"n": 9}, replica.If{})
		}, replica.MutateOptions{Serializable: true}))
		m := expect[*wire.Push](l).Mutations[0]
		if m.Reads == nil || m.Reads.At != 7 || len(m.Reads.Keys) != 1 || len(m.Reads.Where) != 1 || string(m.Reads.Where[0].Where) != `{"n":1}` {
			t.Fatalf("%+v", m.Reads)
		}
		if m.Ops[0].If == nil || *m.Ops[0].If != 7 {
			t.Fatalf("%+v", m.Ops[0])
		}
		if m.Ops[1].If == nil {
			t.Fatal(`"if":0 was lost on its way: space.Op.If needs omitempty, as omitzero asks Seq.IsZero`)
		}
	})
}

func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		r, s := start(t, f)
		defer r.Close()
		if err := s.SetPresence(map[string]int{"x": 1}); err != nil {
			t.Fatal(err)
		}
		l := f.next()
		if open := l.greet(); !open.Presence {
			t.Fatalf("%+v", open)
		}
		if p := expect[*wire.Presence](l); string(p.State) != `{"x":1}` {
			t.Fatalf("%+v", p)
		}
		l.send(opened(0, 0, wire.ResumeReset), reset(0),
			&wire.Present{Space: "team/alpha", Reset: true, Peers: []wire.Peer{{Session: "p1", State: []byte(`{}`)}, {Session: "p2", State: []byte(`{}`)}}},
			&wire.Present{Space: "team/alpha", Peers: []wire.Peer{{Session: "p1", State: []byte(`null`)}}})
		synctest.Wait()
		if peers := s.Peers(); len(peers) != 1 || peers[0].Session != "p2" {
			t.Fatalf("%+v", peers)
		}
		if err := s.Cast(t.Context(), "wave", `{"hi":1}`); err != nil {
			t.Fatal(err)
		}
		if c := expect[*wire.Cast](l); c.Topic != "wave" {
			t.Fatalf("%+v", c)
		}
	})
}
