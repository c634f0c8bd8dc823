package host_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/goleak"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/store/pebblestore"
	"github.com/syncline/syncline/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const path = "team/alpha"

var cards = space.View{{In: "cards"}}

// stores are the engines that these tests run over.
var stores = map[string]func(testing.TB) store.Store{
	"memory": func(testing.TB) store.Store { return memstore.New() },
	"pebble": func(t testing.TB) store.Store {
		s, err := pebblestore.Open(t.TempDir(), pebblestore.Options{MemTableBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	},
}

func overEach(t *testing.T, run func(t *testing.T, s store.Store)) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) { run(t, open(t)) })
	}
}

func newHost(t testing.TB, opts host.Options) *host.Host {
	if opts.Store == nil {
		opts.Store = memstore.New()
	}
	if opts.Authority == nil {
		opts.Authority = authz.Development{}
	}
	h := host.New(opts)
	t.Cleanup(func() {
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// A peer is a client without a network: a session and what it was sent.
type peer struct {
	testing.TB
	session *host.Session
	wake    chan struct{}
	waiting []wire.ServerMessage
	over    bool
}

// connect begins a session and says hello.
func connect(t testing.TB, h *host.Host, user string) *peer {
	t.Helper()
	p := dumb(t, h)
	p.send(&wire.Hello{V: []int{1}, User: user})
	expect[*wire.Welcome](p)
	return p
}

// dumb begins a session and says nothing.
func dumb(t testing.TB, h *host.Host) *peer {
	t.Helper()
	p := &peer{TB: t, wake: make(chan struct{}, 1)}
	s, err := h.NewSession(func(*host.Session) {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p.session = s
	t.Cleanup(s.Close)
	return p
}

func (p *peer) send(messages ...any) {
	for _, m := range messages {
		text, raw := m.(string)
		data := []byte(text)
		if !raw {
			data = wire.Encode(m)
		}
		p.session.Receive(context.Background(), data)
	}
}

func (p *peer) push(m ...space.Mutation) { p.send(&wire.Push{Space: path, Mutations: m}) }

// next returns the next message, nil when the session is over.
func (p *peer) next() wire.ServerMessage {
	p.Helper()
	timeout := time.After(30 * time.Second)
	for len(p.waiting) == 0 {
		if p.over {
			return nil
		}
		frames, open := p.session.Take(1 << 20)
		for _, f := range frames {
			m, err := wire.DecodeServer(f)
			if err != nil {
				p.Fatalf("%s: %v", f, err)
			}
			p.waiting = append(p.waiting, m)
		}
		if len(frames) > 0 {
			continue
		}
		if !open {
			p.over = true
			return nil
		}
		select {
		case <-p.wake:
		case <-timeout:
			p.Fatal("no message within 30 s")
		}
	}
	m := p.waiting[0]
	p.waiting = p.waiting[1:]
	return m
}

// sync returns when all that the session sent before has been dealt with by the
// space's loop, with the messages that came until then.
func (p *peer) sync() (messages []wire.ServerMessage) {
	p.Helper()
	p.send(&wire.Check{Space: path})
	for {
		switch m := p.next().(type) {
		case nil:
			p.Fatal("the session is over")
		case *wire.Checked:
			return messages
		default:
			messages = append(messages, m)
		}
	}
}

// expect returns the next message, which must be a T.
func expect[T wire.ServerMessage](p *peer) T {
	p.Helper()
	m := p.next()
	got, ok := m.(T)
	if !ok {
		if m == nil {
			p.Fatalf("want a %T, the session is over", *new(T))
		}
		p.Fatalf("want a %T, got %s", *new(T), wire.Encode(m))
	}
	return got
}

// refused expects an error of a code.
func (p *peer) refused(code string) *wire.Error {
	p.Helper()
	e := expect[*wire.Error](p)
	if e.Code != code {
		p.Fatalf("want %s, got %s", code, wire.Encode(e))
	}
	return e
}

// open opens the space and returns the answer, and the view's first diff if one
// is promised.
func (p *peer) open(o wire.Open) (*wire.Opened, *wire.Diff) {
	p.Helper()
	o.Space = path
	p.send(&o)
	opened := expect[*wire.Opened](p)
	if opened.Resume == "" || opened.Resume == wire.ResumeCurrent {
		return opened, nil
	}
	first := expect[*wire.Diff](p)
	if !first.More {
		p.session.Live(path)
	}
	return opened, first
}

func client(name string) space.ClientID { return space.ClientID(name + "-0123456789abcdef") }

func op(kind, id, value string) space.Op {
	o := space.Op{Op: kind, In: "cards", ID: id}
	switch kind {
	case space.OpPut:
		o.Value = jsontext.Value(value)
	case space.OpPatch:
		o.Patch = jsontext.Value(value)
	}
	return o
}

func mut(id space.MutationID, ops ...space.Op) space.Mutation {
	return space.Mutation{ID: id, Ops: ops}
}

func put(id space.MutationID, key, value string) space.Mutation {
	return mut(id, op("put", key, value))
}

// A copy is what a replica holds of a view: entries and how far they are.
type copyOf struct {
	t       testing.TB
	view    string
	cursor  space.Cursor
	entries map[string]string
	partial *copyOf // a diff of which not all parts have come
	resets  int
}

func newCopy(t testing.TB) *copyOf { return &copyOf{t: t, entries: map[string]string{}} }

func (c *copyOf) clone() *copyOf {
	own := *c
	own.entries = maps.Clone(c.entries)
	return &own
}

// apply takes a diff as docs/PROTOCOL.md, section 6, has it.
func (c *copyOf) apply(d *wire.Diff) {
	c.t.Helper()
	if d.View != c.view {
		return
	}
	to := c.partial
	if to == nil {
		to = c.clone()
		if d.Reset {
			to.entries = map[string]string{}
			to.resets++
		} else if c.cursor.Seq < d.From.Seq || c.cursor.Seq > d.To.Seq {
			c.t.Fatalf("a diff from %s to %s at %s", d.From, d.To, c.cursor)
		}
	}
	for _, row := range d.Put {
		to.entries[row.Key.String()] = string(row.Value)
	}
	for _, pair := range d.Del {
		delete(to.entries, pair.Key().String())
	}
	if d.More {
		c.partial = to
		return
	}
	to.cursor, to.partial = d.To, nil
	*c = *to
	if d.Count != nil && *d.Count != len(c.entries) {
		c.t.Fatalf("the reset says %d entries, there are %d", *d.Count, len(c.entries))
	}
}

// until applies the diffs that come until the cursor has reached seq, and returns
// what else came.
func (c *copyOf) until(p *peer, seq space.Seq) (others []wire.ServerMessage) {
	c.t.Helper()
	for c.cursor.Seq < seq {
		switch m := p.next().(type) {
		case *wire.Diff:
			c.apply(m)
		case nil:
			c.t.Fatalf("the session is over at %s, before %d", c.cursor, seq)
		default:
			others = append(others, m)
		}
	}
	return others
}

// holds fails unless the copy is exactly what the store has.
func (c *copyOf) holds(s store.Store, collections ...string) {
	c.t.Helper()
	v, err := s.View(context.Background(), path, c.cursor.Seq)
	if err != nil {
		c.t.Fatal(err)
	}
	defer v.Close()
	want := map[string]string{}
	for _, in := range collections {
		for e, err := range v.Scan(in, "") {
			if err != nil {
				c.t.Fatal(err)
			}
			want[e.Key.String()] = string(e.Payload)
		}
	}
	if !maps.Equal(c.entries, want) {
		c.t.Fatalf("at %s\n got %v\nwant %v", c.cursor, c.entries, want)
	}
}

// fill writes n records of some size, a commit each, around all sessions.
func fill(t testing.TB, h *host.Host, n, size int) {
	t.Helper()
	who, err := authz.Development{}.Identify(t.Context(), authz.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < n; i += 100 {
		var muts []space.Mutation
		for j := i; j < min(n, i+100); j++ {
			muts = append(muts, put(0, fmt.Sprintf("f%05d", j), fmt.Sprintf(`{"a":"%0*d"}`, size, j)))
		}
		if _, _, err := h.Do(context.Background(), who, path, "", muts); err != nil {
			t.Fatal(err)
		}
	}
}

func headOf(t testing.TB, s store.Store) store.Head {
	t.Helper()
	head, err := s.Head(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

func ids(n int) []space.MutationID {
	list := make([]space.MutationID, n)
	for i := range list {
		list[i] = space.MutationID(i + 1)
	}
	return list
}

func mustIdentify(t testing.TB) *authz.Session {
	t.Helper()
	who, err := authz.Development{}.Identify(t.Context(), authz.Credentials{User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	return who
}
