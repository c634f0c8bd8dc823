package admin

import (
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/syncline/syncline/outbox"
)

// A Teller is a Server that tells others of commits. *syncline.Server is one.
type Teller interface {
	Outbox() *outbox.Outbox
	Ledger() *outbox.Ledger
}

// handleOutbox adds
//
//	GET  /outbox/dead    the dead letters, one a line
//	POST /outbox/replay  send those again that the query fits
//	POST /outbox/forget  remove them
func handleOutbox(mux *http.ServeMux, t Teller) {
	mux.HandleFunc("GET /outbox/dead", ours(func(w http.ResponseWriter, r *http.Request) {
		match, err := Filter(r.URL.Query(), true)
		if err != nil {
			answer(w, http.StatusBadRequest, err.Error())
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		for letter, err := range t.Ledger().Dead(r.Context()) {
			if err != nil {
				panic(http.ErrAbortHandler) // the reader must not take it for the end
			}
			if !match(letter) {
				continue
			}
			if json.MarshalWrite(w, letter) != nil {
				return // the reader is gone
			}
			_, _ = w.Write([]byte("\n"))
		}
	}))
	change := func(do func(*http.Request, func(*outbox.Letter) bool) (int, error)) http.HandlerFunc {
		return ours(func(w http.ResponseWriter, r *http.Request) {
			match, err := Filter(r.URL.Query(), false)
			if err != nil {
				answer(w, http.StatusBadRequest, err.Error())
				return
			}
			n, err := do(r, match)
			if err != nil {
				answer(w, http.StatusInternalServerError, err.Error())
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.MarshalWrite(w, map[string]int{"letters": n})
		})
	}
	mux.HandleFunc("POST /outbox/replay", change(func(r *http.Request, match func(*outbox.Letter) bool) (int, error) {
		n, err := t.Ledger().Replay(r.Context(), match)
		t.Outbox().Rescan()
		return n, err
	}))
	mux.HandleFunc("POST /outbox/forget", change(func(r *http.Request, match func(*outbox.Letter) bool) (int, error) {
		return t.Ledger().Forget(r.Context(), match)
	}))
}

func outboxMetrics(o *outbox.Outbox) prometheus.Collector {
	s, c := o.Stats(), &hostCollector{}
	const counter = prometheus.CounterValue
	c.add(counter, "outbox_requests_total", "Requests to endpoints about commits.", &s.Sent, 1)
	c.add(counter, "outbox_delivered_total", "Changes that their receivers have taken.", &s.Delivered, 1)
	c.add(counter, "outbox_failures_total", "Requests to endpoints that failed.", &s.Failed, 1)
	c.add(counter, "outbox_dead_total", "Changes that became dead letters.", &s.Dead, 1)
	c.add(counter, "outbox_lost_total", "Commits that could not be told since their history is gone.", &s.Lost, 1)
	return c
}
