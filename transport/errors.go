package transport

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/wire"
)

func writeError(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{"code": code, "message": message}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client is gone: nobody to tell
}

// writeWireError answers with an error as REST tells it.
func writeWireError(w http.ResponseWriter, err error) {
	var e *wire.Error
	if !errors.As(err, &e) {
		if errors.Is(err, context.Canceled) {
			return // nobody listens any more
		}
		e = &wire.Error{Code: wire.CodeInternal, Message: "the server could not do this; its log says why", RetryMS: 1000}
	}
	if e.RetryMS > 0 {
		w.Header().Set("Retry-After", strconv.Itoa((e.RetryMS+999)/1000))
	}
	writeJSON(w, statusOf(e.Code), map[string]any{"error": e})
}

func statusOf(code string) int {
	switch code {
	case wire.CodeUnauthorized:
		return http.StatusUnauthorized
	case wire.CodeForbidden, wire.CodeClientMismatch:
		return http.StatusForbidden
	case wire.CodeUnknownSession:
		return http.StatusNotFound
	case wire.CodeMutationGap, wire.CodeClientForked, wire.CodeDisplaced:
		return http.StatusConflict
	case wire.CodeMessageTooLarge:
		return http.StatusRequestEntityTooLarge
	case wire.CodeRateLimited:
		return http.StatusTooManyRequests
	case wire.CodeUpgradeRequired:
		return http.StatusUpgradeRequired
	case wire.CodeServerOutdated, wire.CodeOverloaded, wire.CodeShuttingDown, wire.CodeUnavailable:
		return http.StatusServiceUnavailable
	case wire.CodeInternal:
		return http.StatusInternalServerError
	default:
		return http.StatusBadRequest
	}
}

func jsonLine(v any) ([]byte, error) {
	b, err := json.Marshal(v, jsontext.AllowInvalidUTF8(true))
	return append(b, '\n'), err
}
