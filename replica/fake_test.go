package replica_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/syncline/syncline/replica"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// A fake is a server that tests write by hand: each dial gives them a link.
type fake struct {
	t     *testing.T
	links chan *link
	fail  error // of the next dials, if not nil
	dials int
}

// A link is one connection, seen from the server. As a replica.Conn it is seen
// from the client.
type link struct {
	t        *testing.T
	toClient chan []byte
	toServer chan []byte
	once     sync.Once
	closed   chan struct{}
	queue    []wire.ClientMessage
	from     string // the cursor of the last open
}

func newFake(t *testing.T) *fake { return &fake{t: t, links: make(chan *link, 100)} }

func (f *fake) dial(ctx context.Context, _ string) (replica.Conn, error) {
	f.dials++
	if f.fail != nil {
		return nil, f.fail
	}
	l := &link{t: f.t, toClient: make(chan []byte, 100), toServer: make(chan []byte, 100), closed: make(chan struct{})}
	f.links <- l
	return l, ctx.Err()
}

func (l *link) ReadMessage() ([]byte, error) {
	select {
	case b := <-l.toClient:
		return b, nil
	case <-l.closed:
		return nil, io.EOF
	}
}

func (l *link) WriteMessage(b []byte) error {
	select {
	case l.toServer <- bytes.Clone(b):
		return nil
	case <-l.closed:
		return errors.New("closed")
	}
}

func (l *link) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// next is the next connection.
func (f *fake) next() *link { return <-f.links }

// send sends messages to the client, all at once.
func (l *link) send(messages ...any) {
	var b []byte
	for _, m := range messages {
		if o, ok := m.(*wire.Opened); ok {
			o.From = l.from // as every server repeats it
		}
		b = append(append(b, wire.Encode(m)...), '\n')
	}
	l.toClient <- b
}

// read is the client's next message; nil once the client has closed.
func (l *link) read() wire.ClientMessage {
	l.t.Helper()
	for len(l.queue) == 0 {
		select {
		case b := <-l.toServer:
			for line := range bytes.SplitSeq(b, []byte("\n")) {
				m, err := wire.DecodeClient(line, wire.DefaultLimits)
				if err != nil {
					l.t.Errorf("the client sent %s: %v", line, err)
					return nil
				}
				l.queue = append(l.queue, m)
			}
		case <-l.closed:
			return nil
		}
	}
	m := l.queue[0]
	l.queue = l.queue[1:]
	if o, ok := m.(*wire.Open); ok {
		l.from = o.Cursor
	}
	return m
}

// expect is the client's next message, which must be of type T.
func expect[T wire.ClientMessage](l *link) T {
	l.t.Helper()
	got := l.read()
	m, ok := got.(T)
	if !ok {
		l.t.Fatalf("the client sent %T %+v, want %T", got, got, m)
	}
	return m
}

// greet welcomes the client and returns how it opens the space.
func (l *link) greet() *wire.Open {
	l.t.Helper()
	expect[*wire.Hello](l)
	l.send(&wire.Welcome{V: 1, Session: "s", Time: 1})
	return expect[*wire.Open](l)
}

// live is the next connection, on which the space is opened and brought to a head.
func (f *fake) live(head space.Seq, rows ...wire.Row) *link {
	f.t.Helper()
	l := f.next()
	l.greet()
	l.send(opened(0, head, wire.ResumeReset), reset(head, rows...))
	return l
}

// cur makes a cursor for a seq.
func cur(seq space.Seq) space.Cursor {
	if seq == 0 {
		return space.Cursor{}
	}
	return space.Cursor{Seq: seq, Digest: space.Digest{byte(seq), 1}}
}

func opened(last space.MutationID, head space.Seq, resume string) *wire.Opened {
	m := &wire.Opened{Space: "team/alpha", View: "v", Head: cur(head), Last: last, Resume: resume}
	if resume == wire.ResumeReset {
		m.Reason = wire.ResetNew
	}
	return m
}

func diff(from, to space.Seq, rows ...wire.Row) *wire.Diff {
	return &wire.Diff{Space: "team/alpha", View: "v", From: cur(from), To: cur(to), Put: rows}
}

func reset(to space.Seq, rows ...wire.Row) *wire.Diff {
	d := diff(0, to, rows...)
	d.Reset = true
	return d
}

func card(id string, version space.Seq, value string) wire.Row {
	return wire.Row{Key: space.Key{Collection: "cards", ID: id}, Version: version, Value: []byte(value)}
}

func ack(outcomes ...space.Outcome) *wire.Ack {
	return &wire.Ack{Space: "team/alpha", Outcomes: outcomes}
}

func applied(id space.MutationID, seq space.Seq) space.Outcome {
	return space.Outcome{ID: id, Kind: space.Applied, Seq: seq}
}

var cards = space.Part{In: "cards"}

// start opens a replica of team/alpha against a fake server.
func start(t *testing.T, f *fake, change ...func(*replica.Options)) (*replica.Replica, *replica.Space) {
	t.Helper()
	opt := replica.Options{Store: memstore.New(), URL: "ws://test", Dial: f.dial}
	for _, c := range change {
		c(&opt)
	}
	r, err := replica.Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Space(t.Context(), "team/alpha", cards)
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

// shown is what a query shows, id=value, in order.
func shown(t *testing.T, s *replica.Space) string {
	t.Helper()
	text := ""
	for e, err := range s.Query(t.Context(), replica.MustQuery("cards", `{}`)) {
		if err != nil {
			t.Fatal(err)
		}
		text += e.Key.ID + "=" + string(e.Value) + " "
	}
	return text
}
