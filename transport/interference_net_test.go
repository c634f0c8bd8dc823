package transport_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A pipes is a listener whose connections are in memory, so that a real
// http.Server runs under a fake clock (testing/synctest) and all bytes can be kept.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// A wiretap is a connection of a client and all that has come over it.
type wiretap struct {
	conn net.Conn
	done chan struct{} // closed at the end

	mu  sync.Mutex
	got []byte
}

// dial connects and says something.
func (p *pipes) dial(text string) *wiretap {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	t := &wiretap{conn: ours, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		buf := make([]byte, 64<<10)
		for {
			n, err := ours.Read(buf)
			t.mu.Lock()
			t.got = append(t.got, buf[:n]...)
			t.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.say([]byte(text))
	return t
}

func (t *wiretap) say(data []byte) { _, _ = t.conn.Write(data) } // the server may have hung up

func (t *wiretap) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.got)
}

// request is the text of an HTTP request.
func request(method, target, body string, headers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: syncline\r\n", method, target)
	for i := 0; i < len(headers); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
	}
	if body != "" || method != http.MethodGet && method != http.MethodHead {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return b.String()
}

// response takes a whole response apart: its head to the letter, and its body
// without the framing of chunks, plain if it is compressed.
func response(method string, raw []byte) (head, body string, res *http.Response) {
	text, _, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		return string(raw), "(cut off)", nil
	}
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), &http.Request{Method: method})
	if err != nil {
		return string(text), err.Error(), nil
	}
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return string(text), string(data) + "(" + err.Error() + ")", res
	}
	var plain io.Reader = bytes.NewReader(data)
	switch res.Header.Get("Content-Encoding") {
	case "gzip":
		plain, err = gzip.NewReader(plain)
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(plain, zstd.WithDecoderConcurrency(1)); err == nil {
			defer z.Close()
			plain = z
		}
	}
	if err == nil {
		data, err = io.ReadAll(plain)
	}
	if err != nil {
		return string(text), "(" + err.Error() + ")", res
	}
	return string(text), string(data), res
}

// compressed is a text as the server compresses it.
func compressed(encoding, text string) []byte {
	var b bytes.Buffer
	var z io.WriteCloser
	z, _ = gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if encoding == "zstd" {
		z, _ = zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)) // no option of these fails
	}
	_, _ = io.WriteString(z, text) // into memory
	_ = z.Close()
	return b.Bytes()
}

// streamed is what has come so far of a response in chunks.
func streamed(raw []byte) (head, body string) {
	text, rest, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		return "", ""
	}
	data, _ := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(rest))) // it ends in the middle
	return string(text), string(data)
}

// textFrame is one WebSocket message of a client, under the mask 0.
func textFrame(data []byte) []byte {
	f := []byte{0x81}
	if len(data) < 126 {
		f = append(f, 0x80|byte(len(data)))
	} else {
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(len(data)))
	}
	return append(append(f, 0, 0, 0, 0), data...)
}

// frames are the WebSocket messages of a server that have come whole, each with
// its first byte: flags and opcode.
func frames(raw []byte) (messages []string) {
	for len(raw) >= 2 {
		first, n, at := raw[0], int(raw[1]), 2
		switch n {
		case 126:
			if len(raw) < 4 {
				return messages
			}
			n, at = int(binary.BigEndian.Uint16(raw[2:])), 4
		case 127:
			if len(raw) < 10 {
				return messages
			}
			n, at = int(binary.BigEndian.Uint64(raw[2:])), 10
		}
		if len(raw) < at+n {
			return messages
		}
		for line := range strings.SplitSeq(string(raw[at:at+n]), "\n") {
			messages = append(messages, fmt.Sprintf("%02x %s", first, line))
		}
		raw = raw[at+n:]
	}
	return messages
}
