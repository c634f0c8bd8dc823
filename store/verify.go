package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/syncline/syncline/space"
)

// A Problem is damage that Verify has found.
type Problem struct {
	Space space.Path // "" if it concerns no single space
	Seq   space.Seq  // the commit concerned, 0 if none is
	Key   space.Key  // the entry concerned, zero if none is
	What  string
}

func (p Problem) String() string {
	s := p.What
	if !p.Key.IsZero() {
		s = p.Key.String() + ": " + s
	}
	if p.Seq != 0 {
		s = fmt.Sprintf("commit %d: %s", p.Seq, s)
	}
	if p.Space != "" {
		s = fmt.Sprintf("space %s: %s", p.Space, s)
	}
	return s
}

// A Verifier is a Store that can check what no caller of Store can see: rows
// that belong to nothing, the engine's own structures.
type Verifier interface {
	VerifyEngine(ctx context.Context, report func(Problem)) error
}

// Verify reads everything that a store holds and reports what does not agree:
// the chain of digests, the versions and the payload hashes in the log, the
// clients' rows, and what the engine finds (Verifier). It may run beside readers
// and writers; a Trim or Drop of a space meanwhile ends that space's check. The
// error is one that kept it from going on; what it had reported stands.
func Verify(ctx context.Context, s Store, report func(Problem)) error {
	for h, err := range s.Heads(ctx) {
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				return err
			}
			report(Problem{What: fmt.Sprintf("heads: %v", err)})
			break
		}
		v := verifier{store: s, head: h, report: report}
		if err := v.verify(ctx); err != nil {
			if !errors.Is(err, ErrCorrupt) {
				return err
			}
			report(Problem{Space: h.Space, What: err.Error()})
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if engine, ok := s.(Verifier); ok {
		return engine.VerifyEngine(ctx, report)
	}
	return nil
}

const maxUnreadable = 3

type verifier struct {
	store  Store
	head   SpaceHead
	report func(Problem)

	unreadable int // rows so far

	newest  map[space.Key]*space.Change // what the log says of each key's newest version
	seqs    map[space.Key]space.Seq
	clients map[space.ClientID]client
}

// client is what the log says of a client: all but the rejections before the mutation
// since, to which it no longer reaches back. The client's row knows these alone.
type client struct {
	space.ClientState
	since space.MutationID
}

// next is what the log says once it has told of c.
func (s client) next(c *space.Commit) client {
	if s.IsZero() && c.Previous != 0 {
		s.since = c.Mutation
	}
	s.ClientState = space.ClientState{Last: c.Mutation, Seq: c.Seq, Author: c.Author, Rejected: s.Rejected.Next(c.Mutation, c.Refusal != nil)}
	return s
}

// differs says how a row is not what the log says, "" if it is.
func (s client) differs(row space.ClientState) string {
	if row.Last != s.Last || row.Seq != s.Seq || row.Author != s.Author {
		return fmt.Sprintf("the log ends with mutation %d of %q at %d, its row with %d of %q at %d", s.Last, s.Author, s.Seq, row.Last, row.Author, row.Seq)
	}
	want := slices.Collect(s.Rejected.All)
	got := slices.DeleteFunc(slices.Collect(row.Rejected.All), func(id space.MutationID) bool { return id < s.since })
	if !slices.Equal(want, got) {
		return fmt.Sprintf("of its last mutations, from %d on, the log says that %v were rejected, its row that %v were", max(s.since, 1), want, got)
	}
	return ""
}

func (v *verifier) problem(seq space.Seq, key space.Key, format string, args ...any) {
	v.report(Problem{v.head.Space, seq, key, fmt.Sprintf(format, args...)})
}

// gone reports whether err is that of a space which was trimmed or dropped
// while it was looked at.
func gone(err error) bool { return errors.Is(err, ErrTrimmed) || errors.Is(err, ErrFuture) }

func (v *verifier) verify(ctx context.Context) error {
	v.newest = make(map[space.Key]*space.Change)
	v.seqs = make(map[space.Key]space.Seq)
	v.clients = make(map[space.ClientID]client)
	path, head := v.head.Space, v.head.Cursor
	// One view at the head says what is visible now; it outlives a Trim. Older
	// versions are read through views at their commits, a new one for each.
	at, err := v.store.View(ctx, path, head.Seq)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer at.Close()
	previous := v.head.Horizon
	for c, err := range v.store.Log(ctx, path, previous.Seq) {
		if gone(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if c.Seq > head.Seq {
			break
		}
		if !c.Follows(previous) {
			v.problem(c.Seq, space.Key{}, "does not follow %s", previous)
		}
		previous = c.Cursor()
		if err := v.commit(ctx, c); err != nil {
			return err
		}
	}
	if previous != head {
		v.problem(previous.Seq, space.Key{}, "the log ends at %s, the head is %s", previous, head)
	}
	if err := v.visible(at); err != nil {
		return err
	}
	for id, want := range v.clients {
		got, err := v.store.Client(ctx, path, id)
		if err != nil {
			return err
		}
		if how := want.differs(got); how != "" && got.Seq <= head.Seq {
			v.problem(want.Seq, space.Key{}, "client %s: %s", id, how)
		}
	}
	return nil
}

// commit checks that the versions a commit made are there.
func (v *verifier) commit(ctx context.Context, c *space.Commit) error {
	if !c.Client.IsZero() {
		v.clients[c.Client] = v.clients[c.Client].next(c)
	}
	if len(c.Changes) == 0 {
		return nil
	}
	at, err := v.store.View(ctx, v.head.Space, c.Seq)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer at.Close()
	for i := range c.Changes {
		change := &c.Changes[i]
		v.newest[change.Key], v.seqs[change.Key] = change, c.Seq
		if err := v.version(at, change, c.Seq); err != nil {
			return err
		}
	}
	return nil
}

// version checks that change, of the commit seq, is what a view finds.
func (v *verifier) version(at View, change *space.Change, seq space.Seq) error {
	got, err := at.Get(change.Key)
	if errors.Is(err, ErrCorrupt) {
		v.problem(seq, change.Key, "%v", err)
		// One damaged block makes many rows unreadable, and engines may take their
		// time over each to find out what is wrong with it.
		if v.unreadable++; v.unreadable > maxUnreadable {
			return fmt.Errorf("%w: too many rows are unreadable to go on with this space", ErrCorrupt)
		}
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case got.Seq != seq:
		v.problem(seq, change.Key, "its version is missing, %d is found", got.Seq)
	case got.Deleted != change.Deleted || got.Type != change.Type:
		v.problem(seq, change.Key, "its version is of another type, or deleted in one of log and data only")
	case !got.Deleted && space.PayloadHash(got.Payload) != change.Hash:
		v.problem(seq, change.Key, "its payload is not the one in the log")
	}
	return nil
}

// visible checks the entries at the head: each was changed by a commit that
// exists, and by the one that the log names. Collections that no commit in the
// log touches are unknown here; engines that can list them do (Verifier).
func (v *verifier) visible(at View) error {
	collections := make(map[string]bool)
	live := 0
	for key, change := range v.newest {
		collections[key.Collection] = true
		if !change.Deleted {
			live++
		}
		if err := v.version(at, change, v.seqs[key]); err != nil {
			return err
		}
	}
	for collection := range collections {
		for e, err := range at.Scan(collection, "") {
			if err != nil {
				return err
			}
			seq, logged := v.seqs[e.Key]
			switch {
			case logged:
				live--
				if e.Seq != seq {
					v.problem(seq, e.Key, "a scan finds version %d", e.Seq)
				}
			case e.Seq > v.head.Horizon.Seq:
				v.problem(e.Seq, e.Key, "a version that no commit made")
			}
		}
	}
	if live != 0 {
		v.problem(v.head.Cursor.Seq, space.Key{}, "%d entries are not found by scans", live)
	}
	return nil
}
