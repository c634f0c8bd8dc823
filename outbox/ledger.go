package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// Path is the space that holds what has been delivered. No client can name it:
// a segment of a path begins with a letter or digit (space.ParsePath), and every
// transport parses the paths that it is given.
const Path = space.Path("_outbox")

// Collections of the ledger.
const (
	inHooks   = "hooks"   // deliveries that were once in force, by pattern and name
	inCursors = "cursors" // lane states, by delivery and space
	inDead    = "dead"    // dead letters
	inReplays = "replays" // which of them are to be sent again
	inReaders = "readers" // cursors of programs that read the log
)

// trimLedger is after how many saves the ledger's own history is dropped.
const trimLedger = 256

// ErrTaken is returned when somebody else has written to the ledger.
var ErrTaken = errors.New("another process has written to the outbox's ledger")

// A Ledger is what survives of the outbox: rows in a space of the same store as
// the data. Its methods may be called from any goroutine; saves that come together
// share a commit.
type Ledger struct {
	st  store.Store
	now func() time.Time

	mu      sync.Mutex
	pending []*save
	busy    bool // somebody appends

	// Whoever set busy has these.
	head  space.Cursor
	saves int
}

// A Row is one row to be saved; Value nil deletes it.
type Row struct {
	Key   space.Key
	Value []byte
}

type save struct {
	rows []Row
	done chan error
}

// OpenLedger reads where the ledger ends. now is the clock, nil time.Now.
func OpenLedger(ctx context.Context, st store.Store, now func() time.Time) (*Ledger, error) {
	head, err := st.Head(ctx, Path)
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	return &Ledger{st: st, now: now, head: head.Cursor}, nil
}

// view opens the ledger as it is on disk.
func (l *Ledger) view(ctx context.Context) (store.View, error) {
	for {
		head, err := l.st.Head(ctx, Path)
		if err != nil {
			return nil, err
		}
		v, err := l.st.View(ctx, Path, head.Cursor.Seq)
		if errors.Is(err, store.ErrTrimmed) {
			continue // the horizon overtook the head that was read
		}
		return v, err
	}
}

// Get returns a row, nil if there is none.
func (l *Ledger) Get(ctx context.Context, key space.Key) ([]byte, error) {
	v, err := l.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	row, err := v.Get(key)
	if err != nil || !row.Live() {
		return nil, err
	}
	return row.Payload, nil
}

// Scan yields the rows of a collection with ids above after.
func (l *Ledger) Scan(ctx context.Context, collection, after string) iter.Seq2[space.Entry, error] {
	return func(yield func(space.Entry, error) bool) {
		v, err := l.view(ctx)
		if err != nil {
			yield(space.Entry{}, err)
			return
		}
		defer v.Close()
		for e, err := range v.Scan(collection, after) {
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Save writes rows, all or none, and returns when they would survive a loss of power.
func (l *Ledger) Save(rows ...Row) error {
	s := &save{rows, make(chan error, 1)}
	l.mu.Lock()
	l.pending = append(l.pending, s)
	if l.busy {
		l.mu.Unlock()
		return <-s.done
	}
	l.busy = true
	for len(l.pending) > 0 {
		batch := l.pending
		l.pending = nil
		l.mu.Unlock()
		err := l.append(batch)
		for _, one := range batch {
			one.done <- err
		}
		l.mu.Lock()
	}
	l.busy = false
	l.mu.Unlock()
	return <-s.done
}

// append commits saves, the later ones winning.
func (l *Ledger) append(batch []*save) error {
	newest := map[space.Key][]byte{}
	for _, s := range batch {
		for _, row := range s.rows {
			newest[row.Key] = row.Value
		}
	}
	c := &space.Commit{Seq: l.head.Seq + 1, Time: time.UnixMilli(l.now().UnixMilli()).UTC()}
	for key, value := range newest {
		change := space.Change{Key: key, Type: space.Record, Deleted: value == nil, Payload: value}
		if value != nil {
			change.Hash = space.PayloadHash(value)
		}
		c.Changes = append(c.Changes, change)
	}
	slices.SortFunc(c.Changes, func(a, b space.Change) int { return cmp.Or(a.Key.Compare(b.Key)) })
	c.Seal(l.head.Digest)
	ctx := context.Background() // half of a batch may be somebody's whose context goes on
	err := l.st.Append(ctx, store.Batch{Space: Path, Base: l.head, Commits: []*space.Commit{c}})
	var conflict *store.ConflictError
	if errors.As(err, &conflict) {
		if conflict.Head != c.Cursor() {
			l.head = conflict.Head
			return ErrTaken
		}
		err = nil // this very commit, of which nobody had heard
	}
	if err != nil {
		return fmt.Errorf("the outbox's ledger: %w", err)
	}
	l.head = c.Cursor()
	if l.saves++; l.saves >= trimLedger {
		l.saves = 0
		if err := l.st.Trim(ctx, Path, l.head.Seq-1); err != nil {
			return fmt.Errorf("the outbox's ledger: trim: %w", err)
		}
	}
	return nil
}
