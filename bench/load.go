package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lxzan/gws"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// The records that are written: 200 bytes of JSON, in canonical form, that carry
// the number of the write.
const (
	collection  = "items"
	recordBytes = 200
	digits      = 12
)

const (
	recordHead = `{"body":"`
	recordTail = `","w":"`
	recordEnd  = `"}`
)

var (
	mark = []byte(recordTail[1:]) // stands before the number in everything that carries a record
	body = fillBody()
)

// fillBody is text that does not compress to nothing.
func fillBody() string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	b := make([]byte, 4096)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = letters[x>>26]
	}
	return string(b)
}

func appendRecord(b []byte, n uint64) []byte { return appendRecordOf(b, n, recordBytes) }

func appendRecordOf(b []byte, n uint64, size int) []byte {
	fill := size - len(recordHead) - len(recordTail) - digits - len(recordEnd)
	at := int(n*61) % (len(body) / 4)
	b = append(b, recordHead...)
	b = append(b, body[at:at+fill]...)
	b = append(b, recordTail...)
	b = appendNumber(b, n)
	return append(b, recordEnd...)
}

func appendNumber(b []byte, n uint64) []byte {
	s := strconv.FormatUint(n, 10)
	b = append(b, "000000000000"[:digits-len(s)]...)
	return append(b, s...)
}

func entryID(n uint64) string { return "e" + strconv.FormatUint(n, 10) }

// marks calls f with the number of each record in a frame.
func marks(frame []byte, f func(n int)) {
	for {
		i := bytes.Index(frame, mark)
		if i < 0 {
			return
		}
		frame = frame[i+len(mark):]
		n := 0
		for _, c := range frame[:digits] {
			n = n*10 + int(c-'0')
		}
		f(n)
	}
}

// A link is one connection of the load generator, to Syncline or to a floor.
type link struct {
	ws     *gws.Conn
	writes func(b []byte, n uint64) []byte // makes the message of a write
	ack    []byte                          // what stands for each acknowledged write in what is received

	on     atomic.Pointer[func(frame []byte)]
	wait   func(line []byte) bool // of opening: whether line is the last to wait for
	ready  chan struct{}
	failed chan error // the first thing that went wrong
	closed chan struct{}
	ids    map[string]uint64
}

// A dialer makes a link. listen asks for everybody's writes.
type dialer func(listen bool, on func(frame []byte)) (*link, error)

type linkOptions struct {
	path    string
	local   string // address to dial from
	small   bool   // a small receive buffer
	headers http.Header
}

func dial(url string, o linkOptions, l *link) error {
	l.ready, l.failed, l.closed = make(chan struct{}), make(chan error, 1), make(chan struct{})
	d := &net.Dialer{Timeout: 10 * time.Second}
	if o.local != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(o.local)}
	}
	if o.small {
		d.Control = smallReceiveBuffer
	}
	ws, _, err := gws.NewClient(linkEvents{l: l}, &gws.ClientOption{
		Addr: "ws" + strings.TrimPrefix(url, "http") + o.path, RequestHeader: o.headers, Logger: mute{},
		ReadMaxPayloadSize: 64 << 20, WriteMaxPayloadSize: 64 << 20,
		NewDialer: func() (gws.Dialer, error) { return d, nil },
	})
	if err != nil {
		return err
	}
	l.ws = ws
	go ws.ReadLoop()
	return nil
}

type linkEvents struct {
	gws.BuiltinEventHandler
	l *link
}

func (e linkEvents) OnClose(_ *gws.Conn, err error) {
	e.l.fail(fmt.Errorf("the connection was closed: %w", err))
	close(e.l.closed)
}

func (e linkEvents) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	l := e.l
	frame := m.Bytes()
	for l.wait != nil && len(frame) > 0 {
		line, rest, _ := bytes.Cut(frame, []byte("\n"))
		if bytes.HasPrefix(line, []byte(`{"t":"error"`)) {
			l.fail(fmt.Errorf("the server says %s", line))
			return
		}
		if l.wait(line) {
			l.wait = nil
			close(l.ready)
		}
		frame = rest
	}
	if len(frame) == 0 {
		return
	}
	if on := l.on.Load(); on != nil {
		(*on)(frame)
	}
}

func (l *link) fail(err error) {
	select {
	case l.failed <- err:
	default:
	}
}

func (l *link) await() error {
	select {
	case <-l.ready:
		return nil
	case err := <-l.failed:
		l.close()
		return err
	case <-time.After(20 * time.Second):
		l.close()
		return errors.New("the server does not answer")
	}
}

func (l *link) hear(on func(frame []byte)) { l.on.Store(&on) }

func (l *link) send(message []byte) error { return l.ws.WriteMessage(gws.OpcodeText, message) }

func (l *link) close() { _ = l.ws.NetConn().Close() }

// check looks for refusals among what a server sends; acks counts the writes
// that it acknowledges.
func (l *link) acks(frame []byte) int {
	n := bytes.Count(frame, l.ack)
	if n == 0 && (bytes.Contains(frame, []byte(`{"t":"error"`)) || bytes.Contains(frame, []byte(`"outcome":"re`))) {
		l.fail(fmt.Errorf("the server says %.300s", frame))
	}
	return n
}

// A door says how to open spaces of a Syncline server.
type door struct {
	url    string
	spaces []string
	view   bool   // hold everything in them
	writer bool   // have a client id
	cursor string // where the view begins
	local  string
	small  bool
	on     func(frame []byte)
	opened func(*wire.Opened)
	during func(frame []byte) // sees the lines before the view is complete
}

var clients atomic.Uint64

// open connects and returns once all that the views hold has arrived.
func (d door) open() (*link, error) {
	l := &link{ack: []byte(`"applied"`), ids: map[string]uint64{}}
	if d.on != nil {
		l.hear(d.on)
	}
	missing := len(d.spaces)
	l.wait = func(line []byte) bool {
		if d.during != nil {
			d.during(line)
		}
		last := false
		switch {
		case bytes.HasPrefix(line, []byte(`{"t":"opened"`)):
			if d.opened != nil {
				if m, err := wire.DecodeServer(line); err == nil {
					d.opened(m.(*wire.Opened))
				}
			}
			last = !d.view || bytes.Contains(line, []byte(`"resume":"current"`))
		case bytes.HasPrefix(line, []byte(`{"t":"diff"`)):
			last = !bytes.HasSuffix(line, []byte(`"more":true}`))
		}
		if last {
			missing--
		}
		return missing == 0
	}
	err := dial(d.url, linkOptions{
		path: "/v1/ws", local: d.local, small: d.small, headers: http.Header{"Sec-WebSocket-Protocol": {wire.Subprotocol}},
	}, l)
	if err != nil {
		return nil, err
	}
	frame := wire.Encode(&wire.Hello{V: []int{wire.Version}, User: "bench"})
	client := space.ClientID("")
	if d.writer {
		client = space.ClientID(fmt.Sprintf("bench-%d-%016d", time.Now().UnixNano(), clients.Add(1)))
	}
	for _, name := range d.spaces {
		open := &wire.Open{Space: name, Client: client, Cursor: d.cursor}
		if d.view {
			open.View = space.View{{In: collection}}
		}
		frame = append(append(frame, '\n'), wire.Encode(open)...)
	}
	if err := l.send(frame); err != nil {
		return nil, err
	}
	if d.writer {
		l.writes = func(b []byte, n uint64) []byte { return l.push(b, d.spaces[0], n, n, recordBytes) }
	}
	return l, l.await()
}

// push appends a push of one mutation that puts the record n as entry id.
func (l *link) push(b []byte, path string, id, n uint64, size int) []byte {
	l.ids[path]++
	b = append(b, `{"t":"push","space":"`...)
	b = append(b, path...)
	b = append(b, `","muts":[{"id":`...)
	b = strconv.AppendUint(b, l.ids[path], 10)
	b = append(b, `,"ops":[{"op":"put","in":"`+collection+`","id":"e`...)
	b = strconv.AppendUint(b, id, 10)
	b = append(b, `","value":`...)
	b = appendRecordOf(b, n, size)
	return append(b, `}]}]}`...)
}

// toSyncline is a dialer of links to one space.
func toSyncline(url, path string) dialer {
	return func(listen bool, on func([]byte)) (*link, error) {
		return door{url: url, spaces: []string{path}, view: listen, writer: true, on: on}.open()
	}
}

// toFloor is a dialer of links to one room of a floor.
func toFloor(url, path, room string) dialer {
	return func(listen bool, on func([]byte)) (*link, error) {
		query := "?room=" + room
		if listen {
			query += "&listen"
		}
		return dialFloor(url, linkOptions{path: path + query}, on)
	}
}

func dialFloor(url string, o linkOptions, on func([]byte)) (*link, error) {
	l := &link{ack: []byte(`"ok"`), writes: appendRecord}
	if on != nil {
		l.hear(on)
	}
	l.wait = func(line []byte) bool { return slices.Equal(line, floorReady) }
	if err := dial(url, o, l); err != nil {
		return nil, err
	}
	return l, l.await()
}

// A flow is what a closed loop of writes came to.
type flow struct {
	rate float64       // acknowledged writes a second
	cpu  time.Duration // of the server, for each write

	together float64 // writes to an fsync, of Syncline
}

// pump writes for a while with so many writes in flight, and waits for the last
// acknowledgement.
func pump(l *link, inFlight int, d time.Duration, next func(b []byte) []byte) (writes int, took time.Duration, err error) {
	tokens := make(chan struct{}, inFlight)
	for range inFlight {
		tokens <- struct{}{}
	}
	l.hear(func(frame []byte) {
		for range l.acks(frame) {
			tokens <- struct{}{}
		}
	})
	begun := time.Now()
	timeout := time.NewTimer(d + 20*time.Second)
	defer timeout.Stop()
	take := func() error {
		select {
		case <-tokens:
			return nil
		default:
		}
		select {
		case <-tokens:
			return nil
		case err := <-l.failed:
			return err
		case <-timeout.C:
			return errors.New("an acknowledgement is missing")
		}
	}
	var buf []byte
	for time.Since(begun) < d {
		if err := take(); err != nil {
			return writes, 0, err
		}
		buf = next(buf[:0])
		if err := l.send(buf); err != nil {
			return writes, 0, err
		}
		writes++
	}
	for range inFlight {
		if err := take(); err != nil {
			return writes, 0, err
		}
	}
	return writes, time.Since(begun), nil
}
