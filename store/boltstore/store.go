package boltstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/internal/gate"
	"github.com/syncline/syncline/store/internal/hints"
	"github.com/syncline/syncline/store/internal/rows"
	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Options tune a store; the zero value is right.
type Options struct {
	// LockTimeout is how long Open waits for another process to close the file,
	// one second if zero.
	LockTimeout time.Duration

	// MapBytes is the range of addresses kept for the file, of which only what the
	// file has is used: 16 GiB if zero, 256 MiB on 32-bit systems, and none on
	// Windows, where the file would become that large. An Append by which the file
	// outgrows the range waits until all Views and loops over logs have ended.
	MapBytes int

	// ReserveBytes is the free disk space below which Append is refused with
	// store.ErrFull. 16 MiB if zero, none if negative or where the system does not
	// tell.
	ReserveBytes int64

	// free tells the free disk space, the system's if nil. Tests fill it.
	free func(path string) (uint64, bool)

	// dangerouslyNoSync makes tests fast that are about other things.
	dangerouslyNoSync bool
}

// ErrLocked is the error of Open for a file that another process has open.
var ErrLocked = errors.New("already open by another process")

// A Store is a store.Store in a file. Make one with Open.
type Store struct {
	options Options
	path    string
	db      *bolt.DB
	hub     hints.Hub
	gate    gate.Gate
	tasks   chan *task
	ended   chan struct{} // closed when the writer has ended
	room    room          // the writer's

	mu       sync.Mutex
	broken   error
	inflight map[space.Path]space.Cursor // heads before the transaction that is being committed
	settled  chan struct{}               // closed when it is durable or has failed
}

var (
	_ store.Store    = (*Store)(nil)
	_ store.Verifier = (*Store)(nil)
)

// Open opens the store in the file at path, and makes it if there is none.
func Open(path string, o Options) (*Store, error) {
	if o.LockTimeout == 0 {
		o.LockTimeout = time.Second
	}
	if o.ReserveBytes == 0 {
		o.ReserveBytes = 16 << 20
	}
	if o.free == nil {
		o.free = freeBytes
	}
	if o.MapBytes == 0 {
		switch {
		case runtime.GOOS == "windows":
		case ^uint(0)>>32 == 0:
			o.MapBytes = 256 << 20
		default:
			o.MapBytes = int(uint64(16<<30) & uint64(^uint(0)>>1))
		}
	}
	s := &Store{options: o, path: path, tasks: make(chan *task), ended: make(chan struct{})}
	s.room = room{path: path, reserve: o.ReserveBytes, free: o.free}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	go s.write()
	return s, nil
}

func (s *Store) open() error {
	if err := checkFile(s.path); err != nil {
		return err
	}
	return guard(func() (err error) {
		s.db, err = bolt.Open(s.path, 0o600, &bolt.Options{
			Timeout:         s.options.LockTimeout,
			NoFreelistSync:  true,
			FreelistType:    bolt.FreelistMapType,
			InitialMmapSize: s.options.MapBytes,
			NoStatistics:    true,
			NoSync:          s.options.dangerouslyNoSync,
		})
		if errors.Is(err, berrors.ErrTimeout) {
			return ErrLocked
		}
		if err != nil {
			return err
		}
		s.db.AllocSize = 1 << 20 // grow the file by this much
		err = s.db.Update(func(tx *bolt.Tx) error {
			_, err := tx.CreateBucketIfNotExists(bucketName)
			return err
		})
		if err != nil {
			return errors.Join(err, s.db.Close())
		}
		return nil
	})
}

// begin is the start of every operation, whose end is s.gate.Leave.
func (s *Store) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.gate.Enter()
}

// A snapshot is a read transaction and the head that may be shown of one space.
type snapshot struct {
	reader
	tx   *bolt.Tx
	head store.Head
}

func (s *Store) snapshot(path space.Path) (*snapshot, error) {
	tx, err := s.db.Begin(false)
	if err != nil {
		return nil, err
	}
	p := &snapshot{reader: reader{tx.Bucket(bucketName)}, tx: tx}
	if p.head, err = s.shown(p.reader, path); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *snapshot) close() error { return p.tx.Rollback() }

// shown is the head that may be shown. The transaction was begun before: if it
// sees one that is not durable yet, then inflight still says so.
func (s *Store) shown(r reader, path space.Path) (store.Head, error) {
	h, err := r.head(path)
	if err != nil {
		return h, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.inflight[path]; ok {
		h.Cursor = before
	}
	return h, nil
}

func (r reader) head(path space.Path) (h store.Head, err error) {
	v, err := r.get(rows.SpaceKey(nil, rows.Head, path))
	if err != nil || v == nil {
		return h, err
	}
	if len(v) != rows.CursorLen {
		return h, fmt.Errorf("head of space %s: %w", path, store.ErrCorrupt)
	}
	h.Cursor = rows.DecodeCursor(v)
	mark, err := r.mark(path)
	h.Horizon = mark.Horizon
	return h, err
}

func (r reader) mark(path space.Path) (rows.Mark, error) {
	v, err := r.get(rows.SpaceKey(nil, rows.Horizon, path))
	if err != nil || v == nil {
		return rows.Mark{}, err
	}
	return rows.DecodeMark(v)
}

// Watch implements store.Store.
func (s *Store) Watch(hint func(space.Path)) (stop func()) { return s.hub.Watch(hint) }

// Close implements store.Store.
func (s *Store) Close() error {
	if err := s.gate.Close(); err != nil {
		return err
	}
	s.hub.Close()
	close(s.tasks)
	<-s.ended
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	var err error
	if broken == nil {
		// bbolt takes the older of its two first pages if the newer is damaged, and
		// with it the state before the last transaction. After this one, which
		// changes nothing that counts, both show the same.
		err = s.countClose()
	}
	return errors.Join(err, s.db.Close())
}

func (s *Store) countClose() error {
	return guard(func() error {
		return s.db.Update(func(tx *bolt.Tx) error {
			b := tx.Bucket(bucketName)
			key := []byte{rows.Closed}
			n := uint64(0)
			if v, err := (reader{b}).get(key); err == nil && len(v) == 8 {
				n = binary.BigEndian.Uint64(v)
			}
			return b.Put(key, seal(key, binary.BigEndian.AppendUint64(nil, n+1)))
		})
	})
}
