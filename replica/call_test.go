package replica_test

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/mutator/script"
	"github.com/syncline/syncline/replica"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/transport"
)

const votes = `var __syncline = {mutators: {"team/{team}": {
	vote(tx, args) {
		const card = tx.get("cards", args.card);
		if (!card) tx.reject("there is no such card", {code: "gone", path: "args.card"});
		if (card.votes >= args.most) tx.reject("that is enough", {code: "enough"});
		tx.patch("cards", args.card, {$inc: {votes: 1}});
		tx.put("votes", tx.id(), {card: args.card, by: tx.user});
	},
}}};`

// TestCall: a call shows at once, offline, is carried out by the server on what it has, and ends as its
// mutations do; the same script runs on both sides, and draws the same ids.
func TestCall(t *testing.T) {
	load := func() mutator.Set {
		set, err := script.Load(votes, script.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	runner, err := mutator.New(load(), mutator.Options{Time: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	st := memstore.New()
	h := host.New(host.Options{Store: st, Authority: authz.Development{}, Mutators: runner})
	handler := transport.NewHandler(h, transport.Options{})
	srv := httptest.NewServer(handler)
	defer func() {
		_ = h.Close(context.Background())
		srv.Close()
		handler.Close()
		_ = st.Close()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	file := filepath.Join(t.TempDir(), "a.db")
	open := func() (*replica.Replica, *replica.Space) {
		r, err := replica.Open(ctx, replica.Options{Path: file, URL: srv.URL, User: "ada", Mutators: load(), Offline: true})
		if err != nil {
			t.Fatal(err)
		}
		return r, must(r.Space(ctx, "team/alpha", space.Part{In: "cards"}, space.Part{In: "votes"}))
	}
	r, s := open()
	must(s.Put(ctx, "cards", "c", `{"votes":0}`))
	must(s.Call(ctx, "vote", map[string]any{"card": "c", "most": 2}))
	must(s.Call(ctx, "vote", map[string]any{"card": "c", "most": 2}))
	third := must(s.Call(ctx, "vote", map[string]any{"card": "c", "most": 2})) // refused here: shows nothing
	must(s.Call(ctx, "vote", map[string]any{"card": "none", "most": 2}))
	must(s.Call(ctx, "unknown", nil))
	before := shown(t, s)
	votesBefore := listed(t, ctx, s)
	if want := `c={"votes":2} `; before != want {
		t.Errorf("%s, want %s", before, want)
	}
	if n := len(s.Pending()); n != 6 || len(votesBefore) != 2 {
		t.Errorf("%d are queued, %q", n, votesBefore)
	}
	// A restart forgets nothing, and shows the same.
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r, s = open()
	defer r.Close()
	if again := shown(t, s); again != before {
		t.Errorf("after a restart: %s, not %s", again, before)
	}
	r.GoOnline()
	if err := s.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	for len(s.Pending()) > 0 && ctx.Err() == nil {
		if err := s.Sync(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if after := shown(t, s); after != before {
		t.Errorf("the server has made %s, not %s", after, before)
	}
	if after := listed(t, ctx, s); len(after) != 2 || after[0] != votesBefore[0] || after[1] != votesBefore[1] {
		t.Errorf("the server drew %q, not %q", after, votesBefore)
	}
	rejected := s.Rejected()
	if len(rejected) != 3 || rejected[0].ID != third.ID || rejected[0].Call != "vote" || string(rejected[0].Args) != `{"card":"c","most":2}` ||
		rejected[0].Outcome.Code != "enough" || rejected[1].Outcome.Code != "gone" || rejected[1].Outcome.Path != "args.card" || rejected[2].Outcome.Code != "forbidden" {
		t.Errorf("%+v", rejected)
	}
}

// listed are the votes, by id.
func listed(t *testing.T, ctx context.Context, s *replica.Space) (out []string) {
	t.Helper()
	for e, err := range s.Query(ctx, replica.MustQuery("votes", `{}`)) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Key.ID+string(e.Value))
	}
	return out
}
