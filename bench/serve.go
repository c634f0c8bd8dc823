package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/pebblestore"
	"github.com/syncline/syncline/wire"
)

func listen(h http.Handler) (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() { _ = http.Serve(l, h) }()
	return "http://" + l.Addr().String(), nil
}

// synclineServer is the server as applications embed it.
type synclineServer struct {
	server *syncline.Server
	url    string
}

func newSynclineServer(dir string) (server, error) {
	s, err := syncline.Open(context.Background(), syncline.Options{
		Dir:    dir,
		Limits: wire.Limits{Rate: 1 << 20}, // one load writes what a thousand clients would
	})
	if err != nil {
		return nil, err
	}
	url, err := listen(s.Handler())
	return &synclineServer{s, url}, err
}

func (s *synclineServer) address() string { return s.url }

func (s *synclineServer) count(a *answer) {
	st := s.server.Host().Stats()
	a.Sessions, a.Overflows, a.Commits, a.Appends = st.Sessions.Load(), st.Overflows.Load(), st.Commits.Load(), st.Appends.Load()
}

// do runs a load inside the process: writers that commit one write at a time.
func (s *synclineServer) do(o order) (answer, error) {
	h := s.server.Host()
	who, err := h.Authority().Identify(context.Background(), authz.Credentials{User: "bench"})
	if err != nil {
		return answer{}, err
	}
	return inProcess(o, func(at int, n uint64) error {
		m := []space.Mutation{{Ops: []space.Op{{Op: space.OpPut, In: collection, ID: entryID(n), Value: appendRecord(nil, n)}}}}
		outcomes, _, err := h.Do(context.Background(), who, space.Path(fmt.Sprintf("inside/s%d", at)), "", m)
		if err == nil && outcomes[0].Kind != space.Applied {
			err = fmt.Errorf("a write was %s", outcomes[0].Kind)
		}
		return err
	})
}

func (s *synclineServer) close() error { return s.server.Close(context.Background()) }

// pebbleServer has no clients: it commits by itself.
type pebbleServer struct{ db *pebble.DB }

func newPebbleServer(dir string) (server, error) {
	// The options of store/pebblestore that bear on writing.
	o := &pebble.Options{CacheSize: 8 << 20, MemTableSize: 16 << 20, FormatMajorVersion: pebble.FormatValueSeparation, Logger: silent{}}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].BlockSize = 8 << 10
	}
	db, err := pebble.Open(dir, o)
	return &pebbleServer{db}, err
}

func (s *pebbleServer) address() string { return "" }
func (s *pebbleServer) count(*answer)   {}
func (s *pebbleServer) close() error    { return s.db.Close() }

func (s *pebbleServer) do(o order) (answer, error) {
	return inProcess(o, func(at int, n uint64) error {
		return s.db.Set(fmt.Appendf(nil, "s%d/%s/%s", at, collection, entryID(n)), appendRecord(nil, n), pebble.Sync)
	})
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

var inside atomic.Uint64 // numbers the writes of all loads

// inProcess runs writers that each commit one write after the other, each time
// to another of their spaces.
func inProcess(o order, write func(space int, n uint64) error) (answer, error) {
	var (
		done  atomic.Int64
		wg    sync.WaitGroup
		errs  = make(chan error, o.Writers)
		begun = time.Now()
		until = begun.Add(time.Duration(o.MS) * time.Millisecond)
	)
	for w := range o.Writers {
		wg.Go(func() {
			for at := w; time.Now().Before(until); at += o.Writers {
				if err := write(at%o.Spaces, inside.Add(1)); err != nil {
					errs <- err
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return answer{}, err
	default:
		return answer{Rate: float64(done.Load()) / time.Since(begun).Seconds()}, nil
	}
}

// builder fills a directory through the store.
type builder struct{}

func (builder) address() string { return "" }
func (builder) count(*answer)   {}
func (builder) close() error    { return nil }

// do makes Spaces commits of one small put each, over Writers keys, in the space
// Name. The answer's URL is the cursor 1,000 commits before the end.
func (builder) do(o order) (a answer, err error) {
	st, err := pebblestore.Open(os.Args[1], pebblestore.Options{MemTableBytes: 64 << 20})
	if err != nil {
		return a, err
	}
	defer func() {
		if e := st.Close(); err == nil {
			err = e
		}
	}()
	const together = 2000
	var head space.Cursor
	now := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	for head.Seq < space.Seq(o.Spaces) {
		batch := store.Batch{Space: space.Path(o.Name), Base: head}
		for range min(together, o.Spaces-int(head.Seq)) {
			n := uint64(head.Seq)
			value := appendRecord(nil, n)
			c := &space.Commit{Seq: head.Seq + 1, Time: now, Author: "bench", Changes: []space.Change{{
				Key: space.Key{Collection: collection, ID: entryID(n % uint64(o.Writers))}, Type: space.Record, Hash: space.PayloadHash(value), Payload: value,
			}}}
			c.Seal(head.Digest)
			head = c.Cursor()
			batch.Commits = append(batch.Commits, c)
			if int(head.Seq) == max(1, o.Spaces-1000) {
				a.URL = head.String()
			}
		}
		if err := st.Append(context.Background(), batch); err != nil {
			return a, err
		}
	}
	return a, nil
}

// build makes a directory with a space and returns a cursor 1,000 commits before
// its head.
func build(dir, path string, commits, keys int) (cursor string, err error) {
	p, err := spawn("build", dir)
	if err != nil {
		return "", err
	}
	defer p.stop()
	a, err := p.ask(order{Do: "build", Name: path, Spaces: commits, Writers: keys})
	return a.URL, err
}
