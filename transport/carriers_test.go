package transport_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline/syncline/internal/testclient"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

const (
	name   = "team/alpha"
	client = space.ClientID("client-0123456789abcdef")
)

var (
	hello = &wire.Hello{V: []int{1}, User: "ada"}
	open  = &wire.Open{Space: name, Client: client, View: space.View{{In: "cards"}}}
)

func put(id space.MutationID) *wire.Push {
	return &wire.Push{Space: name, Mutations: []space.Mutation{{ID: id, Ops: []space.Op{{Op: "put", In: "cards", ID: fmt.Sprint("c", id), Value: []byte(`{"n":1}`)}}}}}
}

// A carrier is one of the ways to bring a session, for a test that is the same
// for all.
type carrier struct {
	begin func(s *server, messages ...any) (next func() wire.ServerMessage, send func(messages ...any))
}

var carriers = map[string]carrier{
	"websocket": {func(s *server, messages ...any) (func() wire.ServerMessage, func(...any)) {
		c := dial(s)
		send := func(messages ...any) {
			if err := c.Send(bytes.TrimSuffix(lines(messages...), []byte("\n"))); err != nil {
				s.Error(err)
			}
		}
		send(messages...)
		return func() wire.ServerMessage { return nextOf(s, c) }, send
	}},
	"server-sent events": {func(s *server, messages ...any) (func() wire.ServerMessage, func(...any)) {
		return streaming(s, "text/event-stream", messages)
	}},
	"streaming": {func(s *server, messages ...any) (func() wire.ServerMessage, func(...any)) {
		return streaming(s, "application/x-ndjson", messages)
	}},
	"long poll": {func(s *server, messages ...any) (func() wire.ServerMessage, func(...any)) {
		return polling(s, "?wait=30000", messages)
	}},
	"poll": {func(s *server, messages ...any) (func() wire.ServerMessage, func(...any)) {
		return polling(s, "", messages)
	}},
}

func streaming(s *server, accept string, messages []any) (func() wire.ServerMessage, func(...any)) {
	st := s.stream(accept, messages...)
	session := ""
	return func() wire.ServerMessage {
			m := st.next()
			if w, ok := m.(*wire.Welcome); ok {
				session = w.Session
			}
			return m
		}, func(messages ...any) {
			if a := s.do("POST", "/v1/send", string(lines(messages...)), "Syncline-Session", session); a.status != http.StatusNoContent {
				s.Errorf("send: %+v", a)
			}
		}
}

func polling(s *server, query string, messages []any) (func() wire.ServerMessage, func(...any)) {
	var waiting []wire.ServerMessage
	session := ""
	poll := func(messages ...any) {
		headers := []string{}
		if session != "" {
			headers = append(headers, "Syncline-Session", session)
		}
		a := s.do("POST", "/v1/poll"+query, string(lines(messages...)), headers...)
		if a.status != http.StatusOK {
			s.Fatalf("poll: %+v", a)
		}
		session = a.header.Get("Syncline-Session")
		for line := range strings.Lines(a.body) {
			waiting = append(waiting, decode(s, strings.TrimSuffix(line, "\n")))
		}
	}
	poll(messages...)
	return func() wire.ServerMessage {
		for len(waiting) == 0 {
			poll()
		}
		m := waiting[0]
		waiting = waiting[1:]
		return m
	}, poll
}

func dial(s *server) *testclient.Conn {
	s.Helper()
	c, err := testclient.Dial(s.url)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(c.Close)
	return c
}

func nextOf(t testing.TB, c *testclient.Conn) wire.ServerMessage {
	t.Helper()
	m, err := c.Next()
	if err == testclient.ErrClosed {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestCarriers: the same session over each of them.
func TestCarriers(t *testing.T) {
	for kind, c := range carriers {
		t.Run(kind, func(t *testing.T) {
			s := serve(t, options{})
			next, send := c.begin(s, hello, open)
			if w := want[*wire.Welcome](t, next()); w.V != 1 || w.User != "ada" || w.Session == "" || w.Limits["message"] != 1<<20 {
				t.Errorf("%s", wire.Encode(w))
			}
			want[*wire.Opened](t, next())
			want[*wire.Diff](t, next())
			acked := space.Seq(0)
			for id := range space.MutationID(5) {
				send(put(id+1), &wire.Ping{})
				for ponged := false; acked <= space.Seq(id) || !ponged; { // the pong does not wait for the disk
					switch m := next().(type) {
					case *wire.Ack:
						acked = m.Outcomes[0].Seq
					case *wire.Pong:
						ponged = true
					case *wire.Diff:
						if m.To.Seq > acked || len(m.Put) != 1 {
							t.Errorf("%s, acked %v", wire.Encode(m), acked)
						}
					default:
						t.Fatalf("%T", m)
					}
				}
			}
			// What others write comes by itself.
			if a := s.do("PUT", "/v1/spaces/"+name+"/-/cards/other", `{}`); a.status != http.StatusNoContent {
				t.Fatalf("%+v", a)
			}
			for {
				if d := want[*wire.Diff](t, next()); d.To.Seq == 6 {
					break
				}
			}
			send(`nonsense`, `nonsense`, `nonsense`)
			for range 2 {
				want[*wire.Error](t, next())
			}
			if e := want[*wire.Error](t, next()); e.Code != wire.CodeMalformed || !e.Fatal {
				t.Errorf("%s", wire.Encode(e))
			}
			if n := s.host.Stats().Sessions.Load(); n > 1 {
				t.Errorf("%d sessions", n)
			}
		})
	}
}

// TestFatalEndsTheConnection after the last word.
func TestFatalEndsTheConnection(t *testing.T) {
	s := serve(t, options{})
	c := dial(s)
	if err := c.Send(&wire.Hello{V: []int{9}}); err != nil {
		t.Fatal(err)
	}
	want[*wire.Error](t, nextOf(t, c))
	if m := nextOf(t, c); m != nil {
		t.Errorf("%s", wire.Encode(m))
	}
	st := s.stream("application/x-ndjson", &wire.Hello{V: []int{9}})
	want[*wire.Error](t, st.next())
	if m := st.next(); m != nil {
		t.Errorf("%s", wire.Encode(m))
	}
	a := s.do("POST", "/v1/poll", string(lines(&wire.Hello{V: []int{9}})))
	want[*wire.Error](t, decode(t, strings.TrimSpace(a.body)))
	if a = s.do("POST", "/v1/poll", "", "Syncline-Session", a.header.Get("Syncline-Session")); a.status != http.StatusNotFound {
		t.Errorf("%+v", a)
	}
}

// TestUnknownSession: what a request says that names no session, or needs one.
func TestUnknownSession(t *testing.T) {
	s := serve(t, options{})
	for _, c := range []struct {
		path, session string
		status        int
	}{
		{"/v1/poll", "made-up", 404}, {"/v1/send", "made-up", 404}, {"/v1/send", "", 404}, {"/v1/stream", "made-up", 409}, {"/v1/poll?wait=x", "", 400}, {"/v1/poll?wait=-1", "", 400},
	} {
		a := s.do("POST", c.path, string(lines(hello)), "Syncline-Session", c.session)
		if a.status != c.status || !strings.Contains(a.body, `"error"`) || c.status == 404 && !strings.Contains(a.body, wire.CodeUnknownSession) {
			t.Errorf("%s %q: %+v", c.path, c.session, a)
		}
	}
	if n := s.host.Stats().Sessions.Load(); n != 0 {
		t.Errorf("%d sessions", n)
	}
	for _, path := range []string{"/v1/poll", "/v1/send", "/v1/stream"} {
		if a := s.do("GET", path, ""); a.status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", path, a.status)
		}
	}
	if a := s.do("GET", "/v1/ws", ""); a.status < 400 || a.status >= 500 {
		t.Errorf("a plain GET of /v1/ws: %d", a.status)
	}
}

// TestExpiry: a session without a request for a minute is gone, not before, and
// its hold on spaces with it.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, options{offline: true})
		a := s.do("POST", "/v1/poll", string(lines(hello, open)))
		session := a.header.Get("Syncline-Session")
		poll := func(want int) {
			t.Helper()
			if a := s.do("POST", "/v1/poll", "", "Syncline-Session", session); a.status != want {
				t.Errorf("%+v", a)
			}
		}
		for range 5 {
			time.Sleep(59 * time.Second)
			poll(200)
		}
		// A long poll counts as long as it is under way.
		begun := time.Now()
		if a := s.do("POST", "/v1/poll?wait=90000", "", "Syncline-Session", session); a.status != 200 || time.Since(begun) != 30*time.Second {
			t.Errorf("%+v after %v", a, time.Since(begun))
		}
		time.Sleep(59 * time.Second)
		poll(200)
		time.Sleep(61 * time.Second)
		poll(404)
		if n := s.host.Stats().Sessions.Load(); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
}

// TestKeepAlive: a stream with nothing to say says that.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, options{offline: true})
		r, w := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/stream", strings.NewReader(string(lines(hello))))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "text/event-stream")
		done := make(chan struct{})
		go func() { defer close(done); s.handler.ServeHTTP(&pipeWriter{w, http.Header{}}, req) }()
		st := &stream{TB: t, body: r, lines: newReader(r), sse: true}
		want[*wire.Welcome](t, st.next())
		begun := time.Now()
		for _, want := range []string{"\n", ":\n", "\n", ":\n"} {
			if line, err := st.lines.ReadString('\n'); err != nil || line != want {
				t.Errorf("%q, %v", line, err)
			}
		}
		if d := time.Since(begun); d != 30*time.Second {
			t.Errorf("two after %v", d)
		}
		r.Close() // the next write fails, and the session ends
		<-done
		synctest.Wait()
		if n := s.host.Stats().Sessions.Load(); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
}

// TestBinary frames are no messages of this protocol.
func TestBinary(t *testing.T) {
	s := serve(t, options{})
	c := dial(s)
	if err := c.Send(hello); err != nil {
		t.Fatal(err)
	}
	want[*wire.Welcome](t, nextOf(t, c))
	if err := c.SendBinary(wire.Encode(open)); err != nil {
		t.Fatal(err)
	}
	if e := want[*wire.Error](t, nextOf(t, c)); e.Code != wire.CodeMalformed || e.Fatal {
		t.Errorf("%s", wire.Encode(e))
	}
}

// TestOversize: a message over its limit is refused and the session goes on; what
// a carrier does not take at once ends it.
func TestOversize(t *testing.T) {
	s := serve(t, options{})
	long := `{"t":"cast","space":"a","topic":"","data":"` + strings.Repeat("x", 1<<20) + `"}`
	c := dial(s)
	if err := c.Send(hello, []byte(long), &wire.Ping{}); err != nil {
		t.Fatal(err)
	}
	want[*wire.Welcome](t, nextOf(t, c))
	if e := want[*wire.Error](t, nextOf(t, c)); e.Code != wire.CodeMessageTooLarge || e.Limit != "message" || e.Fatal {
		t.Errorf("%s", wire.Encode(e))
	}
	want[*wire.Pong](t, nextOf(t, c))
	_ = c.Send([]byte(strings.Repeat("x", wire.MaxCarried+1))) // the server may hang up meanwhile
	for nextOf(t, c) != nil {
	}

	session := s.do("POST", "/v1/poll", string(lines(hello))).header.Get("Syncline-Session")
	if a := s.do("POST", "/v1/send", strings.Repeat("x", 1<<20+100)+"\n", "Syncline-Session", session); a.status != http.StatusRequestEntityTooLarge || !strings.Contains(a.body, `"limit":"message"`) {
		t.Errorf("%+v", a)
	}
	// Whatever is cut off is not taken for the whole, wherever the limit falls.
	ping := string(lines(&wire.Ping{}))
	for cut := range len(ping) {
		body := strings.Repeat("\n", wire.MaxCarried-len(ping)-cut+1) + ping + ping
		if a := s.do("POST", "/v1/send", body, "Syncline-Session", session); a.status != http.StatusRequestEntityTooLarge && len(body) > wire.MaxCarried {
			t.Errorf("%d bytes: %+v", len(body), a)
		}
	}
	if a := s.do("POST", "/v1/send", strings.Repeat("\n", wire.MaxCarried-len(ping))+ping, "Syncline-Session", session); a.status != http.StatusNoContent {
		t.Errorf("at the limit: %+v", a)
	}
}

// TestCutBody: a request that breaks off in the middle of a message brings the
// whole ones, and no complaint about the rest.
func TestCutBody(t *testing.T) {
	s := serve(t, options{offline: true})
	session := s.do("POST", "/v1/poll", string(lines(hello))).header.Get("Syncline-Session")
	for range 5 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/send", io.MultiReader(strings.NewReader(`{"t":"ping"`), failingReader{}))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Syncline-Session", session)
		s.handler.ServeHTTP(&pipeWriter{io.Discard, http.Header{}}, r)
	}
	a := s.do("POST", "/v1/poll", string(lines(&wire.Ping{})), "Syncline-Session", session)
	if a.status != 200 || strings.TrimSpace(a.body) != `{"t":"pong"}` {
		t.Errorf("%+v", a)
	}
}
