package transport_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/internal/testclient"
	"github.com/syncline/syncline/internal/testlog"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/transport"
	"github.com/syncline/syncline/wire"
)

// TestOthersClientID: nobody writes under the client id of another user, whatever way they take, and the other's
// queue goes on as if nobody had tried.
func TestOthersClientID(t *testing.T) {
	for kind, c := range carriers {
		t.Run(kind, func(t *testing.T) {
			s := serve(t, options{})
			next, send := c.begin(s, hello, &wire.Open{Space: name, Client: client})
			want[*wire.Welcome](t, next())
			want[*wire.Opened](t, next())
			send(put(1))
			want[*wire.Ack](t, next())

			mallory, say := c.begin(s, &wire.Hello{V: []int{1}, User: "mallory"}, &wire.Open{Space: name, Client: client})
			want[*wire.Welcome](t, mallory())
			if e := want[*wire.Error](t, mallory()); e.Code != wire.CodeClientMismatch || strings.Contains(e.Message, "ada") {
				t.Errorf("opened under another's client id: %s", wire.Encode(e))
			}
			say(put(2))
			if e := want[*wire.Error](t, mallory()); e.Code != wire.CodeNotOpen {
				t.Errorf("pushed under another's client id: %s", wire.Encode(e))
			}
			send(put(2))
			if a := want[*wire.Ack](t, next()); a.Outcomes[0].Kind != space.Applied || a.Outcomes[0].Seq != 2 {
				t.Errorf("%s", wire.Encode(a))
			}
		})
	}
	s := serve(t, options{})
	as := func(user string, id int) []string {
		return []string{"Syncline-User", user, "Syncline-Client", string(client), "Syncline-Mutation", fmt.Sprint(id)}
	}
	s.do("PUT", rest+"cards/a", `{"n":1}`, as("ada", 1)...)
	for _, id := range []int{1, 2, 3} { // one that was used, the next, and a gap
		for _, method := range []string{"PUT", "PATCH", "DELETE"} {
			if a := s.do(method, rest+"cards/a", `{}`, as("mallory", id)...); a.status != http.StatusForbidden || !strings.Contains(a.body, wire.CodeClientMismatch) || strings.Contains(a.body, "ada") {
				t.Errorf("%s %d: %+v", method, id, a)
			}
		}
		body := fmt.Sprintf(`{"client":%q,"muts":[{"id":%d,"ops":[{"op":"delete","in":"cards","id":"a"}]}]}`, client, id)
		if a := s.do("POST", rest+"_push", body, "Syncline-User", "mallory"); a.status != http.StatusForbidden || !strings.Contains(a.body, wire.CodeClientMismatch) {
			t.Errorf("_push %d: %+v", id, a)
		}
	}
	if a := s.do("PATCH", rest+"cards/a", `{"$inc":{"n":1}}`, as("ada", 2)...); a.status != http.StatusNoContent {
		t.Errorf("ada goes on: %+v", a)
	}
}

// TestSignedOut: once the server has ended a user's sessions and believes the token no more, neither the token nor
// the secret of a session is good for anything, over any carrier.
func TestSignedOut(t *testing.T) {
	policy := generous(t)
	for kind, c := range carriers {
		t.Run(kind, func(t *testing.T) {
			var out atomic.Bool
			s := serve(t, options{host: host.Options{Authority: authz.NewRuled(policy, func(context.Context, string) (authz.Principal, error) {
				if out.Load() {
					return authz.Principal{}, &wire.Error{Code: wire.CodeUnauthorized, Message: "signed out"}
				}
				return authz.Principal{User: "ada"}, nil
			})}})
			greet := &wire.Hello{V: []int{1}, Token: "ada's"}
			next, send := c.begin(s, greet, open)
			secret := want[*wire.Welcome](t, next()).Session
			want[*wire.Opened](t, next())
			want[*wire.Diff](t, next())
			send(put(1))
			want[*wire.Ack](t, next())
			want[*wire.Diff](t, next())
			head, err := s.store.Head(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			out.Store(true)
			s.host.EndUser("ada")
			if e := want[*wire.Error](t, next()); e.Code != wire.CodeUnauthorized || !e.Fatal {
				t.Errorf("%s", wire.Encode(e))
			}
			// The secret of the session, in each request that takes one.
			for _, path := range []string{"/v1/send", "/v1/poll", "/v1/stream"} {
				if a := s.do("POST", path, string(lines(put(2))), "Syncline-Session", secret); a.status == http.StatusOK && strings.TrimSpace(a.body) != "" {
					t.Errorf("%s after the end: %+v", path, a)
				}
			}
			// The token, anew.
			again, _ := c.begin(s, greet, open, put(2))
			if e := want[*wire.Error](t, again()); e.Code != wire.CodeUnauthorized || !e.Fatal {
				t.Errorf("the token again: %s", wire.Encode(e))
			}
			for _, r := range [][3]string{{"PUT", "cards/x", "{}"}, {"GET", "cards/c1", ""}, {"GET", "_head", ""}, {"GET", "cards", ""}, {"POST", "_push", `{"muts":[{"ops":[{"op":"delete","in":"cards","id":"c1"}]}]}`}} {
				if a := s.do(r[0], rest+r[1], r[2], "Authorization", "Bearer ada's"); a.status != http.StatusUnauthorized {
					t.Errorf("%s %s: %+v", r[0], r[1], a)
				}
			}
			if after, err := s.store.Head(t.Context(), name); err != nil || after != head {
				t.Errorf("something was written after the end: %v, then %v (%v)", head, after, err)
			}
		})
	}
}

// TestNothingIsInflated: no carrier takes compressed input, so that a small message is never a large one.
func TestNothingIsInflated(t *testing.T) {
	s := serve(t, options{})
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(bytes.Repeat([]byte("\n"), 64<<20)) // into memory
	_ = z.Close()
	for _, encoding := range []string{"gzip", "zstd", "deflate", "br", "gzip, gzip", "GZIP", "x"} {
		for _, r := range [][2]string{{"PUT", rest + "cards/a"}, {"PATCH", rest + "cards/a"}, {"POST", rest + "_push"}, {"POST", rest + "_find"}, {"POST", "/v1/poll"}, {"POST", "/v1/stream"}, {"POST", "/v1/send"}} {
			if a := s.do(r[0], r[1], bomb.String(), "Content-Encoding", encoding); a.status != http.StatusUnsupportedMediaType {
				t.Errorf("%s %s: %+v", encoding, r[1], a)
			}
		}
	}
	// Unmarked it is bytes like any others.
	if a := s.do("PUT", rest+"cards/a", bomb.String()); a.status != http.StatusUnprocessableEntity {
		t.Errorf("%+v", a)
	}

	address := strings.TrimPrefix(s.url, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(request("GET", "/v1/ws", "", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==",
		"Sec-WebSocket-Protocol", wire.Subprotocol, "Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits; server_no_context_takeover")))
	in := newReader(conn)
	head := ""
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(head, err)
		}
		head += line
	}
	if !strings.HasPrefix(head, "HTTP/1.1 101") || strings.Contains(strings.ToLower(head), "deflate") {
		t.Errorf("%s", head)
	}
	var deflated bytes.Buffer
	f, _ := flate.NewWriter(&deflated, 9) // a level that there is
	_, _ = f.Write(wire.Encode(hello))
	_ = f.Close()
	frame := textFrame(deflated.Bytes())
	frame[0] |= 0x40 // RSV1: compressed
	_, _ = conn.Write(frame)
	for {
		var one [256]byte
		n, err := in.Read(one[:])
		if bytes.Contains(one[:n], []byte("welcome")) {
			t.Fatal("a compressed message was taken")
		}
		if err != nil {
			return // the connection is closed
		}
	}
}

// TestPathTricks: no spelling of a path leads to a space of the server's own, out of /v1/spaces, or to an
// entry under another name than the one that is decided on.
func TestPathTricks(t *testing.T) {
	st := memstore.New()
	s := serve(t, options{host: host.Options{Store: st}})
	for _, own := range []space.Path{"_quarantine/team/alpha", "_outbox"} {
		key := space.Key{Collection: "mutations", ID: "0000000000000001"}
		c := &space.Commit{Seq: 1, Time: time.UnixMilli(1), Changes: []space.Change{{Key: key, Type: space.Record, Payload: []byte(`{"canary":1}`), Hash: space.PayloadHash([]byte(`{"canary":1}`))}}}
		c.Seal(space.Digest{})
		if err := appendTo(st, own, c); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{
		"_quarantine/team/alpha", "%5Fquarantine/team/alpha", "team/../_quarantine/team/alpha", "team/%2e%2e/_quarantine/team/alpha", "team/alpha/../../_quarantine/team/alpha", "./_quarantine/team/alpha",
		"_outbox", "a/-/../_outbox", "a%2F..%2F_outbox", "..", ".", "", "/", "//", "team//alpha", "team/alpha/", "%2Fteam/alpha", "team%2Falpha", "team%2falpha", "TEAM/alpha", "team/alpha%00", "team/alpha%0a", "team/alph\u0430",
		"team/alpha;x", "team\\alpha", "team%5Calpha", "a/b/c/d/e/f/g/h/i", strings.Repeat("a", 129), "team/alpha%20", "%", "%zz", "team/.alpha", "team/-", "-",
	} {
		for _, rest := range []string{"/-/mutations/0000000000000001", "/-/mutations", "/-/_head", "/-/_snapshot?view=%5B%7B%22in%22%3A%22mutations%22%7D%5D", "/-/_log?after=0"} {
			tap := dialText(t, s, request("GET", "/v1/spaces/"+path+rest, "", "Connection", "close"))
			head, body, _ := response("GET", tap)
			status, _, _ := strings.Cut(strings.TrimPrefix(head, "HTTP/1.1 "), "\r\n")
			if strings.Contains(body, "canary") || strings.HasPrefix(status, "2") && !strings.HasPrefix(path, "team/alpha/../..") {
				t.Errorf("%q: %s %s", path+rest, head, body)
			}
		}
		o := &wire.Open{Space: path, Client: client, View: space.View{{In: "mutations"}}}
		a := s.do("POST", "/v1/poll?wait=20000", string(lines(hello, o))) // welcome, at least
		if strings.Contains(a.body, `"opened"`) || strings.Contains(a.body, "canary") {
			t.Errorf("%q is opened: %s", path, a.body)
		}
	}
	if a := s.do("POST", "/v1/poll", string(lines(hello, &wire.Open{Space: "_outbox", View: space.View{{In: "mutations"}}}))); strings.Contains(a.body, `"opened"`) {
		t.Errorf("%s", a.body)
	}
}

func appendTo(st *memstore.Store, path space.Path, c *space.Commit) error {
	return st.Append(context.Background(), store.Batch{Space: path, Commits: []*space.Commit{c}})
}

// dialText says something on a connection of its own and returns all that comes back.
func dialText(t *testing.T, s *server, text string) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	_, _ = all.ReadFrom(conn) // however it ends, what came is judged
	return all.Bytes()
}

// TestLogInjection: what a client names makes no line and no control sequence in the log, and its secrets are not in it.
func TestLogInjection(t *testing.T) {
	for form, handler := range map[string]func(io.Writer) slog.Handler{
		"text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		"json": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
	} {
		t.Run(form, func(t *testing.T) {
			var log testlog.Log
			logger := slog.New(handler(&log))
			st := memstore.New()
			var broken atomic.Bool
			st.Fault = func(op string) error {
				if broken.Load() && op == "view" {
					return errors.New("broken")
				}
				return nil
			}
			s := serve(t, options{offline: true, host: host.Options{Store: st, Logger: logger}, transport: transport.Options{Logger: logger}})
			s.do("PUT", rest+"cards/x", "{}")
			broken.Store(true)
			for _, id := range []string{"x%0Alevel=INFO%20msg=forged", "x%0D%0Ay", "x%1B%5B2J", "x%C2%9B2J", "x%E2%80%A8y", "x%22%20level=INFO", "x%E2%80%AEy", "plain"} {
				for _, method := range []string{"GET", "HEAD"} {
					s.do(method, rest+"cards/"+id+"?token=geheim", "", "Authorization", "Bearer geheim", "Syncline-User", "u", "Syncline-Session", "geheim", "User-Agent", "geheim\x1b[2J")
				}
			}
			s.do("POST", rest+"_find", `{"in":"cards","where":{"geheim":1}}`)
			lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
			if len(lines) < 10 {
				t.Fatalf("%d lines: that tests nothing", len(lines))
			}
			for _, line := range lines {
				if form == "text" && !strings.HasPrefix(line, "time=") || form == "json" && (!strings.HasPrefix(line, `{"time":`) || !strings.HasSuffix(line, "}")) || strings.ContainsAny(line, "\r\x1b\u2028") || strings.Contains(line, "geheim") {
					t.Errorf("%q", line)
				}
			}
		})
	}
}

// TestTokenInURL: a token in a URL is good for nothing; URLs end up in logs and histories.
func TestTokenInURL(t *testing.T) {
	policy := generous(t)
	s := serve(t, options{host: host.Options{Authority: authz.NewRuled(policy, func(_ context.Context, token string) (authz.Principal, error) {
		return authz.Principal{User: token}, nil
	})}})
	for _, name := range []string{"token", "access_token", "authorization", "auth", "jwt"} {
		for _, path := range []string{"cards/x", "cards", "_head", "_log"} {
			if a := s.do("GET", rest+path+"?"+name+"=ada", ""); a.status != http.StatusUnauthorized {
				t.Errorf("%s?%s: %+v", path, name, a)
			}
		}
		for _, path := range []string{"/v1/poll", "/v1/stream"} {
			a := s.do("POST", path+"?"+name+"=ada", string(lines(&wire.Hello{V: []int{1}})))
			if e := want[*wire.Error](t, decode(t, strings.TrimSpace(a.body))); e.Code != wire.CodeUnauthorized {
				t.Errorf("%s?%s: %s", path, name, wire.Encode(e))
			}
		}
		c, err := testclient.Dial(s.url + "?" + name + "=ada")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Send(&wire.Hello{V: []int{1}}); err != nil {
			t.Fatal(err)
		}
		if e := want[*wire.Error](t, nextOf(t, c)); e.Code != wire.CodeUnauthorized {
			t.Errorf("/v1/ws?%s: %s", name, wire.Encode(e))
		}
	}
}

// generous lets everybody do everything with cards.
func generous(t *testing.T) *authz.Policy {
	t.Helper()
	d, err := definition.Parse([]byte(`{"spaces":{"team/{t}":{"open":"true","collections":{"cards":{"read":"true","write":"true"}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := authz.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}
