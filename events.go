package syncline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// An Event is one commit that changed something. It belongs to the loop that got it.
type Event struct {
	Space   string
	Seq     space.Seq
	Time    time.Time // the commit's, to the millisecond
	Author  string    // user id, "" where nobody is known
	Changes []EventChange

	ack func() error
}

// An EventChange is what a commit did to one entry. Values must not be altered.
type EventChange struct {
	Collection, ID string
	Op             string         // create, update or delete
	Old, New       jsontext.Value // the record before and after; nil where there was or is none
}

// Ack notes now that the event has been dealt with, and returns when that is on
// disk. It is only needed before leaving the loop: going on to the next event does it.
func (e *Event) Ack() error { return e.ack() }

// Errors of Events, beside those of the context and the store; test with errors.Is.
var (
	// ErrTrimmed: the history after the reader's cursor is no longer there. Whoever
	// was away for longer than Options.Retain has to read the present state anew and go on from SeekEvents.
	ErrTrimmed = space.ErrTrimmed
	// ErrForked: the log does not hold the reader's cursor: the space was restored
	// from a backup, or dropped and made again.
	ErrForked = errors.New("the log is not the one that was read before")
	// ErrClosed: the server has been closed.
	ErrClosed = errors.New("the server has been closed")
)

// Events yields the commits of a space, oldest first, from where the reader of this
// name left off, and then waits for more, until ctx ends or the loop is left. A new
// name begins with the oldest commit in history.
//
//	for event, err := range server.Events(ctx, "team/alpha", "search-index") {
//		if err != nil {
//			return err // there will be no more
//		}
//		if err := index(event.Changes); err != nil {
//			return err // comes again the next time
//		}
//	}
//
// An event counts as dealt with when the loop asks for the next one, or with
// [Event.Ack]. That is written to disk, and survives restarts; an event whose loop
// was left in between comes again: at least once, in order. One loop at a time may
// read a space under a name. Names are lower-case letters, digits and '-', at most 48 bytes.
//
// Readers do not hold history back: see [ErrTrimmed]. Access rules do not apply.
func (s *Server) Events(ctx context.Context, path, name string) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		if err := s.events(ctx, path, name, yield); err != nil && err != errLeft {
			yield(nil, fmt.Errorf("syncline: events of %.128q for %.48q: %w", path, name, err))
		}
	}
}

var errLeft = errors.New("the loop was left")

func (s *Server) events(ctx context.Context, path, name string, yield func(*Event, error) bool) error {
	p, err := space.ParsePath(path)
	if err != nil {
		return err
	}
	at, end, err := s.readers.Begin(ctx, name, p)
	if err != nil {
		return err
	}
	defer end()
	news, stop := s.host.Watch(p)
	defer stop()
	if at.IsZero() {
		head, err := s.store.Head(ctx, p)
		if err != nil {
			return err
		}
		at = head.Horizon
	}
	for {
		before := at
		if at, err = s.readOn(ctx, p, name, at, yield); err != nil {
			return err
		}
		if at != before {
			continue
		}
		select {
		case <-news:
		case <-time.After(eventsPoll): // hints may be lost
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			return ErrClosed
		}
	}
}

// eventsPoll is how often a reader looks by itself.
const eventsPoll = 15 * time.Second

// eventsAhead is how many commits are read at once.
const eventsAhead = 64

// readOn yields what comes next above at. The store is at rest while the loop's
// body runs, which may do what it likes, such as closing the server.
func (s *Server) readOn(ctx context.Context, path space.Path, name string, at space.Cursor, yield func(*Event, error) bool) (space.Cursor, error) {
	head, err := s.store.Head(ctx, path)
	if err != nil {
		return at, err
	}
	if head.Cursor.Seq < at.Seq || head.Cursor.Seq == at.Seq && head.Cursor != at {
		return at, ErrForked
	}
	var next []*space.Commit
	for c, err := range s.store.Log(ctx, path, at.Seq) {
		if err != nil {
			return at, err
		}
		if next = append(next, c); len(next) == eventsAhead {
			break
		}
	}
	for _, c := range next {
		if !c.Follows(at) {
			return at, ErrForked
		}
		select {
		case <-s.closing:
			return at, ErrClosed
		default:
		}
		if len(c.Changes) > 0 {
			event, err := s.event(ctx, path, c)
			if err != nil {
				return at, err
			}
			acked := false
			event.ack = func() error {
				if acked {
					return nil
				}
				err := s.readers.Save(name, path, c.Cursor())
				acked = err == nil
				return err
			}
			if !yield(event, nil) {
				return at, errLeft
			}
			if err := event.ack(); err != nil {
				return at, err
			}
		}
		at = c.Cursor()
	}
	return at, nil
}

// event reads what a commit changed.
func (s *Server) event(ctx context.Context, path space.Path, c *space.Commit) (*Event, error) {
	e := &Event{Space: string(path), Seq: c.Seq, Time: c.Time, Author: c.Author}
	var views [2]store.View
	for i := range views {
		v, err := s.store.View(ctx, path, c.Seq-1+space.Seq(i))
		if err != nil {
			return nil, err
		}
		defer v.Close()
		views[i] = v
	}
	for i := range c.Changes {
		key := c.Changes[i].Key
		old, err := views[0].Get(key)
		if err != nil {
			return nil, err
		}
		next, err := views[1].Get(key)
		if err != nil {
			return nil, err
		}
		if s.authority != nil {
			rules := s.authority.Rules(path)
			if old, err = rules.Present(key, old); err != nil {
				return nil, err
			}
			if next, err = rules.Present(key, next); err != nil {
				return nil, err
			}
		}
		change := EventChange{Collection: key.Collection, ID: key.ID, Op: authz.Op(old, next)}
		if old.Live() {
			change.Old = old.Payload
		}
		if next.Live() {
			change.New = next.Payload
		}
		e.Changes = append(e.Changes, change)
	}
	return e, nil
}

// SeekEvents has the reader of a name go on in a space after the commit seq, which
// must be in history: that of Head for what is committed from now on. No loop may be reading under that name.
func (s *Server) SeekEvents(ctx context.Context, path, name string, seq space.Seq) error {
	p, err := space.ParsePath(path)
	if err != nil {
		return err
	}
	_, end, err := s.readers.Begin(ctx, name, p)
	if err != nil {
		return fmt.Errorf("syncline: %w", err)
	}
	defer end()
	head, err := s.store.Head(ctx, p)
	if err != nil {
		return err
	}
	switch {
	case seq == head.Horizon.Seq:
		return s.readers.Save(name, p, head.Horizon)
	case seq < head.Horizon.Seq:
		return ErrTrimmed
	}
	for c, err := range s.store.Log(ctx, p, seq-1) {
		if err != nil {
			return err
		}
		return s.readers.Save(name, p, c.Cursor())
	}
	return store.ErrFuture
}
