package cli

import (
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/syncline/syncline/hook"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/webhook"
)

var receiverSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of tests, 32 bytes long"))

// A receiver is somebody else's server, as a receiver should be: it believes what
// is signed, and knows what it has had before.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status func() int
	seen   func(e hook.Event, id string)
	forged int
}

func newReceiver() *receiver {
	r := &receiver{status: func() int { return http.StatusNoContent }, seen: func(hook.Event, string) {}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		body, _ := io.ReadAll(request.Body)
		h := request.Header
		if !webhook.Verify(receiverSecret, h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature"), body, time.Now()) {
			r.forged++
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		status := r.status()
		var m hook.Message[hook.Event]
		if err := json.Unmarshal(body, &m); err != nil {
			status = http.StatusBadRequest
		} else if status/100 == 2 {
			r.seen(m.Data, h.Get("webhook-id"))
		}
		w.WriteHeader(status)
	}))
	return r
}

// behave says how it answers and what it does with what it believes.
func (r *receiver) behave(status func() int, seen func(e hook.Event, id string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status, r.seen = status, seen
}

// configure writes endpoints.json and its secret into a directory.
func (r *receiver) configure(dir string, attempts int) error {
	text := fmt.Sprintf(`{"endpoints": {"receiver": {"url": "%s/hooks?token=verysecret", "secretFile": "hook.secret", "private": true, "attempts": %d}}}`, r.URL, attempts)
	if err := os.WriteFile(filepath.Join(dir, "hook.secret"), []byte(receiverSecret+"\n"), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "endpoints.json"), []byte(text), 0o600)
}

func scriptReceive(ts *testscript.TestScript, _ bool, _ []string) {
	r := newReceiver()
	ts.Defer(r.Close)
	ts.Check(r.configure(ts.MkAbs("."), 1))
	out, status := ts.MkAbs("receiver.out"), ts.MkAbs("receiver.status")
	r.behave(func() int {
		text, err := os.ReadFile(status)
		code := http.StatusNoContent
		if err == nil {
			_, _ = fmt.Sscan(string(text), &code)
		}
		return code
	}, func(e hook.Event, id string) {
		f, err := os.OpenFile(out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			fmt.Fprintf(f, "%s %s/%s %s %s\n", e.Op, e.Collection, e.ID, e.New, id)
			_ = f.Close()
		}
	})
}

func scriptStatus(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs("receiver.status"), []byte(args[0]), 0o600))
}

func scriptAdmin(ts *testscript.TestScript, _ bool, _ []string) {
	log := ts.ReadFile("server.log")
	_, rest, ok := strings.Cut(log[strings.LastIndex(log, `msg="admin address"`):], "url=http://")
	if !ok {
		ts.Fatalf("the server has no admin address: %s", log)
	}
	ts.Setenv("ADMIN", strings.Fields(rest)[0])
}

const told = `
spaces:
  team/{team}:
    open: "true"
    collections: {cards: {read: "true", write: "true"}}
    deliver: {told: {to: receiver, collections: [cards]}}
`

// TestOutboxCrash kills the server at random points while it tells a receiver of
// what it commits, and starts it again: whatever was acknowledged is told, in order.
func TestOutboxCrash(t *testing.T) {
	t.Parallel()
	rounds := 8
	if os.Getenv("SYNCLINE_LONG") != "" {
		rounds = 150
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	r := newReceiver()
	defer r.Close()
	moods := rand.New(rand.NewPCG(seed, 1))
	var well atomic.Bool // in the end: retries wait for longer and longer
	mood := func() int {
		if well.Load() {
			return 204
		}
		return []int{204, 204, 204, 500}[moods.IntN(4)]
	}
	type event struct {
		entry string
		seq   space.Seq
	}
	taken, ids := map[event]bool{}, map[string]event{}
	last := map[string]space.Seq{}
	var problems []string
	r.behave(mood, func(e hook.Event, id string) {
		now := event{strings.TrimPrefix(e.Space, "team/") + " " + e.ID, e.Seq}
		if was, known := ids[id]; known && was != now {
			problems = append(problems, fmt.Sprintf("%v and %v have one id", was, now))
		}
		ids[id] = now
		if !taken[now] && now.seq < last[now.entry] {
			problems = append(problems, fmt.Sprintf("%v comes after %d", now, last[now.entry]))
		}
		taken[now] = true
		last[now.entry] = max(last[now.entry], now.seq)
	})
	if err := r.configure(dir, 20); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "app.yaml"), []byte(told), 0o600); err != nil {
		t.Fatal(err)
	}
	var server *program
	serve := func() {
		p, err := startServer([]string{
			"serve", "--dir", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--admin", "",
			"--definition", filepath.Join(dir, "app.yaml"), "--endpoints", filepath.Join(dir, "endpoints.json"),
		}, dir, os.Environ())
		if err != nil {
			t.Fatal(err)
		}
		server = p
	}
	var acknowledged []event
	for round := range rounds {
		serve()
		for i := range 5 + random.IntN(20) {
			id := fmt.Sprint("c", random.IntN(4))
			team := []string{"a", "b"}[random.IntN(2)]
			request, err := http.NewRequest(http.MethodPut, server.url+"/v1/spaces/team/"+team+"/-/cards/"+id, strings.NewReader(fmt.Sprintf(`{"n":%d}`, round*100+i)))
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			var seq space.Seq
			_, err = fmt.Sscanf(response.Header.Get("ETag"), `"%d"`, &seq)
			_ = response.Body.Close()
			if response.StatusCode/100 != 2 || err != nil {
				t.Fatalf("%s: %v", response.Status, err)
			}
			acknowledged = append(acknowledged, event{team + " " + id, seq})
		}
		<-time.After(time.Duration(random.IntN(20000)) * time.Microsecond) // not only right after an acknowledgement
		server.kill()
	}
	serve()
	well.Store(true)
	deadline := time.After(time.Minute)
	missing := func() (all []event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range acknowledged {
			if !taken[e] {
				all = append(all, e)
			}
		}
		return all
	}
	for len(missing()) > 0 {
		select {
		case <-deadline:
			log, _ := os.ReadFile(filepath.Join(dir, "server.log"))
			t.Fatalf("not told: %v of %d; the log:\n%s", missing(), len(acknowledged), log)
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err := server.stop(); err != nil {
		t.Error(err)
	}
	if out, err := exec.Command("syncline", "verify", filepath.Join(dir, "data")).CombinedOutput(); err != nil {
		t.Errorf("verify: %v: %s", err, out)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range problems {
		t.Error(p)
	}
	if r.forged > 0 {
		t.Errorf("%d requests were not signed", r.forged)
	}
	t.Logf("%d writes, %d ids", len(acknowledged), len(ids))
}
