package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/wire"
)

// Times of sessions that are made of requests.
const (
	sessionHeader = "Syncline-Session"
	linger        = 60 * time.Second // a session without a request under way
	maxWait       = 30 * time.Second // of a long poll
	keepAlive     = 15 * time.Second // of a stream
)

// A requestSession is a session whose messages travel in requests.
type requestSession struct {
	*host.Session
	wake chan struct{} // holds a token when frames may wait

	receiving sync.Mutex // Receive is for one goroutine at a time
	taking    sync.Mutex // held by the request that takes frames

	mu     sync.Mutex
	active int // requests under way
	gone   bool
	expiry *time.Timer
}

// A registry finds the sessions of requests by their secret names.
type registry struct {
	mu       sync.Mutex
	sessions map[string]*requestSession
}

func (g *registry) closeAll() {
	g.mu.Lock()
	all := g.sessions
	g.sessions = nil
	g.mu.Unlock()
	for _, s := range all {
		s.Close()
	}
}

func (g *registry) remove(s *requestSession) {
	g.mu.Lock()
	delete(g.sessions, s.ID())
	g.mu.Unlock()
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
	s.Close()
}

// begin notes a request of the session; the returned function its end.
func (g *registry) begin(s *requestSession) (end func()) {
	s.mu.Lock()
	s.active++
	if s.expiry != nil {
		s.expiry.Stop()
	}
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.active--; s.active == 0 && !s.gone {
			s.expiry = time.AfterFunc(linger, func() {
				s.mu.Lock()
				idle := s.active == 0
				s.mu.Unlock()
				if idle {
					g.remove(s)
				}
			})
		}
	}
}

// enter finds the session that a request names, or begins one if it names none
// and create allows it. Where it returns nil the request has been answered.
func (t *Handler) enter(w http.ResponseWriter, r *http.Request, create bool) (s *requestSession, end func()) {
	id := r.Header.Get(sessionHeader)
	if id != "" {
		t.sessions.mu.Lock()
		s = t.sessions.sessions[id]
		t.sessions.mu.Unlock()
	}
	if s == nil && (id != "" || !create) {
		writeError(w, http.StatusNotFound, wire.CodeUnknownSession, "there is no such session; begin another without the header "+sessionHeader)
		return nil, nil
	}
	if s == nil {
		s = &requestSession{wake: make(chan struct{}, 1)}
		session, err := t.host.NewSession(func(*host.Session) {
			select {
			case s.wake <- struct{}{}:
			default:
			}
		})
		if err != nil {
			writeWireError(w, err)
			return nil, nil
		}
		s.Session = session
		t.sessions.mu.Lock()
		if t.sessions.sessions == nil {
			t.sessions.sessions = map[string]*requestSession{}
		}
		t.sessions.sessions[session.ID()] = s
		t.sessions.mu.Unlock()
	}
	return s, t.sessions.begin(s)
}

// A bodyReader notes why a body ended before its end.
type bodyReader struct {
	io.Reader
	failed error
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF {
		b.failed = err
	}
	return n, err
}

// receive hands the messages of a request's body to the session. Where it fails,
// some may have been: the client begins another session and sends them again.
func (t *Handler) receive(ctx context.Context, s *requestSession, body io.ReadCloser) error {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	whole := &bodyReader{Reader: http.MaxBytesReader(nil, body, wire.MaxCarried)}
	lines := bufio.NewScanner(whole)
	lines.Buffer(make([]byte, 0, 4<<10), t.host.Limits().Message+64)
	for lines.Scan() {
		if whole.failed != nil {
			break // the line may be a part of one
		}
		if len(lines.Bytes()) > 0 {
			s.Receive(ctx, lines.Bytes())
		}
	}
	if tooLarge := new(http.MaxBytesError); errors.As(whole.failed, &tooLarge) {
		return &wire.Error{Code: wire.CodeMessageTooLarge, Limit: "message", Message: "the request carries more than " + strconv.Itoa(wire.MaxCarried) + " bytes"}
	}
	if whole.failed != nil {
		return &wire.Error{Code: wire.CodeMalformed, Message: "the request's body was cut off"}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return &wire.Error{Code: wire.CodeMessageTooLarge, Limit: "message", Message: "a message is longer than the limit of " + strconv.Itoa(t.host.Limits().Message) + " bytes"}
	}
	return lines.Err()
}

// send takes messages of a session whose answers travel elsewhere.
func (t *Handler) send(w http.ResponseWriter, r *http.Request) {
	s, end := t.enter(w, r, false)
	if s == nil {
		return
	}
	defer end()
	if err := t.receive(r.Context(), s, r.Body); err != nil {
		writeWireError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// poll takes messages and answers with what there is, or what comes within wait.
func (t *Handler) poll(w http.ResponseWriter, r *http.Request) {
	wait := time.Duration(0)
	if q := r.URL.Query().Get("wait"); q != "" {
		ms, err := strconv.Atoi(q)
		if err != nil || ms < 0 {
			writeError(w, http.StatusBadRequest, wire.CodeMalformed, "wait is a number of milliseconds, not "+strconv.Quote(q))
			return
		}
		wait = min(time.Duration(ms)*time.Millisecond, maxWait)
	}
	s, end := t.enter(w, r, true)
	if s == nil {
		return
	}
	defer end()
	if err := t.receive(r.Context(), s, r.Body); err != nil {
		t.sessions.remove(s)
		writeWireError(w, err)
		return
	}
	s.taking.Lock()
	defer s.taking.Unlock()
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	var out [][]byte
	open, size := true, 0
	for {
		var frames [][]byte
		frames, open = s.Take(wire.MaxCarried - size)
		for _, f := range frames {
			out, size = append(out, f), size+len(f)
		}
		if len(frames) > 0 && size < wire.MaxCarried/2 {
			continue
		}
		if len(out) > 0 || !open {
			break
		}
		select {
		case <-s.wake:
			continue
		case <-timeout.C:
		case <-r.Context().Done():
		}
		break
	}
	h := w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Cache-Control", "no-store")
	h.Set(sessionHeader, s.ID())
	failed := false
	for _, f := range out {
		_, err1 := w.Write(f)
		_, err2 := w.Write(newline)
		failed = failed || err1 != nil || err2 != nil
	}
	if failed || !open || r.Context().Err() != nil {
		// What was taken did not arrive, or was the last: the client begins anew.
		t.sessions.remove(s)
	}
}

// stream answers with all that comes, until the session or the connection ends.
func (t *Handler) stream(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(sessionHeader) != "" {
		writeError(w, http.StatusConflict, wire.CodeMalformed, "a stream begins a session; further messages go to /v1/send")
		return
	}
	s, end := t.enter(w, r, true)
	if s == nil {
		return
	}
	defer end()
	defer t.sessions.remove(s)
	if err := t.receive(r.Context(), s, r.Body); err != nil {
		writeWireError(w, err)
		return
	}
	begin, finish, idle := "", "\n", "\n"
	w.Header().Set("Content-Type", "application/x-ndjson")
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		begin, finish, idle = "data: ", "\n\n", ":\n\n"
		w.Header().Set("Content-Type", "text/event-stream")
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold the stream back
	out := http.NewResponseController(w)
	ticker := time.NewTicker(keepAlive)
	defer ticker.Stop()
	buffer := bufio.NewWriterSize(w, 16<<10)
	for {
		frames, open := s.Take(writeBytes)
		for _, f := range frames {
			buffer.WriteString(begin)
			buffer.Write(f)
			buffer.WriteString(finish)
		}
		if len(frames) == 0 && !open {
			return
		}
		if len(frames) == 0 {
			select {
			case <-s.wake:
				continue
			case <-ticker.C:
				buffer.WriteString(idle)
			case <-r.Context().Done():
				return
			}
		}
		_ = out.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every server can
		if buffer.Flush() != nil || out.Flush() != nil {
			return
		}
	}
}
