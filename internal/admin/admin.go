// Package admin is what an operator asks of a running server, over HTTP on an
// address of its own: metrics, health, profiles. None of it is for users.
package admin

import (
	"log/slog"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/syncline/syncline/host"
)

// A Server is what is watched. *syncline.Server is one.
type Server interface {
	Host() *host.Host
	Failed() <-chan struct{}
	Err() error
}

// New returns the handler:
//
//	/metrics       for Prometheus
//	/healthz       200 as long as the process answers
//	/readyz        200 while it can do its work, 503 once storage has failed
//	/quarantine    mutations that were set aside
//	/debug/pprof/  profiles
//	/outbox/       dead letters, if the server is a Teller
//	/definitions   those that were in force, and changes of the present one, if the server is a Definer;
//	/explain       why somebody may or may not, and
//	/compare       who would gain and lose what, likewise
//
// extra are metrics of the store, if it has any. An error of encoding metrics is
// logged.
func New(server Server, logger *slog.Logger, extra ...prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newHostCollector(server.Host()),
	)
	registry.MustRegister(extra...)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: errorLog{logger}}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-server.Failed():
			answer(w, http.StatusServiceUnavailable, "storage has failed: "+server.Err().Error())
		default:
			answer(w, http.StatusOK, "ready")
		}
	})
	quarantine(mux, server.Host())
	if t, ok := server.(Teller); ok {
		registry.MustRegister(outboxMetrics(t.Outbox()))
		handleOutbox(mux, t)
	}
	if d, ok := server.(Definer); ok {
		handleDefinitions(mux, d)
	}
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // whoever asked is gone: nobody to tell
}

type errorLog struct{ logger *slog.Logger }

func (l errorLog) Println(v ...any) { l.logger.Error("metrics could not be written", "error", v) }
