package replica_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/replica"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/transport"
	"github.com/syncline/syncline/wire"
)

// serve starts a real server and returns its URL.
func serve(limits wire.Limits) (url string, stop func()) {
	st := memstore.New()
	h := host.New(host.Options{Store: st, Authority: authz.Development{}, Limits: limits})
	handler := transport.NewHandler(h, transport.Options{})
	srv := httptest.NewServer(handler)
	return srv.URL, func() {
		_ = h.Close(context.Background())
		srv.Close()
		handler.Close()
		_ = st.Close()
	}
}

func TestAgainstTheServer(t *testing.T) {
	url, stop := serve(wire.Limits{})
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	open := func(name string) (*replica.Replica, *replica.Space) {
		r, err := replica.Open(ctx, replica.Options{Path: filepath.Join(t.TempDir(), name), URL: url, User: name})
		if err != nil {
			t.Fatal(err)
		}
		return r, must(r.Space(ctx, "team/alpha", cards))
	}
	ra, a := open("ada")
	defer ra.Close()
	rb, b := open("bob")
	defer rb.Close()

	p := must(a.Put(ctx, "cards", "c1", `{"title":"Write","votes":0}`))
	if _, err := p.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	for entries, err := range b.Watch(ctx, replica.MustQuery("cards", `{"where":{"title":"Write"}}`)) {
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 1 {
			break
		}
	}
	ra.GoOffline()
	must(a.Patch(ctx, "cards", "c1", `{"$inc":{"votes":1}}`))
	p = must(b.Patch(ctx, "cards", "c1", `{"$inc":{"votes":1}}`))
	if _, err := p.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	ra.GoOnline()
	for _, s := range []*replica.Space{a, b, a, b} {
		if err := s.Sync(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*replica.Space{a, b} {
		for entries, err := range s.Watch(ctx, replica.MustQuery("cards", `{}`)) {
			if err != nil {
				t.Fatal(err)
			}
			if string(entries[0].Value) == `{"title":"Write","votes":2}` {
				break
			}
		}
	}

	// A view is narrowed: what falls out of it goes.
	if err := b.SetView(ctx, space.Part{In: "cards", Where: []byte(`{"votes":{"$gt":100}}`)}); err != nil {
		t.Fatal(err)
	}
	if err := b.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if got := shown(t, b); got != "" {
		t.Fatal(got)
	}
}

// A fragile connection breaks after a few messages.
type fragile struct {
	replica.Conn
	mu   sync.Mutex
	left int
}

func (c *fragile) use() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left == 0 {
		go c.Conn.Close()
	}
}

func (c *fragile) ReadMessage() ([]byte, error) { c.use(); return c.Conn.ReadMessage() }

func (c *fragile) WriteMessage(b []byte) error { c.use(); return c.Conn.WriteMessage(b) }

// TestExactlyOnce: many replicas over connections that break all the time count
// together, and no count is lost or doubled.
func TestExactlyOnce(t *testing.T) {
	url, stop := serve(wire.Limits{Pushed: 16})
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	const replicas, counts = 4, 50
	var done sync.WaitGroup
	for i := range replicas {
		done.Go(func() {
			steady := false
			var mu sync.Mutex
			r, err := replica.Open(ctx, replica.Options{Store: memstore.New(), URL: url, Dial: func(ctx context.Context, url string) (replica.Conn, error) {
				conn, err := replica.WebSocket{}.Dial(ctx, url)
				mu.Lock()
				defer mu.Unlock()
				if err != nil || steady {
					return conn, err
				}
				return &fragile{Conn: conn, left: 4 + rand.IntN(20)}, nil
			}})
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			s := must(r.Space(ctx, "team/alpha", cards))
			for n := range counts {
				must(s.Mutate(ctx, func(tx *replica.Tx) error {
					_ = tx.Put("cards", fmt.Sprintf("r%d-%02d", i, n), `{}`)
					if n == 0 {
						return nil
					}
					return tx.Patch("cards", fmt.Sprintf("r%d-00", i), `{"$inc":{"n":1}}`)
				}))
				for range rand.IntN(5) {
					runtime.Gosched()
				}
				if n%25 == 0 {
					r.GoOnline() // do not wait out the backoff
				}
			}
			mu.Lock()
			steady = true
			mu.Unlock()
			r.GoOnline()
			if err := s.Sync(ctx); err != nil {
				t.Error(err, s.Status())
			}
			if e, _, _ := s.Get(ctx, "cards", fmt.Sprintf("r%d-00", i)); string(e.Value) != fmt.Sprintf(`{"n":%d}`, counts-1) {
				t.Errorf("replica %d: counted %s, rejected %v", i, e.Value, s.Rejected())
			}
		})
	}
	done.Wait()
}

// TestLargeView loads a view of many parts and restarts from the file.
func TestLargeView(t *testing.T) {
	url, stop := serve(wire.Limits{})
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
	defer cancel()
	w, err := replica.Open(ctx, replica.Options{Store: memstore.New(), URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s := must(w.Space(ctx, "team/alpha"))
	const rows = 5000
	for i := range rows / 100 {
		must(s.Mutate(ctx, func(tx *replica.Tx) error {
			for j := range 100 {
				_ = tx.Put("cards", fmt.Sprintf("c%05d", i*100+j), `{"text":"`+strings.Repeat("x", 100)+`"}`)
			}
			return nil
		}))
	}
	if err := s.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "large.db")
	for range 2 {
		r, err := replica.Open(ctx, replica.Options{Path: path, URL: url})
		if err != nil {
			t.Fatal(err)
		}
		s := must(r.Space(ctx, "team/alpha", cards))
		if err := s.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range s.Query(ctx, replica.MustQuery("cards", `{}`)) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != rows {
			t.Fatal(n, "rows")
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
