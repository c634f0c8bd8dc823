package transport

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/lxzan/gws"

	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/wire"
)

// Times of a WebSocket.
const (
	silence      = 60 * time.Second // clients ping after 25 s
	writeTimeout = 30 * time.Second
	readBuffer   = 4 << 10 // per connection, held while it is idle
	writeBytes   = 128 << 10
)

// An upgrader turns requests into WebSocket sessions. It is the gws.Event of all
// of them.
type upgrader struct {
	host *host.Host
	gws  *gws.Upgrader
}

func newUpgrader(h *host.Host) *upgrader {
	u := &upgrader{host: h}
	u.gws = gws.NewUpgrader(u, &gws.ServerOption{
		ReadMaxPayloadSize:  wire.MaxCarried,
		WriteMaxPayloadSize: 64 << 20, // one mutation's diff and more; bounded by the session's queue
		ReadBufferSize:      readBuffer,
		HandshakeTimeout:    5 * time.Second,
		SubProtocols:        []string{wire.Subprotocol},
		NewSession:          func() gws.SessionStorage { return new(socket) },
		Logger:              quiet{},
	})
	return u
}

// quiet drops what gws logs of clients that misbehave.
type quiet struct{}

func (quiet) Error(...any) {}

func (u *upgrader) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := u.gws.Upgrade(w, r)
	if err != nil {
		return // answered by gws
	}
	s := conn.Session().(*socket)
	s.conn = conn
	if s.session, err = u.host.NewSession(s.write); err != nil {
		var e *wire.Error
		errors.As(err, &e) // NewSession has no other
		_ = conn.WriteMessage(gws.OpcodeText, wire.Encode(e))
		_ = conn.WriteClose(1001, nil)
		return
	}
	// A goroutine of its own, so that the request and its buffers can go.
	go conn.ReadLoop()
}

// A socket is one WebSocket connection and its session. As a gws.SessionStorage
// it only leads from the connection to itself.
type socket struct {
	conn    *gws.Conn
	session *host.Session
	heard   time.Time // when the read deadline was last set
	until   time.Time // the write deadline that drain has set
}

// OnOpen implements gws.Event.
func (u *upgrader) OnOpen(c *gws.Conn) { of(c).listen(time.Now()) }

// OnClose implements gws.Event.
func (u *upgrader) OnClose(c *gws.Conn, _ error) { of(c).session.Close() }

// OnPing implements gws.Event.
func (u *upgrader) OnPing(c *gws.Conn, payload []byte) {
	now := time.Now()
	of(c).listen(now)
	_ = c.SetWriteDeadline(now.Add(writeTimeout)) // that of an idle connection has passed
	_ = c.WritePong(payload)                      // a failed write ends the connection by itself
}

// OnPong implements gws.Event.
func (u *upgrader) OnPong(*gws.Conn, []byte) {}

// OnMessage implements gws.Event.
func (u *upgrader) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	s := of(c)
	if now := time.Now(); now.Sub(s.heard) > silence/6 {
		s.listen(now)
	}
	if m.Opcode != gws.OpcodeText {
		s.session.Receive(context.Background(), []byte("binary"))
		return
	}
	data := m.Bytes()
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, newline)
		if len(line) > 0 {
			s.session.Receive(context.Background(), line)
		}
		data = rest
	}
}

var newline = []byte{'\n'}

func of(c *gws.Conn) *socket { return c.Session().(*socket) }

func (s *socket) listen(now time.Time) {
	s.heard = now
	_ = s.conn.SetReadDeadline(now.Add(silence))
}

// write starts to write what waits. The session sees to it that only one drain
// runs at a time; an idle connection has none.
func (s *socket) write(session *host.Session) { go s.drain(session) }

// drain writes several messages at once, until no more wait.
func (s *socket) drain(session *host.Session) {
	for {
		frames, open := session.Take(writeBytes)
		if len(frames) == 0 {
			if !open {
				_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
				_ = s.conn.WriteClose(1000, nil)
			}
			return
		}
		// Not for each write: setting a deadline costs a tenth of one.
		if now := time.Now(); s.until.Sub(now) < writeTimeout*2/3 {
			s.until = now.Add(writeTimeout)
			_ = s.conn.SetWriteDeadline(s.until)
		}
		var err error
		if len(frames) == 1 {
			err = s.conn.WriteMessage(gws.OpcodeText, frames[0])
		} else {
			pieces := make([][]byte, 0, 2*len(frames)-1)
			for i, f := range frames {
				if i > 0 {
					pieces = append(pieces, newline)
				}
				pieces = append(pieces, f)
			}
			err = s.conn.Writev(gws.OpcodeText, pieces...)
		}
		if err != nil {
			_ = s.conn.NetConn().Close() // the read loop notices and closes the session
			session.Close()
			for len(frames) > 0 { // nobody else will take the rest
				frames, _ = session.Take(1 << 30)
			}
			return
		}
	}
}

// The rest of gws.SessionStorage, which nothing here uses.

func (*socket) Len() int                           { return 0 }
func (*socket) Load(string) (any, bool)            { return nil, false }
func (*socket) Delete(string)                      {}
func (*socket) Store(string, any)                  {}
func (*socket) Range(func(key string, v any) bool) {}
