package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/lxzan/gws"
)

// A floorServer is a bare WebSocket server that does the least for what Syncline
// does, with the same library:
//
//	/log     appends each message to a file, syncs it together with the others
//	         that wait, acknowledges
//	/fsync   the same with Go's File.Sync on a file that grows; /log reserves the
//	         file's blocks and length and syncs data only, which is faster
//	/cast    sends each message to all of its room
//	/logcast appends and syncs it before
//	/stream  sends what it was given by name
type floorServer struct {
	url string

	mu      sync.Mutex
	rooms   map[string]*room
	streams map[string][][]byte
}

// A room is the connections of one path and query.
type room struct {
	log  *groupLog
	cast bool

	mu    sync.Mutex
	peers atomic.Pointer[[]*gws.Conn] // copied when it changes
}

// A peer leads from a connection to its room.
type peer struct {
	gws.SessionStorage // of which nothing is used

	room *room
}

func newFloorServer(dir string) (server, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s := &floorServer{rooms: map[string]*room{}, streams: map[string][][]byte{}}
	logs := map[string]*groupLog{}
	for _, name := range []string{"/log", "/fsync"} {
		l, err := newGroupLog(filepath.Join(dir, name[1:]), name == "/log")
		if err != nil {
			return nil, err
		}
		logs[name] = l
	}
	logs["/logcast"] = logs["/log"]
	up := gws.NewUpgrader(floorEvents{}, &gws.ServerOption{
		ReadMaxPayloadSize: 4 << 20, WriteMaxPayloadSize: 64 << 20, ReadBufferSize: 2 << 10, Logger: mute{},
		NewSession: func() gws.SessionStorage { return new(peer) },
	})
	var err error
	s.url, err = listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := up.Upgrade(w, r)
		if err != nil {
			return
		}
		if r.URL.Path == "/stream" {
			s.mu.Lock()
			frames := s.streams[r.URL.RawQuery]
			s.mu.Unlock()
			conn.Session().(*peer).room = new(room)
			go conn.ReadLoop()
			go func() {
				for _, f := range frames {
					if conn.WriteMessage(gws.OpcodeText, f) != nil {
						return
					}
				}
			}()
			return
		}
		s.mu.Lock()
		name := r.URL.Path + "?" + r.URL.Query().Get("room")
		in := s.rooms[name]
		if in == nil {
			in = &room{log: logs[r.URL.Path], cast: r.URL.Path == "/cast" || r.URL.Path == "/logcast"}
			in.peers.Store(new([]*gws.Conn))
			s.rooms[name] = in
		}
		s.mu.Unlock()
		conn.Session().(*peer).room = in
		if r.URL.Query().Has("listen") {
			in.change(func(peers []*gws.Conn) []*gws.Conn { return append(peers, conn) })
		}
		_ = conn.WriteMessage(gws.OpcodeText, floorReady)
		go conn.ReadLoop()
	}))
	return s, err
}

// floorReady says that a connection is in its room.
var floorReady = []byte(`{"ready":true}`)

func (s *floorServer) address() string { return s.url }
func (s *floorServer) count(*answer)   {}
func (s *floorServer) close() error    { return nil }

// do loads a stream from a file.
func (s *floorServer) do(o order) (answer, error) {
	data, err := os.ReadFile(o.File)
	if err != nil {
		return answer{}, err
	}
	frames, err := splitFrames(data)
	s.mu.Lock()
	s.streams[o.Name] = frames
	s.mu.Unlock()
	return answer{}, err
}

// Frames are kept in files with their length before each.
func appendFrame(b, frame []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(frame))), frame...)
}

func splitFrames(b []byte) (frames [][]byte, err error) {
	for len(b) > 0 {
		if len(b) < 4 || len(b)-4 < int(binary.BigEndian.Uint32(b)) {
			return nil, errors.New("a stream that is cut short")
		}
		n := 4 + int(binary.BigEndian.Uint32(b))
		frames, b = append(frames, b[4:n]), b[n:]
	}
	return frames, nil
}

func (r *room) change(f func([]*gws.Conn) []*gws.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.peers.Load(); old != nil {
		peers := f(slices.Clone(*old))
		r.peers.Store(&peers)
	}
}

func (r *room) broadcast(message []byte) {
	b := gws.NewBroadcaster(gws.OpcodeText, message)
	for _, c := range *r.peers.Load() {
		_ = b.Broadcast(c)
	}
	_ = b.Close()
}

type floorEvents struct{ gws.BuiltinEventHandler }

func (floorEvents) OnClose(c *gws.Conn, _ error) {
	c.Session().(*peer).room.change(func(peers []*gws.Conn) []*gws.Conn {
		return slices.DeleteFunc(peers, func(p *gws.Conn) bool { return p == c })
	})
}

func (floorEvents) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	r := c.Session().(*peer).room
	switch {
	case r.log != nil:
		r.log.add(c, r, m.Bytes())
	case r.cast:
		r.broadcast(bytes.Clone(m.Bytes()))
	}
}

// A groupLog appends what has come in meanwhile and syncs it together.
type groupLog struct {
	file  *os.File
	ahead bool // the file's blocks are reserved
	size  int64

	mu    sync.Mutex
	buf   []byte
	from  []sender
	wake  chan struct{}
	spare []byte
}

type sender struct {
	conn *gws.Conn
	room *room
	end  int // of its message in buf
}

const reserveBytes = 64 << 20

func newGroupLog(path string, ahead bool) (*groupLog, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if ahead {
		reserve(f, reserveBytes)
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	l := &groupLog{file: f, ahead: ahead, wake: make(chan struct{}, 1)}
	go l.run()
	return l, nil
}

func (l *groupLog) add(c *gws.Conn, r *room, message []byte) {
	l.mu.Lock()
	l.buf = append(l.buf, message...)
	l.from = append(l.from, sender{c, r, len(l.buf)})
	first := len(l.from) == 1
	l.mu.Unlock()
	if first {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

func (l *groupLog) run() {
	var ack []byte
	for range l.wake {
		l.mu.Lock()
		buf, from := l.buf, l.from
		l.buf, l.from, l.spare = l.spare[:0], nil, buf
		l.mu.Unlock()
		if len(from) == 0 {
			continue
		}
		if err := l.write(buf); err != nil {
			panic(err) // the measurement is worth nothing
		}
		at := 0
		for i := 0; i < len(from); {
			s := from[i]
			if s.room.cast {
				s.room.broadcast(bytes.Clone(buf[at:s.end]))
				at = s.end
				i++
				continue
			}
			ack = ack[:0]
			for ; i < len(from) && from[i].conn == s.conn; i++ {
				if len(ack) > 0 {
					ack = append(ack, '\n')
				}
				ack = append(ack, floorAck...)
				at = from[i].end
			}
			_ = s.conn.WriteMessage(gws.OpcodeText, ack)
		}
	}
}

func (l *groupLog) write(buf []byte) error {
	if _, err := l.file.Write(buf); err != nil {
		return err
	}
	if !l.ahead {
		return l.file.Sync()
	}
	if l.size += int64(len(buf)); l.size > reserveBytes-(1<<20) {
		// Begin again in the blocks that are there, as Pebble recycles its logs.
		l.size = 0
		if _, err := l.file.Seek(0, 0); err != nil {
			return err
		}
	}
	return syncData(l.file)
}

// floorAck is what /log answers to each message.
const floorAck = `{"ok":1}`

type mute struct{}

func (mute) Error(...any) {}
