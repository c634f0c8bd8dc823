// Package transport brings the native protocol to a host over HTTP: WebSocket,
// server-sent events, HTTP streaming, long poll, poll, and plain REST. It moves
// bytes and maps errors to statuses; it decides nothing. docs/PROTOCOL.md,
// sections 2 and 10, is its contract.
package transport

import (
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/wire"
)

// Options are what a Handler is made with; the zero value is right for a server
// that only its own pages talk to.
type Options struct {
	// Origins are allowed to connect besides the server's own, such as
	// "https://app.example.com".
	Origins []string
	// LoopbackOnly refuses requests whose Host is not a loopback name: a page of
	// another site whose name was made to point here must not get in.
	LoopbackOnly bool
	// Logger gets what an operator should know; nil discards it.
	Logger *slog.Logger
}

// A Handler serves /v1/. It must be closed after the http.Server is shut down.
type Handler struct {
	host     *host.Host
	opts     Options
	mux      *http.ServeMux
	ws       *upgrader
	sessions registry
}

// NewHandler returns a Handler for h.
func NewHandler(h *host.Host, opts Options) *Handler {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	t := &Handler{host: h, opts: opts, mux: http.NewServeMux()}
	t.ws = newUpgrader(h)
	t.mux.HandleFunc("GET /v1/ws", t.ws.serve)
	t.mux.HandleFunc("POST /v1/stream", t.stream)
	t.mux.HandleFunc("POST /v1/poll", t.poll)
	t.mux.HandleFunc("POST /v1/send", t.send)
	t.mux.HandleFunc("/v1/spaces/", t.rest)
	return t
}

// ServeHTTP implements http.Handler.
func (t *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if t.opts.LoopbackOnly && !isLoopback(r.Host) {
		writeError(w, http.StatusForbidden, "forbidden", "this server answers on localhost only; the request named "+r.Host)
		return
	}
	origin := r.Header.Get("Origin")
	if origin != "" && (r.Method != http.MethodGet && r.Method != http.MethodHead || r.URL.Path == "/v1/ws") && !t.allowed(r, origin) {
		writeError(w, http.StatusForbidden, "forbidden", "pages of "+origin+" may not connect here; see --allow-origin")
		return
	}
	if origin != "" && slices.Contains(t.opts.Origins, origin) {
		allowCrossOrigin(w, r, origin)
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		// Nothing is inflated: the limits are those of what came.
		writeError(w, http.StatusUnsupportedMediaType, wire.CodeMalformed, "bodies are taken as they are, without Content-Encoding")
		return
	}
	t.mux.ServeHTTP(w, r)
}

func (t *Handler) allowed(r *http.Request, origin string) bool {
	if slices.Contains(t.opts.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

func allowCrossOrigin(w http.ResponseWriter, r *http.Request, origin string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Add("Vary", "Origin")
	h.Set("Access-Control-Expose-Headers", "ETag")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, PUT, PATCH, DELETE, POST")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match, Syncline-Session, Syncline-Client, Syncline-Mutation, Syncline-User")
		h.Set("Access-Control-Max-Age", "600")
	}
}

// isLoopback reports whether a Host header names this machine from within.
func isLoopback(hostport string) bool {
	name := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	if strings.EqualFold(name, "localhost") || strings.HasSuffix(strings.ToLower(name), ".localhost") {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

// Close ends the sessions of requests; WebSockets end with their host.
func (t *Handler) Close() { t.sessions.closeAll() }
