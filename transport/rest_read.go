package transport

import (
	"compress/gzip"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"

	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
	"github.com/syncline/syncline/wire"
)

// Bounds of queries.
const (
	defaultRows = 100
	maxRows     = 10_000
)

// find answers POST _find.
func (r *restRequest) find() error {
	var body struct {
		In     string         `json:"in"`
		Where  jsontext.Value `json:"where,omitzero"`
		Sort   jsontext.Value `json:"sort,omitzero"`
		Limit  jsontext.Value `json:"limit,omitzero"`
		Skip   jsontext.Value `json:"skip,omitzero"`
		Fields jsontext.Value `json:"fields,omitzero"`
		V      *uint32        `json:"v,omitzero"`
	}
	if err := r.body(&body); err != nil {
		return err
	}
	version := uint32(1)
	if body.V != nil {
		if version = *body.V; version == 0 {
			return &wire.Error{Code: wire.CodeMalformed, Message: "v is a version of the collection: 1 or more"}
		}
	}
	return r.query(body.In, version, map[string]jsontext.Value{
		"where": body.Where, "sort": body.Sort, "limit": body.Limit, "skip": body.Skip, "fields": body.Fields,
	})
}

// list answers GET of a collection; the parts of the query are JSON.
func (r *restRequest) list() error {
	parts := map[string]jsontext.Value{}
	for name, values := range r.URL.Query() {
		switch name {
		case "v":
		case "where", "sort", "limit", "skip", "fields":
			if len(values) > 1 {
				return &wire.Error{Code: wire.CodeMalformed, Message: "the parameter " + name + " is given twice"}
			}
			if parts[name] = jsontext.Value(values[0]); !parts[name].IsValid() {
				return &wire.Error{Code: wire.CodeBadView, Message: "the parameter " + name + " is not JSON"}
			}
		default:
			return &wire.Error{Code: wire.CodeMalformed, Message: "there is no parameter " + strconv.Quote(name)}
		}
	}
	version, err := r.version()
	if err != nil {
		return err
	}
	return r.query(r.rest[0], version, parts)
}

func (r *restRequest) query(collection string, version uint32, parts map[string]jsontext.Value) error {
	if err := space.CheckCollection(collection); err != nil {
		return &wire.Error{Code: wire.CodeBadName, Message: err.Error()}
	}
	raw := []byte{'{'}
	for name, v := range parts {
		if v != nil {
			if len(raw) > 1 {
				raw = append(raw, ',')
			}
			raw = append(append(raw, `"`+name+`":`...), v...)
		}
	}
	q, err := selector.ParseQuery(append(raw, '}'))
	if err != nil {
		return &wire.Error{Code: wire.CodeBadView, Message: err.Error()}
	}
	if q.Limit == 0 {
		q.Limit = defaultRows
	}
	if q.Limit+q.Skip > maxRows {
		return &wire.Error{Code: wire.CodeTooMany, Limit: "rows", Message: "limit and skip together may be " + strconv.Itoa(maxRows) + "; read more by _snapshot"}
	}
	reading, err := r.t.host.ReadAs(r.Context(), r.who, r.path, 0, collection, version)
	if err != nil {
		return err
	}
	defer reading.Close()
	head := reading.Head
	h := r.w.Header()
	if reading.Limited() {
		h.Set("Cache-Control", "no-store") // a cache would know nothing of what is revoked
	} else {
		h.Set("Cache-Control", "private, max-age=0, stale-while-revalidate=60")
		h.Set("ETag", `W/"`+head.Cursor.String()+`"`)
		if r.Method == http.MethodGet && matches(r.Header.Get("If-None-Match"), h.Get("ETag")) {
			r.w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	found, err := reading.Find(collection, q)
	if err != nil {
		return err
	}
	type row struct {
		ID      string         `json:"id"`
		Version space.Seq      `json:"version"`
		Value   jsontext.Value `json:"value"`
	}
	rows := make([]row, len(found))
	for i, f := range found {
		rows[i] = row{f.Key.ID, f.Version, value.Encode(f.Doc)}
	}
	writeJSON(r.w, http.StatusOK, map[string]any{"entries": rows, "at": head.Cursor})
	return nil
}

// snapshot streams a whole view at one commit, which never changes; at the head to those whom rules limit.
func (r *restRequest) snapshot() error {
	view, err := r.viewParam()
	if err != nil {
		return err
	}
	at, err := r.cursorParam("at")
	if err != nil {
		return err
	}
	limited := r.t.host.Limited(r.who, r.path)
	if at == nil && !limited {
		reading, err := r.t.host.Read(r.Context(), r.who, r.path, 0)
		if err != nil {
			return err
		}
		_ = reading.Close()
		head := reading.Head
		q := r.URL.Query()
		q.Set("at", head.Cursor.String())
		r.w.Header().Set("Cache-Control", "no-store")
		r.w.Header().Set("Location", (&url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: q.Encode()}).String())
		r.w.WriteHeader(http.StatusTemporaryRedirect)
		return nil
	}
	frames, reset, err := r.t.host.Snapshot(r.Context(), r.who, r.path, view, at)
	if err != nil {
		return gone(err)
	}
	if reset != "" {
		return r.resetStatus(reset)
	}
	h := r.w.Header()
	if limited {
		h.Set("Cache-Control", "no-store")
		return r.frames(frames)
	}
	h.Set("ETag", `"`+at.String()+`"`)
	if matches(r.Header.Get("If-None-Match"), h.Get("ETag")) {
		r.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Cache-Control", "private, max-age=31536000, immutable")
	return r.frames(frames)
}

// changes streams what happened since a cursor.
func (r *restRequest) changes() error {
	view, err := r.viewParam()
	if err != nil {
		return err
	}
	since, err := r.cursorParam("since")
	if err != nil {
		return err
	}
	c, reset, err := r.t.host.Diffs(r.Context(), r.who, r.path, view, since)
	if err != nil {
		return gone(err)
	}
	if reset != "" {
		return r.resetStatus(reset)
	}
	r.w.Header().Set("Cache-Control", "no-store")
	return r.frames(c.Frames(r.Context()))
}

// frames streams messages, compressed if the client takes that. An error in the
// middle breaks the connection off, so that nobody takes a part for the whole.
func (r *restRequest) frames(frames iter.Seq2[[]byte, error]) error {
	h := r.w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Add("Vary", "Accept-Encoding")
	var out io.Writer = r.w
	var finish func() error
	switch encoding := accepted(r.Header.Get("Accept-Encoding")); encoding {
	case "zstd":
		h.Set("Content-Encoding", encoding)
		z, err := zstd.NewWriter(r.w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		out, finish = z, z.Close
	case "gzip":
		h.Set("Content-Encoding", encoding)
		z, err := gzip.NewWriterLevel(r.w, gzip.BestSpeed)
		if err != nil {
			return err
		}
		out, finish = z, z.Close
	}
	control := http.NewResponseController(r.w)
	for frame, err := range frames {
		if err == nil {
			_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every server can
			_, err = out.Write(frame)
		}
		if err == nil {
			_, err = out.Write(newline)
		}
		if err != nil {
			if r.Context().Err() == nil {
				r.t.opts.Logger.Error("a stream was broken off", "path", r.URL.Path, "error", err)
			}
			panic(http.ErrAbortHandler)
		}
	}
	if finish != nil {
		if err := finish(); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	return nil
}

// accepted picks zstd, gzip or nothing of an Accept-Encoding header.
func accepted(header string) string {
	best := ""
	for one := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(one), ";")
		if strings.Contains(strings.ReplaceAll(params, " ", ""), "q=0") && !strings.Contains(params, "q=0.") {
			continue
		}
		if name == "zstd" || name == "gzip" && best == "" {
			best = name
		}
	}
	return best
}

// logLine is a commit as _log tells it.
type logLine struct {
	Cursor   space.Cursor     `json:"cursor"`
	Time     time.Time        `json:"time"`
	Author   string           `json:"author,omitzero"`
	Client   space.ClientID   `json:"client,omitzero"`
	Mutation space.MutationID `json:"mutation,omitzero"`
	Rejected *logRefusal      `json:"rejected,omitzero"`
	Changes  [][3]string      `json:"changes"`
}

type logRefusal struct {
	Code    string `json:"code"`
	Path    string `json:"path,omitzero"`
	Message string `json:"message"`
}

// maxLogLines bounds one answer of _log.
const maxLogLines = 1000

// log tells commits above a seq, or waits for some.
func (r *restRequest) log() error {
	q := r.URL.Query()
	after, err := strconv.ParseUint(q.Get("after"), 10, 53)
	if err != nil && q.Get("after") != "" {
		return &wire.Error{Code: wire.CodeBadCursor, Message: "after is the number of a commit"}
	}
	wait, err := strconv.Atoi(q.Get("wait"))
	if err != nil && q.Get("wait") != "" {
		return &wire.Error{Code: wire.CodeMalformed, Message: "wait is a number of milliseconds"}
	}
	timeout := time.NewTimer(min(time.Duration(wait)*time.Millisecond, maxWait))
	defer timeout.Stop()
	news, stop := r.t.host.Watch(r.path)
	defer stop()
	for {
		lines, err := r.logLines(space.Seq(after))
		if errors.Is(err, space.ErrTrimmed) {
			return r.resetStatus(wire.ResetTrimmed)
		}
		if err != nil {
			return err
		}
		done := len(lines) > 0
		if !done {
			select {
			case <-news:
				continue
			case <-timeout.C:
			case <-r.Context().Done():
			}
		}
		r.w.Header().Set("Content-Type", "application/x-ndjson")
		r.w.Header().Set("Cache-Control", "no-store")
		_, _ = r.w.Write(lines)
		return nil
	}
}

func (r *restRequest) logLines(after space.Seq) ([]byte, error) {
	var out []byte
	n := 0
	for c, err := range r.t.host.Log(r.Context(), r.who, r.path, after) {
		if err != nil {
			return nil, err
		}
		line := logLine{Cursor: c.Cursor(), Time: c.Time, Author: c.Author, Client: c.Client, Mutation: c.Mutation, Changes: [][3]string{}}
		if c.Refusal != nil {
			line.Rejected = &logRefusal{c.Refusal.Code, c.Refusal.Path, c.Refusal.Message}
		}
		for _, change := range c.Changes {
			what := "put"
			if change.Deleted {
				what = "del"
			}
			line.Changes = append(line.Changes, [3]string{change.Key.Collection, change.Key.ID, what})
		}
		encoded, err := jsonLine(line)
		if err != nil {
			return nil, err
		}
		out = append(out, encoded...)
		if n++; n >= maxLogLines {
			break
		}
	}
	return out, nil
}
