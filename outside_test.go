package syncline_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/hook"
	"github.com/syncline/syncline/internal/testclient"
	"github.com/syncline/syncline/internal/testlog"
	"github.com/syncline/syncline/outbox"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/webhook"
	"github.com/syncline/syncline/wire"
)

var hookSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("not a secret, 32 bytes of a test"))

const hooked = `
spaces:
  team/{team}:
    open: "true"
    collections: {cards: {read: "true", write: "true"}, notes: {read: "true", write: "true"}}
    deliver:
      index: {to: receiver, collections: [cards]}
    ask:
      budget: {to: judge, collections: [cards], when: "new != null && 'cost' in new"}
`

// A receiver is somebody else's server.
type hookReceiver struct {
	url    string
	mu     sync.Mutex
	bodies []string
	news   chan struct{}
	answer func(body string) (int, string)
}

func newHookReceiver(t *testing.T, answer func(body string) (int, string)) *hookReceiver {
	t.Helper()
	r := &hookReceiver{news: make(chan struct{}, 100), answer: answer}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		h := request.Header
		if !webhook.Verify(hookSecret, h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature"), body, time.Now()) {
			t.Errorf("a request is not signed: %s", body)
		}
		r.mu.Lock()
		r.bodies = append(r.bodies, string(body))
		r.mu.Unlock()
		status, text := r.answer(string(body))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
		r.news <- struct{}{}
	}))
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

func (r *hookReceiver) endpoint() webhook.Endpoint {
	return webhook.Endpoint{URL: r.url + "/?token=geheim", Secrets: []string{hookSecret}, Private: true, Timeout: 5 * time.Second}
}

func hookedDefinition(t *testing.T) *definition.Definition {
	t.Helper()
	d, err := definition.Parse([]byte(hooked))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestHooks: a write is asked about, committed, and told of; what is refused is
// rejected in the hook's words.
func TestHooks(t *testing.T) {
	judge := newHookReceiver(t, func(body string) (int, string) {
		switch {
		case strings.Contains(body, `"cost":1000`):
			return 200, `{"allow":false,"message":"over budget\r\nlevel=ERROR msg=forged"}`
		case strings.Contains(body, `"cost":500`):
			return 500, "geheim"
		default:
			return 200, `{"allow":true}`
		}
	})
	receiver := newHookReceiver(t, func(string) (int, string) { return 204, "" })
	var log testlog.Log
	dir := t.TempDir()
	opts := syncline.Options{
		Dir: dir, Definition: hookedDefinition(t), Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Endpoints: map[string]webhook.Endpoint{"receiver": receiver.endpoint(), "judge": judge.endpoint()},
	}
	_, url := serve(t, opts)
	c := dial(t, url, "ada")
	if err := c.Send(&wire.Open{Space: "team/alpha", Client: client}); err != nil {
		t.Fatal(err)
	}
	testclient.Expect[*wire.Opened](t, c)
	for i, m := range []struct{ value, code, message string }{
		{`{"cost":10}`, "", ""},
		{`{"cost":1000}`, space.CodeHookRefused, "over budget  level=ERROR msg=forged"},
		{`{"cost":500}`, space.CodeHookUnavailable, "another system has to agree to this, and gave no answer in time"},
		{`{"free":true}`, "", ""},
	} {
		if err := c.Send(&wire.Push{Space: "team/alpha", Mutations: []space.Mutation{put(space.MutationID(i+1), "c1", m.value)}}); err != nil {
			t.Fatal(err)
		}
		o := testclient.Expect[*wire.Ack](t, c).Outcomes[0]
		if o.Code != m.code || o.Message != m.message || (m.code == "") != (o.Kind == space.Applied) {
			t.Errorf("%s: %+v", m.value, o)
		}
	}
	<-receiver.news
	<-receiver.news
	receiver.mu.Lock()
	defer receiver.mu.Unlock()
	for i, want := range []struct{ kind, old, new string }{{hook.TypeCreated, "null", `{"cost":10}`}, {hook.TypeUpdated, `{"cost":10}`, `{"free":true}`}} {
		var m hook.Message[hook.Event]
		if err := json.Unmarshal([]byte(receiver.bodies[i]), &m); err != nil {
			t.Fatal(err)
		}
		e := m.Data
		if m.Type != want.kind || string(e.Old) != want.old || string(e.New) != want.new || e.Space != "team/alpha" || e.Collection != "cards" || e.ID != "c1" || e.Author != "ada" || e.Delivery != "index" {
			t.Errorf("%d: %s", i, receiver.bodies[i])
		}
	}
	if text := log.String(); strings.Contains(text, "geheim") || strings.Contains(text, hookSecret) || strings.Contains(text, "\nlevel=ERROR msg=forged") || !strings.Contains(text, "gave no answer") {
		t.Errorf("the log: %s", text)
	}
}

// TestSlowHook: while one mutation waits for an answer, others do not.
func TestSlowHook(t *testing.T) {
	free := make(chan struct{})
	judge := newHookReceiver(t, func(string) (int, string) { <-free; return 200, `{"allow":true}` })
	receiver := newHookReceiver(t, func(string) (int, string) { return 204, "" })
	_, url := serve(t, syncline.Options{
		Definition: hookedDefinition(t),
		Endpoints:  map[string]webhook.Endpoint{"receiver": receiver.endpoint(), "judge": judge.endpoint()},
	})
	a, b := dial(t, url, "ada"), dial(t, url, "bob")
	for c, id := range map[*testclient.Conn]space.ClientID{a: client, b: "client-of-bob-01234567"} {
		if err := c.Send(&wire.Open{Space: "team/alpha", Client: id}); err != nil {
			t.Fatal(err)
		}
		testclient.Expect[*wire.Opened](t, c)
	}
	if err := a.Send(&wire.Push{Space: "team/alpha", Mutations: []space.Mutation{put(1, "slow", `{"cost":1}`), put(2, "after", `{}`)}}); err != nil {
		t.Fatal(err)
	}
	for i := range space.MutationID(5) {
		if err := b.Send(&wire.Push{Space: "team/alpha", Mutations: []space.Mutation{put(i+1, "quick", `{}`)}}); err != nil {
			t.Fatal(err)
		}
		if o := testclient.Expect[*wire.Ack](t, b).Outcomes[0]; o.Kind != space.Applied || o.Seq != space.Seq(i+1) {
			t.Errorf("%+v", o)
		}
	}
	close(free)
	ack := testclient.Expect[*wire.Ack](t, a)
	if len(ack.Outcomes) != 2 || ack.Outcomes[0].Seq != 6 || ack.Outcomes[1].Seq != 7 {
		t.Errorf("%+v", ack)
	}
}

// TestUnknownEndpoint: a definition cannot name an address, nor an endpoint that
// the operator has not configured.
func TestUnknownEndpoint(t *testing.T) {
	_, err := syncline.Open(t.Context(), syncline.Options{Dir: t.TempDir(), Definition: hookedDefinition(t)})
	if err == nil || !strings.Contains(err.Error(), "has not configured") {
		t.Errorf("%v", err)
	}
	receiver := newHookReceiver(t, func(string) (int, string) { return 204, "" })
	d := hookedDefinition(t)
	delete(d.Spaces["team/{team}"].Ask, "budget")
	server, err := syncline.Open(t.Context(), syncline.Options{Dir: t.TempDir(), Definition: d, Endpoints: map[string]webhook.Endpoint{"receiver": receiver.endpoint()}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close(t.Context())
	if _, err := server.SetDefinition(hookedDefinition(t)); err == nil || !strings.Contains(err.Error(), "judge") {
		t.Errorf("%v", err)
	}
	for _, to := range []string{"http://127.0.0.1/", "https://example.com", "../x", "", "A", strings.Repeat("x", 49)} {
		d := hookedDefinition(t)
		d.Spaces["team/{team}"].Ask["budget"] = definition.Hook{To: to, Collections: []string{"cards"}}
		if _, err := server.SetDefinition(d); err == nil {
			t.Errorf("a hook goes to %q", to)
		}
	}
}

// TestLedgerOutOfReach: no transport opens the space that holds what was delivered.
func TestLedgerOutOfReach(t *testing.T) {
	server, err := syncline.Open(t.Context(), syncline.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server.Handler())
	defer web.Close()
	defer server.Close(t.Context())
	readers := outbox.Readers{Ledger: server.Ledger()}
	if err := readers.Save("x", "a", space.Cursor{Seq: 7}); err != nil { // so that it is there
		t.Fatal(err)
	}
	c := dial(t, web.URL, "ada")
	for _, path := range []string{string(outbox.Path), "/_outbox", "_outbox/", "%5foutbox", "a/../_outbox", "./_outbox"} {
		if err := c.Send(&wire.Open{Space: path, View: space.View{{In: "readers"}}}); err != nil {
			t.Fatal(err)
		}
		if e := testclient.Expect[*wire.Error](t, c); e.Code != wire.CodeBadName {
			t.Errorf("open %q: %s", path, wire.Encode(e))
		}
		for _, rest := range []string{"/-/readers", "/-/readers/x%20a", "/-/_log", "/-/_head", "/-/_changes?view=[{%22in%22:%22readers%22}]"} {
			response, err := http.Get(web.URL + "/v1/spaces/" + path + rest)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if response.StatusCode < 400 || strings.Contains(string(body), `"at"`) {
				t.Errorf("GET %s%s: %s %s", path, rest, response.Status, body)
			}
		}
	}
	for _, err := range server.Events(t.Context(), string(outbox.Path), "x") {
		if err == nil {
			t.Error("its events are read")
		}
	}
}

// TestEvents: in order, from where the last loop ended, and only once each unless it was cut short.
func TestEvents(t *testing.T) {
	dir := t.TempDir()
	server, err := syncline.Open(t.Context(), syncline.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"1", "2", "3", "4"} {
		write(server, "team/alpha", "cards/c", `{"n":`+value+`}`)
	}
	read := func(n int, leave func(*syncline.Event) bool) (seqs []space.Seq) {
		t.Helper()
		for e, err := range server.Events(t.Context(), "team/alpha", "reader") {
			if err != nil {
				t.Fatal(err)
			}
			seqs = append(seqs, e.Seq)
			if leave(e) || len(seqs) == n {
				break
			}
		}
		return seqs
	}
	expect := func(what string, got []space.Seq, want ...space.Seq) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s: %v, want %v", what, got, want)
			}
		}
	}
	stay := func(*syncline.Event) bool { return false }
	expect("the first two", read(2, stay), 1, 2)
	expect("left without Ack", read(1, stay), 2)
	expect("left with Ack", read(1, func(e *syncline.Event) bool { return e.Ack() == nil }), 2)
	if err := server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if server, err = syncline.Open(t.Context(), syncline.Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	expect("after a restart", read(2, stay), 3, 4)
	for range server.Events(t.Context(), "team/alpha", "reader") {
		for _, err := range server.Events(t.Context(), "team/alpha", "reader") {
			if err == nil || !strings.Contains(err.Error(), "being read") {
				t.Errorf("two loops at once: %v", err)
			}
		}
		break
	}
	// It waits for what is yet to come.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for e, err := range server.Events(ctx, "team/alpha", "reader") {
		if err != nil {
			last = err
			break
		}
		switch e.Seq {
		case 4:
			go write(server, "team/alpha", "cards/c", `{"n":5}`)
		case 5:
			cancel()
		}
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("%v", last)
	}
	// Away for too long.
	if err := server.SeekEvents(t.Context(), "team/alpha", "reader", 2); err != nil {
		t.Fatal(err)
	}
	if err := server.Store().Trim(t.Context(), "team/alpha", 4); err != nil {
		t.Fatal(err)
	}
	for _, err := range server.Events(t.Context(), "team/alpha", "reader") {
		if !errors.Is(err, syncline.ErrTrimmed) {
			t.Errorf("%v", err)
		}
	}
	if err := server.SeekEvents(t.Context(), "team/alpha", "reader", 2); !errors.Is(err, syncline.ErrTrimmed) {
		t.Errorf("%v", err)
	}
	if err := server.SeekEvents(t.Context(), "team/alpha", "reader", 4); err != nil {
		t.Fatal(err)
	}
	expect("from where it was told to", read(1, stay), 5)
	// Another space of that name.
	if err := server.Store().Drop(t.Context(), "team/alpha"); err != nil {
		t.Fatal(err)
	}
	for _, err := range server.Events(t.Context(), "team/alpha", "reader") {
		if !errors.Is(err, syncline.ErrForked) {
			t.Errorf("%v", err)
		}
	}
	waiting := make(chan error)
	go func() {
		for _, err := range server.Events(t.Context(), "team/beta", "reader") {
			waiting <- err
		}
	}()
	if err := server.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-waiting; err == nil {
		t.Error("a loop survives its server")
	}
}
