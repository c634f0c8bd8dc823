package transport

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/wire"
)

// A restRequest is a request below /v1/spaces/<path>/-/.
type restRequest struct {
	*http.Request
	t    *Handler
	w    http.ResponseWriter
	who  *authz.Session
	path space.Path
	rest []string // what follows "-", unescaped
}

// rest serves /v1/spaces/.
func (t *Handler) rest(w http.ResponseWriter, r *http.Request) {
	rr := &restRequest{Request: r, t: t, w: w}
	if err := rr.parse(); err != nil {
		writeWireError(w, err)
		return
	}
	if err := rr.serve(); err != nil {
		var e *wire.Error
		if !errors.As(err, &e) && r.Context().Err() == nil {
			t.opts.Logger.Error("a request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
		writeWireError(w, err)
	}
}

func (r *restRequest) parse() error {
	escaped := strings.TrimPrefix(r.URL.EscapedPath(), "/v1/spaces/")
	name, rest, ok := strings.Cut(escaped, "/-/")
	if !ok {
		return &wire.Error{Code: wire.CodeMalformed, Message: "want /v1/spaces/<space>/-/<collection>/<id>; there is no /-/ after the space"}
	}
	path, err := space.ParsePath(name)
	if err != nil {
		return &wire.Error{Code: wire.CodeBadName, Message: err.Error()}
	}
	r.path = path
	for part := range strings.SplitSeq(rest, "/") {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return &wire.Error{Code: wire.CodeMalformed, Message: err.Error()}
		}
		r.rest = append(r.rest, plain)
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	r.who, err = r.t.host.Authority().Identify(r.Context(), authz.Credentials{Token: token, User: r.Header.Get("Syncline-User")})
	return err
}

func (r *restRequest) serve() error {
	switch {
	case len(r.rest) == 1 && r.rest[0] == "_push":
		return r.only(http.MethodPost, r.push)
	case len(r.rest) == 1 && r.rest[0] == "_find":
		return r.only(http.MethodPost, r.find)
	case len(r.rest) == 1 && r.rest[0] == "_snapshot":
		return r.only(http.MethodGet, r.snapshot)
	case len(r.rest) == 1 && r.rest[0] == "_changes":
		return r.only(http.MethodGet, r.changes)
	case len(r.rest) == 1 && r.rest[0] == "_head":
		return r.only(http.MethodGet, r.head)
	case len(r.rest) == 1 && r.rest[0] == "_log":
		return r.only(http.MethodGet, r.log)
	case len(r.rest) == 1:
		return r.only(http.MethodGet, r.list)
	case len(r.rest) == 2:
		return r.entry()
	default:
		return &wire.Error{Code: wire.CodeMalformed, Message: "nothing is that deep: ids are percent-encoded, / as %2F"}
	}
}

func (r *restRequest) only(method string, serve func() error) error {
	if r.Method != method && !(r.Method == http.MethodHead && method == http.MethodGet) {
		r.w.Header().Set("Allow", method)
		writeError(r.w, http.StatusMethodNotAllowed, "method_not_allowed", r.URL.Path+" takes "+method)
		return nil
	}
	return serve()
}

// body reads the request's body, bounded, and decodes it strictly.
func (r *restRequest) body(into any) error {
	data, err := r.bytes(r.t.host.Limits().Message)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into, json.RejectUnknownMembers(true)); err != nil {
		return &wire.Error{Code: wire.CodeMalformed, Message: err.Error()}
	}
	return nil
}

func (r *restRequest) bytes(limit int) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(data) > limit {
		return nil, &wire.Error{Code: wire.CodeMessageTooLarge, Limit: "message", Message: "the body has more than " + strconv.Itoa(limit) + " bytes"}
	}
	return data, nil
}

// entry serves one record.
func (r *restRequest) entry() error {
	key, err := space.ParseKey(r.rest[0], r.rest[1])
	if err != nil {
		return &wire.Error{Code: wire.CodeBadName, Message: err.Error()}
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return r.get(key)
	case http.MethodPut, http.MethodPatch, http.MethodDelete:
		return r.write(key)
	}
	r.w.Header().Set("Allow", "GET, HEAD, PUT, PATCH, DELETE")
	writeError(r.w, http.StatusMethodNotAllowed, "method_not_allowed", "a record takes GET, PUT, PATCH and DELETE")
	return nil
}

func (r *restRequest) get(key space.Key) error {
	v, err := r.read(key)
	if err != nil {
		return err
	}
	h := r.w.Header()
	h.Set("Cache-Control", "private, max-age=0, stale-while-revalidate=60")
	if r.t.host.Limited(r.who, r.path) {
		h.Set("Cache-Control", "no-store") // a cache would know nothing of what is revoked
	}
	if !v.Live() {
		writeError(r.w, http.StatusNotFound, space.CodeNotFound, "there is no entry "+key.String())
		return nil
	}
	h.Set("ETag", etag(v.Seq))
	if matches(r.Header.Get("If-None-Match"), etag(v.Seq)) {
		r.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", "application/json")
	if r.Method == http.MethodGet {
		_, _ = r.w.Write(v.Payload)
	}
	return nil
}

func (r *restRequest) read(key space.Key) (space.Version, error) {
	version, err := r.version()
	if err != nil {
		return space.Version{}, err
	}
	reading, err := r.t.host.ReadAs(r.Context(), r.who, r.path, 0, key.Collection, version)
	if err != nil {
		return space.Version{}, err
	}
	defer reading.Close()
	return reading.Get(key)
}

// version is the version of the collection that the request speaks, by the parameter v; 1 without.
func (r *restRequest) version() (uint32, error) {
	text := r.URL.Query().Get("v")
	if text == "" {
		return 1, nil
	}
	v, err := strconv.ParseUint(text, 10, 32)
	if err != nil || v == 0 {
		return 0, &wire.Error{Code: wire.CodeMalformed, Message: "the parameter v is a version of the collection: 1 or more"}
	}
	return uint32(v), nil
}

func etag(seq space.Seq) string { return `"` + seq.String() + `"` }

// matches reports whether an If-None-Match header lists tag. Weak and strong
// forms match alike, as RFC 9110 has it for that header.
func matches(header, tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == tag || one == "*" {
			return true
		}
	}
	return false
}

func (r *restRequest) head() error {
	reading, err := r.t.host.Read(r.Context(), r.who, r.path, 0)
	if err != nil {
		return err
	}
	defer reading.Close()
	r.w.Header().Set("Cache-Control", "no-store")
	writeJSON(r.w, http.StatusOK, map[string]any{"head": reading.Head.Cursor, "horizon": reading.Head.Horizon})
	return nil
}

// cursorParam reads a cursor from the query.
func (r *restRequest) cursorParam(name string) (*space.Cursor, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return nil, nil
	}
	c, err := space.ParseCursor(text)
	if err != nil {
		return nil, &wire.Error{Code: wire.CodeBadCursor, Message: err.Error()}
	}
	return &c, nil
}

func (r *restRequest) viewParam() (space.View, error) {
	var view space.View
	text := r.URL.Query().Get("view")
	if text == "" {
		return nil, &wire.Error{Code: wire.CodeBadView, Message: `the parameter view is missing: a JSON array such as [{"in":"cards"}]`}
	}
	if len(text) > r.t.host.Limits().Message {
		return nil, &wire.Error{Code: wire.CodeMessageTooLarge, Limit: "message", Message: "the parameter view is too long"}
	}
	if err := json.Unmarshal([]byte(text), &view, json.RejectUnknownMembers(true)); err != nil {
		return nil, &wire.Error{Code: wire.CodeBadView, Message: err.Error()}
	}
	if len(view) == 0 {
		return nil, &wire.Error{Code: wire.CodeBadView, Message: "the view has no parts"}
	}
	_, err := kernel.CompileView(view, r.t.host.Limits())
	return view, err
}

// trimmedStatus answers with why a cursor is of no use.
func (r *restRequest) resetStatus(reason string) error {
	status, message := http.StatusConflict, "the log has no such cursor: start from a snapshot"
	if reason == wire.ResetTrimmed {
		status, message = http.StatusGone, "the history since that cursor is no longer kept: start from a snapshot"
	}
	writeError(r.w, status, reason, message)
	return nil
}

// gone turns the store's word for trimmed or future history into an answer.
func gone(err error) error {
	if errors.Is(err, store.ErrTrimmed) || errors.Is(err, store.ErrFuture) {
		return &wire.Error{Code: wire.CodeBadCursor, Message: err.Error()}
	}
	return err
}
