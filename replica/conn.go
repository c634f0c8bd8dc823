package replica

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/lxzan/gws"

	"github.com/syncline/syncline/wire"
)

// A Conn carries messages. ReadMessage and WriteMessage are each called by one
// goroutine at a time. Close may be called by any and more than once; it ends the
// calls under way.
type Conn interface {
	// ReadMessage returns what the server sent next: one or more protocol messages,
	// with a newline between them. The caller owns the bytes.
	ReadMessage() ([]byte, error)
	// WriteMessage sends the same. It keeps no reference to the bytes.
	WriteMessage([]byte) error
	Close() error
}

// WebSocket dials a server's WebSocket. The zero value is ready for use.
type WebSocket struct {
	TLS    *tls.Config // for wss and https
	Header http.Header // more headers for the handshake
}

const (
	handshakeTimeout = 10 * time.Second
	writeTimeout     = 20 * time.Second
)

// Dial connects to the server at rawURL: ws, wss, http or https.
func (w WebSocket) Dial(ctx context.Context, rawURL string) (Conn, error) {
	addr, err := socketURL(rawURL)
	if err != nil {
		return nil, err
	}
	c := &socket{messages: make(chan []byte), closed: make(chan struct{})}
	header := w.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Sec-WebSocket-Protocol", wire.Subprotocol)
	dialer := &ctxDialer{ctx: ctx}
	conn, _, err := gws.NewClient(c, &gws.ClientOption{
		Addr: addr, RequestHeader: header, TlsConfig: w.TLS.Clone(), HandshakeTimeout: handshakeTimeout,
		ReadMaxPayloadSize: 64 << 20, WriteMaxPayloadSize: wire.MaxCarried, Logger: quiet{},
		NewDialer: func() (gws.Dialer, error) { return dialer, nil },
	})
	dialer.release()
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	c.conn = conn
	c.done.Add(1)
	go func() {
		defer c.done.Done()
		defer func() {
			if p := recover(); p != nil {
				c.fail(fmt.Errorf("panic: %v", p))
			}
		}()
		conn.ReadLoop()
	}()
	return c, nil
}

func socketURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", err
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	case "ws", "wss":
	default:
		return "", fmt.Errorf("URL %q: want ws, wss, http or https", raw)
	}
	return u.JoinPath("/v1/ws").String(), nil
}

// A ctxDialer lets a context end a dial or a handshake under way.
type ctxDialer struct {
	ctx  context.Context
	stop func() bool
}

func (d *ctxDialer) Dial(network, addr string) (net.Conn, error) {
	var nd net.Dialer
	conn, err := nd.DialContext(d.ctx, network, addr)
	if err == nil {
		d.stop = context.AfterFunc(d.ctx, func() { conn.Close() })
	}
	return conn, err
}

func (d *ctxDialer) release() {
	if d.stop != nil {
		d.stop()
	}
}

// A socket turns gws's events into a Conn. Reading waits for the reader: what it
// does not take, TCP holds back.
type socket struct {
	gws.BuiltinEventHandler
	conn     *gws.Conn
	messages chan []byte
	closed   chan struct{}
	once     sync.Once
	err      error // why, once closed is closed
	done     sync.WaitGroup
}

func (c *socket) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	if m.Opcode != gws.OpcodeText {
		c.fail(errors.New("the server sent a message that is not text"))
		return
	}
	select {
	case c.messages <- bytes.Clone(m.Bytes()):
	case <-c.closed:
	}
}

func (c *socket) OnClose(_ *gws.Conn, err error) { c.fail(err) }

func (c *socket) OnPing(conn *gws.Conn, payload []byte) { _ = conn.WritePong(payload) }

func (c *socket) fail(err error) {
	c.once.Do(func() {
		if err == nil {
			err = io.EOF
		}
		c.err = err
		close(c.closed)
		if c.conn != nil {
			_ = c.conn.NetConn().Close()
		}
	})
}

// ReadMessage implements Conn.
func (c *socket) ReadMessage() ([]byte, error) {
	select {
	case m := <-c.messages:
		return m, nil
	case <-c.closed:
		return nil, c.err
	}
}

// WriteMessage implements Conn.
func (c *socket) WriteMessage(b []byte) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	return c.conn.WriteMessage(gws.OpcodeText, b)
}

// Close implements Conn and waits for the socket's goroutine.
func (c *socket) Close() error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_ = c.conn.WriteClose(1000, nil)
	c.fail(net.ErrClosed)
	c.done.Wait()
	return nil
}

type quiet struct{}

func (quiet) Error(...any) {}
