package admin

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/space"
)

// quarantine serves the mutations that were set aside:
//
//	GET  /quarantine[?space=PATH]             a JSON array of all that is kept of each
//	POST /quarantine/replay?space=PATH&seq=N  runs one again and says what comes of it; nothing is committed
func quarantine(mux *http.ServeMux, h *host.Host) {
	mux.HandleFunc("GET /quarantine", ours(func(w http.ResponseWriter, r *http.Request) {
		all, err := h.Quarantined(r.Context(), space.Path(r.URL.Query().Get("space")))
		if err != nil {
			answer(w, http.StatusInternalServerError, err.Error())
			return
		}
		if all == nil {
			answer(w, http.StatusOK, "[]")
			return
		}
		write(w, all)
	}))
	mux.HandleFunc("POST /quarantine/replay", ours(func(w http.ResponseWriter, r *http.Request) {
		seq, err := strconv.ParseUint(r.URL.Query().Get("seq"), 10, 53)
		if err != nil {
			answer(w, http.StatusBadRequest, "seq takes the number of the commit that records the outcome")
			return
		}
		again, err := h.Replay(r.Context(), space.Path(r.URL.Query().Get("space")), space.Seq(seq))
		switch {
		case errors.Is(err, space.ErrTrimmed):
			answer(w, http.StatusGone, "the state that it ran on is no longer kept")
			return
		case err != nil:
			answer(w, http.StatusNotFound, err.Error())
			return
		}
		out := Replayed{Outcome: string(space.Applied)}
		if again.Refusal != nil {
			out = Replayed{Outcome: string(space.Rejected), Code: again.Refusal.Code, Path: again.Refusal.Path, Message: again.Refusal.Message}
		}
		if again.Fault != nil {
			out = Replayed{Outcome: string(space.Quarantined), Code: again.Fault.Reason, Message: again.Fault.Detail}
		}
		for _, c := range again.Changes {
			out.Changes = append(out.Changes, Change{c.Key.Collection, c.Key.ID, c.Payload})
		}
		write(w, out)
	}))
}

// Replayed is the answer to /quarantine/replay.
type Replayed struct {
	Outcome string   `json:"outcome"`
	Code    string   `json:"code,omitzero"`
	Path    string   `json:"path,omitzero"`
	Message string   `json:"message,omitzero"`
	Changes []Change `json:"changes,omitzero"`
}

// A Change is one that the mutation would make; without Value it deletes.
type Change struct {
	In    string         `json:"in"`
	ID    string         `json:"id"`
	Value jsontext.Value `json:"value,omitzero"`
}

func write(w http.ResponseWriter, v any) {
	text, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if err != nil {
		answer(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(text, '\n')) // whoever asked is gone: nobody to tell
}
