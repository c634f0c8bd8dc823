// Package store is the one seam between Syncline and storage. A store keeps,
// for each space, the two tables of the kernel (the log of commits and the
// versions of entries) and what it remembers of each client; it orders nothing
// and decides nothing but the compare-and-set on the head.
//
// Engines live in the packages below it (memstore, boltstore, pebblestore) and
// are held to the conformance suite in storetest.
package store

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/syncline/syncline/space"
)

// A Batch is what one Append adds to one space: commits that follow Base.
type Batch struct {
	Space   space.Path
	Base    space.Cursor // the head that the commits were planned on
	Commits []*space.Commit
}

// A Head says where a space's log begins and ends.
type Head struct {
	Cursor  space.Cursor // the last commit; zero for a space without commits
	Horizon space.Cursor // history at and below it is gone, save the newest versions
}

// A SpaceHead is a Head with the name of its space.
type SpaceHead struct {
	Space space.Path
	Head
}

// A Store holds the spaces of a node. All methods may be called from any
// goroutine at once. After Close they return ErrClosed. A context that ends
// stops a call before it has done anything or not at all.
type Store interface {
	// Append adds the batches' commits, their changes and what they leave behind
	// of each client (space.ClientStates), all or nothing across all batches, and
	// returns once they would survive the loss of power. If a space's head is not
	// the batch's Base, nothing is written and the error is a *ConflictError. When
	// the outcome of an Append is unknown it is safe to try it again: if it had
	// been carried out, the compare-and-set fails and the head tells.
	//
	// Concurrent Appends share an fsync. The store keeps no reference to the
	// batches. An error other than a malformed batch (CheckBatches), a conflict, a
	// full disk (ErrFull) or an ended context means that the store is broken: every
	// later Append fails too. A ConflictError's Head is as durable as any other.
	Append(ctx context.Context, batches ...Batch) error

	// Head returns the head of a space, the zero Head for one that does not exist.
	Head(ctx context.Context, path space.Path) (Head, error)

	// Heads yields the head of every space that has commits, in the order of paths.
	Heads(ctx context.Context) iter.Seq2[SpaceHead, error]

	// Log yields the commits above after, oldest first, as of the start of the
	// loop; none where after is the head or above. Where after lies below the
	// horizon the first error is ErrTrimmed. Payloads are nil. The loop's body may
	// call the store.
	Log(ctx context.Context, path space.Path, after space.Seq) iter.Seq2[*space.Commit, error]

	// View opens the space's data as it was at the commit at, which must not be
	// below the horizon (ErrTrimmed) nor above the head (ErrFuture). It stays the same
	// whatever is appended or trimmed later, until it is closed.
	View(ctx context.Context, path space.Path, at space.Seq) (View, error)

	// Client returns what the space remembers of a client, zero if nothing.
	Client(ctx context.Context, path space.Path, client space.ClientID) (space.ClientState, error)

	// Trim raises the horizon to a commit that exists (else ErrFuture): the log up
	// to it goes, of the versions at or below it only the newest of each key stays,
	// and not even that if it is a deletion. Trimming to the horizon or below
	// raises nothing, but finishes a Trim that was cut short.
	Trim(ctx context.Context, path space.Path, horizon space.Seq) error

	// Watch calls hint, from one goroutine of the store's and without holding a
	// lock, after commits have been appended to a space, until stop is called.
	// Hints may be merged, late or lost; hint must not block for long.
	Watch(hint func(space.Path)) (stop func())

	// Drop removes a space with all it holds. A space of that name starts anew.
	Drop(ctx context.Context, path space.Path) error

	// Close waits for calls under way and releases the store. Views must be
	// closed before.
	Close() error
}

// A View reads one space at one commit. It may be used by one goroutine at a
// time. Payloads that it returns stay valid after Close and must not be altered.
type View interface {
	// At is the commit at which the view reads.
	At() space.Seq

	// Get returns the newest version of a key at or below At: the zero Version if
	// there is none, a deleted one if it was deleted and that is not yet trimmed.
	Get(key space.Key) (space.Version, error)

	// Scan yields the live entries of a collection with ids above after, in the
	// order of ids. after "" begins at the first. The loop's body may call the view.
	Scan(collection, after string) iter.Seq2[space.Entry, error]

	Close() error
}

// Errors that every engine returns; test with errors.Is.
var (
	ErrClosed  = errors.New("store is closed")
	ErrTrimmed = space.ErrTrimmed
	ErrFuture  = errors.New("no such commit yet")
	ErrFull    = errors.New("no space left on the device")
	ErrCorrupt = errors.New("stored data is damaged")
)

// A ConflictError is the refusal of an Append whose Base was not the head.
type ConflictError struct {
	Space space.Path
	Base  space.Cursor // what the batch expected
	Head  space.Cursor // what the store has
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("space %s: head is %s, batch was planned on %s", e.Space, e.Head, e.Base)
}

// CheckBatches refuses what no engine may append: no batch at all, a space
// twice, a batch that CheckBatch refuses. Engines call it before they write.
func CheckBatches(batches []Batch) error {
	if len(batches) == 0 {
		return errors.New("an append without batches")
	}
	var seen map[space.Path]bool
	if len(batches) > 1 {
		seen = make(map[space.Path]bool, len(batches))
	}
	for i := range batches {
		if err := CheckBatch(&batches[i]); err != nil {
			return err
		}
		if seen[batches[i].Space] {
			return fmt.Errorf("space %s: two batches in one append", batches[i].Space)
		}
		if seen != nil {
			seen[batches[i].Space] = true
		}
	}
	return nil
}

// CheckBatch refuses a batch that no engine may store: commits that do not
// follow its base.
func CheckBatch(b *Batch) error {
	at := b.Base
	if len(b.Commits) == 0 {
		return fmt.Errorf("space %s: a batch without commits", b.Space)
	}
	for _, c := range b.Commits {
		if c.Seq != at.Seq+1 {
			return fmt.Errorf("space %s: commit %d does not follow %d", b.Space, c.Seq, at.Seq)
		}
		at = c.Cursor()
	}
	return nil
}
