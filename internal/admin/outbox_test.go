package admin

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/outbox"
	"github.com/syncline/syncline/store/memstore"
)

type teller struct {
	server
	outbox *outbox.Outbox
	ledger *outbox.Ledger
}

func (t teller) Outbox() *outbox.Outbox { return t.outbox }
func (t teller) Ledger() *outbox.Ledger { return t.ledger }

// TestDeadLettersAreOurs: no page in a browser on the operator's machine can read or replay them.
func TestDeadLettersAreOurs(t *testing.T) {
	st := memstore.New()
	h := host.New(host.Options{Store: st, Authority: authz.Development{}})
	defer h.Close(t.Context())
	l, err := outbox.OpenLedger(t.Context(), st, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := outbox.New(outbox.Options{Store: st, Ledger: l, Rules: (authz.Development{}).Rules})
	handler := New(teller{server{h, make(chan struct{})}, o, l}, slog.New(slog.DiscardHandler))
	for _, c := range []struct {
		method, url, header string
		want                int
	}{
		{"GET", "http://127.0.0.1:4601/outbox/dead", "1", 200},
		{"GET", "http://localhost:4601/outbox/dead?space=team/a", "1", 200},
		{"GET", "http://[::1]:4601/outbox/dead", "1", 200},
		{"POST", "http://127.0.0.1:4601/outbox/replay?all=true", "1", 200},
		{"POST", "http://127.0.0.1:4601/outbox/forget?id=msg_1", "1", 200},
		{"GET", "http://127.0.0.1:4601/outbox/dead", "", 403},
		{"POST", "http://127.0.0.1:4601/outbox/replay?all=true", "", 403},
		{"GET", "http://rebound.example.com:4601/outbox/dead", "1", 403},
		{"GET", "http://127.0.0.1.example.com/outbox/dead", "1", 403},
		{"GET", "http://10.0.0.1:4601/outbox/dead", "1", 403},
		{"POST", "http://127.0.0.1:4601/outbox/replay", "1", 400},
		{"POST", "http://127.0.0.1:4601/outbox/forget?space=", "1", 400},
		{"POST", "http://127.0.0.1:4601/outbox/forget?spaec=team/a", "1", 400},
		{"POST", "http://127.0.0.1:4601/outbox/forget?id=a&id=b", "1", 400},
		{"GET", "http://127.0.0.1:4601/outbox/replay?all=true", "1", 405},
	} {
		r := httptest.NewRequest(c.method, c.url, http.NoBody)
		if c.header != "" {
			r.Header.Set(Header, c.header)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s %s with %q: %d, want %d", c.method, c.url, c.header, w.Code, c.want)
		}
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	if !strings.Contains(w.Body.String(), "syncline_outbox_lost_total 0\n") {
		t.Error("the outbox has no metrics")
	}
}
