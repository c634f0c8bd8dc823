// Package testclient is a bare client of the native protocol for tests and
// benchmarks: it sends and receives messages and remembers nothing.
package testclient

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lxzan/gws"

	"github.com/syncline/syncline/wire"
)

// A Conn is one WebSocket connection.
type Conn struct {
	ws    *gws.Conn
	lines chan []byte
}

// Dial connects to a server's base URL, http://…, of which a query is sent along.
func Dial(url string) (*Conn, error) {
	c := &Conn{lines: make(chan []byte, 4096)}
	url, query, asked := strings.Cut(url, "?")
	if asked {
		query = "?" + query
	}
	ws, _, err := gws.NewClient(&events{c: c}, &gws.ClientOption{
		Addr:                "ws" + strings.TrimPrefix(url, "http") + "/v1/ws" + query,
		RequestHeader:       http.Header{"Sec-WebSocket-Protocol": {wire.Subprotocol}},
		ReadMaxPayloadSize:  64 << 20,
		WriteMaxPayloadSize: 64 << 20,
	})
	if err != nil {
		return nil, err
	}
	c.ws = ws
	go ws.ReadLoop()
	return c, nil
}

type events struct {
	gws.BuiltinEventHandler
	c *Conn
}

func (e *events) OnMessage(_ *gws.Conn, m *gws.Message) {
	for line := range bytes.SplitSeq(bytes.Clone(m.Bytes()), []byte("\n")) {
		e.c.lines <- line
	}
	m.Close()
}

func (e *events) OnClose(*gws.Conn, error) { close(e.c.lines) }

// ErrClosed is returned by Next when the server has closed the connection.
var ErrClosed = errors.New("the connection is closed")

// Send sends messages (wire types, or []byte as they are) in one frame.
func (c *Conn) Send(messages ...any) error {
	var frame []byte
	for i, m := range messages {
		if i > 0 {
			frame = append(frame, '\n')
		}
		if raw, ok := m.([]byte); ok {
			frame = append(frame, raw...)
		} else {
			frame = append(frame, wire.Encode(m)...)
		}
	}
	return c.ws.WriteMessage(gws.OpcodeText, frame)
}

// SendBinary sends bytes in a binary frame, which the protocol does not have.
func (c *Conn) SendBinary(data []byte) error { return c.ws.WriteMessage(gws.OpcodeBinary, data) }

// Line returns the next message's bytes.
func (c *Conn) Line(timeout time.Duration) ([]byte, error) {
	select {
	case line, ok := <-c.lines:
		if !ok {
			return nil, ErrClosed
		}
		return line, nil
	case <-time.After(timeout):
		return nil, fmt.Errorf("no message within %v", timeout)
	}
}

// Next returns the next message.
func (c *Conn) Next() (wire.ServerMessage, error) {
	line, err := c.Line(20 * time.Second)
	if err != nil {
		return nil, err
	}
	return wire.DecodeServer(line)
}

// Close ends the connection.
func (c *Conn) Close() { _ = c.ws.NetConn().Close() }

// Expect returns the next message, which must be a T.
func Expect[T wire.ServerMessage](t testing.TB, c *Conn) T {
	t.Helper()
	m, err := c.Next()
	if err != nil {
		t.Fatalf("want a %T: %v", *new(T), err)
	}
	got, ok := m.(T)
	if !ok {
		t.Fatalf("want a %T, got %s", *new(T), wire.Encode(m))
	}
	return got
}
