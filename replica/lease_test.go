package replica_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/replica"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/transport"
)

// leasing is a policy in which cards have a lease, "" for none.
func leasing(t *testing.T, lease string) *authz.Policy {
	if lease != "" {
		lease = fmt.Sprintf(`, "lease": %q`, lease)
	}
	d, err := definition.Parse(fmt.Appendf(nil, `{"spaces": {"team/{team}": {"open": "true", "collections": {
		"cards": {"read": "true", "write": "true"%s}, "notes": {"read": "true", "write": "true"}}}}}`, lease))
	if err != nil {
		t.Fatal(err)
	}
	return must(authz.Compile(d))
}

// TestLease: against a real server, over a file, by a clock that the test turns.
func TestLease(t *testing.T) {
	rules := authz.NewRuled(leasing(t, "1h"), nil)
	st := memstore.New()
	h := host.New(host.Options{Store: st, Authority: rules})
	handler := transport.NewHandler(h, transport.Options{})
	srv := httptest.NewServer(handler)
	defer func() {
		_ = h.Close(context.Background())
		srv.Close()
		handler.Close()
		_ = st.Close()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var turned atomic.Int64
	opts := replica.Options{Path: filepath.Join(t.TempDir(), "r"), URL: srv.URL, User: "ada"}.Clocked(func() time.Time {
		return time.Now().Add(time.Duration(turned.Load()))
	})
	open := func() (*replica.Replica, *replica.Space) {
		t.Helper()
		r := must(replica.Open(ctx, opts))
		return r, must(r.Space(ctx, "team/alpha", space.Part{In: "cards"}, space.Part{In: "notes"}))
	}
	r, s := open()
	defer func() { _ = r.Close() }()
	for _, collection := range []string{"cards", "notes"} {
		must(must(s.Put(ctx, collection, "c1", `{"n":1}`)).Wait(ctx))
	}
	status := func(what string, ok func(replica.Status) bool) {
		t.Helper()
		for now := range s.StatusChanges(ctx) {
			if ok(now) {
				return
			}
		}
		t.Fatalf("it never was %s: %+v", what, s.Status())
	}
	expired := func(now replica.Status) bool { return slices.Equal(now.Expired, []string{"cards"}) }
	fine := func(now replica.Status) bool { return len(now.Expired) == 0 && now.State == replica.Live }
	shows := func(cards, notes int) {
		t.Helper()
		for collection, want := range map[string]int{"cards": cards, "notes": notes} {
			n := 0
			for _, err := range s.Query(ctx, replica.MustQuery(collection, `{}`)) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			if _, ok, err := s.Get(ctx, collection, "c1"); err != nil || ok != (want > 0) || n != want {
				t.Fatalf("%d %s show, want %d; Get %t %v", n, collection, want, ok, err)
			}
		}
	}
	status("live", fine)
	shows(1, 1)

	// While it is connected time does no harm: the server answers.
	turned.Add(int64(2 * time.Hour))
	status("live", fine)

	watched := make(chan int, 100)
	go func() {
		for entries, err := range s.Watch(ctx, replica.MustQuery("cards", `{}`)) {
			if err != nil {
				break
			}
			watched <- len(entries)
		}
		close(watched)
	}()
	if n := <-watched; n != 1 {
		t.Fatalf("the watch begins with %d", n)
	}
	r.GoOffline()
	status("offline", func(now replica.Status) bool { return now.State == replica.Offline })
	shows(1, 1)
	turned.Add(int64(2 * time.Hour))
	if n := <-watched; n != 0 { // by the timer: nobody has looked
		t.Fatalf("the watch goes on with %d", n)
	}
	status("expired", expired)
	shows(0, 1)
	_, err := s.Mutate(ctx, func(tx *replica.Tx) error {
		if _, ok, err := tx.Get("cards", "c1"); ok || err != nil {
			return fmt.Errorf("a mutation reads what is hidden: %w", err)
		}
		return tx.Put("cards", "c2", `{"n":2}`)
	}, replica.MutateOptions{Serializable: true})
	if !errors.Is(err, replica.ErrExpired) {
		t.Fatal(err)
	}
	must(s.Put(ctx, "cards", "c2", `{"n":2}`))
	if n := len(s.Pending()); n != 1 {
		t.Fatalf("%d are pending", n)
	}
	shows(0, 1)

	// Neither a restart nor the clock brings it back, the server does.
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	turned.Add(-int64(2 * time.Hour))
	opts.Offline = true
	r, s = open()
	shows(0, 1)
	r.GoOnline()
	status("live", fine)
	if err := s.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	shows(2, 1)

	// Other rules reach who is connected, and who was away.
	h.Reload(ctx, nil, func() { rules.SetPolicy(leasing(t, "")) })
	if err := s.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	must(must(s.Put(ctx, "notes", "n", `{}`)).Wait(ctx)) // what is told of rules has come by then
	r.GoOffline()
	turned.Add(int64(48 * time.Hour))
	shows(2, 2)
	h.Reload(ctx, nil, func() { rules.SetPolicy(leasing(t, "30m")) })
	r.GoOnline()
	status("live", fine)
	r.GoOffline()
	turned.Add(int64(31 * time.Minute))
	status("expired", expired)
	shows(0, 2)
}
