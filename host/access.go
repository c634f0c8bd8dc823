package host

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"iter"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/wire"
)

// Do commits mutations that come from no session, such as REST's, and waits for
// their outcomes. The error is a *wire.Error or the context's; after the latter
// the mutations may still be committed. An append to the store that is under way
// in the caller's goroutine is waited for, whatever the context says.
func (h *Host) Do(ctx context.Context, who *authz.Session, path space.Path, client space.ClientID, mutations []space.Mutation) ([]space.Outcome, space.Cursor, error) {
	if !who.In(h.opts.Authority.Rules(path)).Possible() {
		return nil, space.Cursor{}, core.Forbidden(path)
	}
	l, err := h.acquire(path)
	if err != nil {
		return nil, space.Cursor{}, err
	}
	defer h.release(l)
	type result struct {
		outcomes []space.Outcome
		head     space.Cursor
		err      error
	}
	done := make(chan result, 1)
	r := &core.Request{
		Writer: kernel.Writer{User: who.User(), Client: client, Salt: newSalt(client)}, Who: who, Mutations: mutations,
		Done: func(outcomes []space.Outcome, head space.Cursor, err error) { done <- result{outcomes, head, err} },
	}
	bytes := 0
	for i := range mutations {
		bytes += core.Size(&mutations[i])
	}
	if err := l.perform(bytes, func(s *core.Space) { s.Do(r) }); err != nil {
		return nil, space.Cursor{}, err
	}
	select {
	case res := <-done:
		return res.outcomes, res.head, res.err
	case <-l.dead:
		select {
		case res := <-done: // in the loop's last turn
			return res.outcomes, res.head, res.err
		default:
			return nil, space.Cursor{}, &wire.Error{Code: wire.CodeInternal, RetryMS: 1000, Message: "the space broke down"}
		}
	case <-ctx.Done():
		return nil, space.Cursor{}, ctx.Err()
	}
}

// newSalt is what makes the digest of a commit unguessable that no client id does.
func newSalt(client space.ClientID) uint64 {
	if !client.IsZero() {
		return 0
	}
	var b [8]byte
	rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:])
}

// A Reading is a space's data as of one commit, and what of it may be seen.
type Reading struct {
	Head  store.Head
	view  store.View
	scope *authz.Scope
}

// Get returns an entry, the zero Version if there is none that may be seen.
func (r *Reading) Get(key space.Key) (space.Version, error) {
	v, err := r.view.Get(key)
	if err != nil {
		return v, err
	}
	v, visible, err := kernel.Show(r.scope.Filter(), key, v)
	if err != nil || !visible {
		return space.Version{}, err
	}
	return v, nil
}

// Find is kernel.Find among what may be seen.
func (r *Reading) Find(collection string, q *selector.Query) ([]kernel.Found, error) {
	return kernel.Find(r.view, collection, q, r.scope.Filter())
}

// Limited reports whether rules say what may be seen: it may be less the next time.
func (r *Reading) Limited() bool { return !r.scope.Everything() }

// Close ends the reading.
func (r *Reading) Close() error { return r.view.Close() }

// Read opens a space's data at its head, or at the commit at if that is not 0, for
// reading these collections, as the present versions have them. What may be seen is what may be seen now. The reading must be closed.
func (h *Host) Read(ctx context.Context, who *authz.Session, path space.Path, at space.Seq, collections ...string) (*Reading, error) {
	return h.read(ctx, who.In(h.opts.Authority.Rules(path)), path, at, collections)
}

// ReadAs is Read for a client of an older version of one collection. The error is a *wire.Error if that is not spoken.
func (h *Host) ReadAs(ctx context.Context, who *authz.Session, path space.Path, at space.Seq, collection string, version uint32) (*Reading, error) {
	rules, v := h.opts.Authority.Rules(path), space.Versions{collection: version}
	r, err := h.read(ctx, who.In(rules).Speaking(v), path, at, []string{collection})
	if err != nil {
		return nil, err
	}
	if err := rules.Spoken([]string{collection}, v); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

func (h *Host) read(ctx context.Context, rights authz.Rights, path space.Path, at space.Seq, collections []string) (*Reading, error) {
	for {
		head, err := h.opts.Store.Head(ctx, path)
		if err != nil {
			return nil, err
		}
		now, err := h.opts.Store.View(ctx, path, head.Cursor.Seq)
		if errors.Is(err, store.ErrTrimmed) {
			continue // the horizon overtook the head that was read: look again
		}
		if err != nil {
			return nil, err
		}
		now = rights.Lifted(now)
		scope, err := rights.ScopeAt(collections, now)
		if err != nil || !scope.Open() {
			_ = now.Close()
			if err == nil {
				err = core.Forbidden(path)
			}
			return nil, err
		}
		r := &Reading{head, now, scope}
		if at != 0 && at != head.Cursor.Seq {
			_ = now.Close()
			if r.view, err = h.opts.Store.View(ctx, path, at); err != nil {
				return nil, err
			}
			r.view = rights.Lifted(r.view)
		}
		return r, nil
	}
}

// Limited reports whether rules say what somebody may see of a space.
func (h *Host) Limited(who *authz.Session, path space.Path) bool {
	return !who.In(h.opts.Authority.Rules(path)).Unlimited()
}

// Log yields a space's commits above after, for somebody whom no rule limits.
func (h *Host) Log(ctx context.Context, who *authz.Session, path space.Path, after space.Seq) logSeq {
	if h.Limited(who, path) {
		return func(yield func(*space.Commit, error) bool) { yield(nil, core.Forbidden(path)) }
	}
	return h.opts.Store.Log(ctx, path, after)
}

// Diffs returns what takes a replica of view from a cursor to the head, or the
// whole view if cursor is nil. reset says why it cannot be told from there.
func (h *Host) Diffs(ctx context.Context, who *authz.Session, path space.Path, view space.View, cursor *space.Cursor) (c *core.CatchUp, reset string, err error) {
	r, err := h.Read(ctx, who, path, 0)
	if err != nil {
		return nil, "", err // not one who may open it
	}
	_ = r.Close()
	compiled, err := kernel.CompileView(view, h.opts.Limits)
	if err != nil {
		return nil, "", err
	}
	cfg := core.Config{Path: path, Store: h.opts.Store, Limits: h.opts.Limits, Rules: h.opts.Authority.Rules(path)}
	return core.CatchUpFrom(ctx, cfg, compiled, who, cursor)
}

// Snapshot returns the frames of a whole view at one cursor, which never change; at nil is the head.
// reset says why there is no such cursor. Whom rules limit is shown the head only (space.ErrTrimmed's reason
// for any other): rules are asked as of now, and they say nothing of who might see what was.
func (h *Host) Snapshot(ctx context.Context, who *authz.Session, path space.Path, view space.View, at *space.Cursor) (frames iter.Seq2[[]byte, error], reset string, err error) {
	from := at
	if h.Limited(who, path) {
		from = nil
	}
	c, reset, err := h.Diffs(ctx, who, path, view, from)
	if err != nil || reset != "" {
		return nil, reset, err
	}
	switch head := c.Head(); {
	case at == nil:
		at = &head
	case from == nil && *at != head:
		return nil, wire.ResetTrimmed, nil
	}
	return c.Whole(ctx, *at), "", nil
}

// Watch returns a channel that holds a token when a space may have new commits.
func (h *Host) Watch(path space.Path) (news <-chan struct{}, stop func()) {
	token := make(chan struct{}, 1)
	stop = h.opts.Store.Watch(func(changed space.Path) {
		if changed == path {
			select {
			case token <- struct{}{}:
			default:
			}
		}
	})
	return token, stop
}
