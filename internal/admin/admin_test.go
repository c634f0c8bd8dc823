package admin

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/store/memstore"
)

type server struct {
	host   *host.Host
	failed chan struct{}
}

func (s server) Host() *host.Host        { return s.host }
func (s server) Failed() <-chan struct{} { return s.failed }
func (s server) Err() error              { return errors.New("disk on fire") }

func TestAdmin(t *testing.T) {
	h := host.New(host.Options{Store: memstore.New(), Authority: authz.Development{}})
	defer h.Close(t.Context())
	h.Stats().Commits.Add(7)
	h.Stats().AppendNS.Add(1_500_000_000)
	s := server{h, make(chan struct{})}
	handler := New(s, slog.New(slog.DiscardHandler))
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		body, _ := io.ReadAll(w.Body)
		return w.Code, string(body)
	}
	code, metrics := get("/metrics")
	for _, want := range []string{"syncline_commits_total 7\n", "syncline_append_seconds_total 1.5\n", "syncline_sessions 0\n", "go_goroutines ", "process_resident_memory_bytes "} {
		if code != 200 || !strings.Contains(metrics, want) {
			t.Errorf("metrics (%d) lack %q", code, want)
		}
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/debug/pprof/": 200, "/debug/pprof/heap?debug=1": 200, "/": 404} {
		if code, _ := get(path); code != want {
			t.Errorf("%s answers %d, want %d", path, code, want)
		}
	}
	close(s.failed)
	if code, body := get("/readyz"); code != 503 || !strings.Contains(body, "disk on fire") {
		t.Errorf("a failed server's /readyz answers %d %s", code, body)
	}
	if code, _ := get("/healthz"); code != 200 {
		t.Errorf("a failed server's /healthz answers %d", code)
	}
}
