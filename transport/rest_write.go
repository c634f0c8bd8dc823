package transport

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// write carries out PUT, PATCH or DELETE of one record.
func (r *restRequest) write(key space.Key) error {
	op := space.Op{In: key.Collection, ID: key.ID}
	data, err := r.bytes(r.t.host.Limits().Message)
	if err != nil {
		return err
	}
	switch r.Method {
	case http.MethodPut:
		op.Op, op.Value = space.OpPut, data
	case http.MethodPatch:
		op.Op, op.Patch = space.OpPatch, data
	case http.MethodDelete:
		op.Op = space.OpDelete
	}
	version, err := r.version()
	if err != nil {
		return err
	}
	client, id, err := r.identity()
	if err != nil {
		return err
	}
	if op.If, err = r.precondition(key); err != nil {
		return err
	}
	if op.If == nil && r.Header.Get("If-Match") != "" {
		writeError(r.w, http.StatusPreconditionFailed, space.CodeStale, "there is no entry "+key.String())
		return nil
	}
	m := space.Mutation{ID: id, Ops: []space.Op{op}}
	if version > 1 {
		m.V = space.Versions{key.Collection: version}
	}
	outcomes, _, err := r.t.host.Do(r.Context(), r.who, r.path, client, []space.Mutation{m})
	if err != nil {
		return err
	}
	o := outcomes[0]
	if o.Kind == space.Applied {
		if r.Method != http.MethodDelete {
			r.w.Header().Set("ETag", etag(o.Seq))
		}
		r.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	body := map[string]any{"code": o.Code, "message": o.Message, "outcome": o.Kind}
	if o.Path != "" {
		body["path"] = o.Path
	}
	if o.Current != nil {
		body["current"] = o.Current
		if o.Current.Version != 0 {
			r.w.Header().Set("ETag", etag(o.Current.Version))
		}
	}
	writeJSON(r.w, outcomeStatus(o), map[string]any{"error": body})
	return nil
}

func outcomeStatus(o space.Outcome) int {
	switch {
	case o.Kind == space.Duplicate:
		return http.StatusOK
	case o.Kind == space.Quarantined:
		return http.StatusInternalServerError
	}
	switch o.Code {
	case space.CodeStale:
		return http.StatusPreconditionFailed
	case space.CodeNotFound:
		return http.StatusNotFound
	case space.CodeHookUnavailable:
		return http.StatusServiceUnavailable
	case space.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case space.CodeUnique, space.CodeReference, space.CodeInUse:
		return http.StatusConflict
	case space.CodeForbidden, space.CodeQuota: // not 507: proxies and clients would try again
		return http.StatusForbidden
	}
	return http.StatusUnprocessableEntity
}

// identity reads the headers that make a write happen once.
func (r *restRequest) identity() (space.ClientID, space.MutationID, error) {
	name, number := r.Header.Get("Syncline-Client"), r.Header.Get("Syncline-Mutation")
	if name == "" && number == "" {
		return "", 0, nil
	}
	client, err := space.ParseClientID(name)
	if err != nil {
		return "", 0, &wire.Error{Code: wire.CodeBadName, Message: err.Error()}
	}
	id, err := strconv.ParseUint(number, 10, 53)
	if err != nil || id == 0 {
		return "", 0, &wire.Error{Code: wire.CodeMalformed, Message: "Syncline-Client needs Syncline-Mutation: 1, 2, 3, …"}
	}
	return client, space.MutationID(id), nil
}

// precondition turns If-Match and If-None-Match into the version that the entry
// must have; nil if there is none, or if If-Match is "*" and there is no entry.
func (r *restRequest) precondition(key space.Key) (*space.Seq, error) {
	match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	switch {
	case match == "" && none == "":
		return nil, nil
	case match != "" && none != "":
		return nil, &wire.Error{Code: wire.CodeMalformed, Message: "If-Match and If-None-Match together"}
	case none == "*":
		return new(space.Seq), nil
	case none != "":
		return nil, &wire.Error{Code: wire.CodeMalformed, Message: "If-None-Match of a write may only be *"}
	case match == "*":
		v, err := r.read(key)
		if err != nil || !v.Live() {
			return nil, err
		}
		return &v.Seq, nil
	}
	text := strings.TrimSuffix(strings.TrimPrefix(match, `"`), `"`)
	n, err := strconv.ParseUint(text, 10, 53)
	if err != nil || len(text)+2 != len(match) || n == 0 {
		return nil, &wire.Error{Code: wire.CodeMalformed, Message: `If-Match takes one version as in ETag, such as "12", or *`}
	}
	seq := space.Seq(n)
	return &seq, nil
}

// push takes mutations as a session would.
func (r *restRequest) push() error {
	data, err := r.bytes(r.t.host.Limits().Message)
	if err != nil {
		return err
	}
	body, err := wire.DecodePushRequest(data, r.t.host.Limits())
	if err != nil {
		return err
	}
	if body.Client != "" {
		if _, err := space.ParseClientID(string(body.Client)); err != nil {
			return &wire.Error{Code: wire.CodeBadName, Message: err.Error()}
		}
	}
	if n := len(body.Mutations); n == 0 || n > r.t.host.Limits().Pushed {
		return &wire.Error{
			Code: wire.CodeTooMany, Limit: "pushed",
			Message: "muts holds " + strconv.Itoa(n) + " mutations; 1 to " + strconv.Itoa(r.t.host.Limits().Pushed) + " are taken at once",
		}
	}
	outcomes, head, err := r.t.host.Do(r.Context(), r.who, r.path, body.Client, body.Mutations)
	if err != nil {
		return err
	}
	writeJSON(r.w, http.StatusOK, map[string]any{"outcomes": outcomes, "head": head})
	return nil
}
