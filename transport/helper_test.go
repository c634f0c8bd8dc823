package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/transport"
	"github.com/syncline/syncline/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A server is a handler over a memstore, with or without a network.
type server struct {
	testing.TB
	store   store.Store
	host    *host.Host
	handler *transport.Handler
	url     string
	client  *http.Client
}

type options struct {
	host      host.Options
	transport transport.Options
	offline   bool // no network: ServeHTTP is called
}

func serve(t testing.TB, o options) *server {
	if o.host.Store == nil {
		o.host.Store = memstore.New()
	}
	if o.host.Authority == nil {
		o.host.Authority = authz.Development{}
	}
	s := &server{TB: t, store: o.host.Store, host: host.New(o.host)}
	s.handler = transport.NewHandler(s.host, o.transport)
	var web *httptest.Server
	if !o.offline {
		web = httptest.NewServer(s.handler)
		s.url, s.client = web.URL, &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	t.Cleanup(func() {
		if err := s.host.Close(context.Background()); err != nil {
			t.Error(err)
		}
		s.handler.Close()
		if web != nil {
			s.client.CloseIdleConnections()
			web.Close()
		}
	})
	return s
}

// An answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

// do makes a request; headers are pairs.
func (s *server) do(method, path, body string, headers ...string) answer {
	s.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	if s.client == nil {
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		return answer{w.Code, w.Header(), w.Body.String()}
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(data)}
}

// A stream is a response that is read message by message.
type stream struct {
	testing.TB
	body  io.ReadCloser
	lines *bufio.Reader
	sse   bool
}

func (s *server) stream(accept string, messages ...any) *stream {
	s.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url+"/v1/stream", bytes.NewReader(lines(messages...)))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	resp, err := s.client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { resp.Body.Close() })
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != accept {
		s.Fatalf("%d %s", resp.StatusCode, got)
	}
	return &stream{s.TB, resp.Body, bufio.NewReader(resp.Body), accept == "text/event-stream"}
}

// next returns the next message, nil at the end.
func (s *stream) next() wire.ServerMessage {
	s.Helper()
	for {
		line, err := s.lines.ReadString('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			s.Fatal(err)
		}
		line = strings.TrimSuffix(line, "\n")
		if s.sse {
			var ok bool
			if line, ok = strings.CutPrefix(line, "data: "); !ok && line != "" && !strings.HasPrefix(line, ":") {
				s.Fatalf("%q is no event", line)
			} else if !ok {
				continue
			}
		}
		if line != "" {
			return decode(s, line)
		}
	}
}

func decode(t testing.TB, line string) wire.ServerMessage {
	t.Helper()
	m, err := wire.DecodeServer([]byte(line))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return m
}

func lines(messages ...any) []byte {
	var out []byte
	for _, m := range messages {
		if text, ok := m.(string); ok {
			out = append(out, text...)
		} else {
			out = append(out, wire.Encode(m)...)
		}
		out = append(out, '\n')
	}
	return out
}

// want fails unless m is a T.
func want[T wire.ServerMessage](t testing.TB, m wire.ServerMessage) T {
	t.Helper()
	got, ok := m.(T)
	if !ok {
		if m == nil {
			t.Fatalf("want a %T, it is over", *new(T))
		}
		t.Fatalf("want a %T, got %s", *new(T), wire.Encode(m))
	}
	return got
}

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

// A pipeWriter is a ResponseWriter that ends in a pipe.
type pipeWriter struct {
	io.Writer
	header http.Header
}

func (w *pipeWriter) Header() http.Header { return w.header }
func (w *pipeWriter) WriteHeader(int)     {}
func (w *pipeWriter) Flush()              {}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
