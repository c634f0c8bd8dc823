package transport_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/syncline/syncline/internal/testclient"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// A proxy stands between client and server. It cuts the first connection after a
// number of bytes in one direction; later ones it leaves alone.
type proxy struct {
	listener net.Listener
	backend  string
	wg       sync.WaitGroup
	carried  [2]chan int64 // up and down, by connections that were not cut

	mu   sync.Mutex
	up   int64 // bytes from client to server before the cut, -1 for no cut
	down int64
}

func newProxy(t *testing.T, backend string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, backend: strings.TrimPrefix(backend, "http://"), carried: [2]chan int64{make(chan int64, 1), make(chan int64, 1)}, up: -1, down: -1}
	p.wg.Add(1)
	go p.accept()
	t.Cleanup(func() { l.Close(); p.wg.Wait() })
	return p
}

func (p *proxy) url() string { return "http://" + p.listener.Addr().String() }

func (p *proxy) accept() {
	defer p.wg.Done()
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.backend)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		up, down := p.up, p.down
		p.up, p.down = -1, -1
		p.mu.Unlock()
		both := func() { client.Close(); server.Close() }
		p.wg.Add(2)
		go p.copy(0, server, client, up, both)
		go p.copy(1, client, server, down, both)
	}
}

func (p *proxy) copy(direction int, to io.Writer, from io.Reader, cut int64, end func()) {
	defer p.wg.Done()
	defer end()
	if cut >= 0 {
		from = io.LimitReader(from, cut)
	}
	n, _ := io.Copy(to, from) // how it ends is what the test is about
	if cut < 0 {
		select {
		case p.carried[direction] <- n:
		default:
		}
	}
}

// A device is the least client of docs/PROTOCOL.md, section 9: what it keeps
// between connections is a queue, outcomes, a cursor and what it holds.
type device struct {
	testing.TB
	space    string
	queue    []space.Mutation
	outcomes map[space.MutationID]space.Seq
	cursor   space.Cursor
	fresh    bool // holds nothing yet
	held     map[string]string
}

func (d *device) acked() (id uint64) {
	for d.outcomes[space.MutationID(id+1)] != 0 {
		id++
	}
	return id
}

func (d *device) settle(outcomes []space.Outcome) {
	for _, o := range outcomes {
		if o.Kind != space.Applied || o.Seq == 0 {
			d.Fatalf("%+v", o)
		}
		if had := d.outcomes[o.ID]; had != 0 && had != o.Seq {
			d.Fatalf("mutation %d is commit %d and commit %d", o.ID, had, o.Seq)
		}
		d.outcomes[o.ID] = o.Seq
	}
}

// session connects, sends what has no outcome, and says whether all was done
// before the connection broke.
func (d *device) session(url string) (done bool) {
	d.Helper()
	c, err := testclient.Dial(url)
	if err != nil {
		return false
	}
	defer c.Close()
	open := &wire.Open{Space: d.space, Client: client, Acked: d.acked(), View: space.View{{In: "cards"}}}
	if !d.fresh {
		open.Cursor = d.cursor.String()
	}
	if c.Send(hello, open) != nil {
		return false
	}
	var view string
	for view == "" {
		m, err := c.Next()
		if err != nil {
			return d.broken(err)
		}
		if o, ok := m.(*wire.Opened); ok {
			d.settle(o.Outcomes)
			view = o.View
			if o.Resume == wire.ResumeReset && o.Reason != wire.ResetNew {
				d.Fatalf("%s", wire.Encode(o))
			}
		}
	}
	for i := int(d.acked()); i < len(d.queue); i += 4 {
		if c.Send(&wire.Push{Space: d.space, Mutations: d.queue[i:min(i+4, len(d.queue))]}) != nil {
			return false
		}
	}
	for len(d.outcomes) < len(d.queue) || d.cursor.Seq < space.Seq(len(d.queue)) {
		m, err := c.Next()
		if err != nil {
			return d.broken(err)
		}
		switch m := m.(type) {
		case *wire.Ack:
			d.settle(m.Outcomes)
		case *wire.Diff:
			d.apply(m)
		default:
			d.Fatalf("%s", wire.Encode(m))
		}
	}
	return true
}

func (d *device) broken(err error) bool {
	if !errors.Is(err, testclient.ErrClosed) {
		d.Fatal(err)
	}
	return false
}

func (d *device) apply(m *wire.Diff) {
	if m.More || m.View == "" || !d.fresh && d.cursor.Seq < m.From.Seq {
		d.Fatalf("at %s: %s", d.cursor, wire.Encode(m))
	}
	if m.Reset {
		clear(d.held)
	}
	for _, row := range m.Put {
		d.held[row.Key.ID] = string(row.Value)
	}
	for _, pair := range m.Del {
		delete(d.held, pair[1])
	}
	d.cursor, d.fresh = m.To, false
}

// TestCutAtEveryByte: a session of some 10 KB each way, cut after any number of
// bytes in either direction, goes on over the next connection, and everything is
// applied exactly once. SYNCLINE_LONG=1 tries every byte, else every 16th.
func TestCutAtEveryByte(t *testing.T) {
	s := serve(t, options{})
	p := newProxy(t, s.url)
	run := func(name string) {
		t.Helper()
		d := &device{TB: t, space: name, outcomes: map[space.MutationID]space.Seq{}, held: map[string]string{}, fresh: true}
		const n = 36
		for id := space.MutationID(1); id <= n; id++ {
			ops := []space.Op{{Op: "put", In: "cards", ID: fmt.Sprint("c", id%24), Value: []byte(fmt.Sprintf(`{"n":%d,"pad":"%090d"}`, id, id))}}
			if id == 1 {
				ops = append(ops, space.Op{Op: "put", In: "cards", ID: "sum", Value: []byte(`{"n":1}`)})
			} else {
				ops = append(ops, space.Op{Op: "patch", In: "cards", ID: "sum", Patch: []byte(`{"$inc":{"n":1}}`)})
			}
			d.queue = append(d.queue, space.Mutation{ID: id, Ops: ops})
		}
		for tries := 0; !d.session(p.url()); tries++ {
			if tries == 5 {
				t.Fatalf("%s: the fifth connection has broken", name)
			}
		}
		seen := map[space.MutationID]bool{}
		for c, err := range s.store.Log(t.Context(), space.Path(name), 0) {
			if err != nil || seen[c.Mutation] || d.outcomes[c.Mutation] != c.Seq {
				t.Fatalf("%s: mutation %d is commit %d, its outcome says %d: %v", name, c.Mutation, c.Seq, d.outcomes[c.Mutation], err)
			}
			seen[c.Mutation] = true
		}
		if len(seen) != n || d.held["sum"] != fmt.Sprintf(`{"n":%d}`, n) || len(d.held) != 25 {
			t.Fatalf("%s: %d commits, %d entries, the sum is %s", name, len(seen), len(d.held), d.held["sum"])
		}
	}
	run("uncut")
	up, down := <-p.carried[0], <-p.carried[1]
	t.Logf("a session of %d bytes up and %d down", up, down)
	step := int64(16)
	if os.Getenv("SYNCLINE_LONG") != "" {
		step = 1
	}
	for n := int64(0); n < up; n += step {
		p.mu.Lock()
		p.up = n
		p.mu.Unlock()
		run(fmt.Sprint("up", n))
	}
	for n := int64(0); n < down; n += step {
		p.mu.Lock()
		p.down = n
		p.mu.Unlock()
		run(fmt.Sprint("down", n))
	}
}
