package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// What is set aside for the operator. Each space has a reserved one beside it, whose path no client can
// name, which takes the mutations whose mutators broke down: in the same append as the commits that
// record the outcomes, so that one is there if and only if the other is.

const (
	quarantinePrefix     = "_quarantine/"
	quarantineCollection = "mutations"
)

// Bounds of what is kept for each space; the oldest goes first.
const (
	maxQuarantined      = 100
	maxQuarantinedBytes = 8 << 20
)

// Quarantined is a mutation that was set aside, with what it takes to run it again.
type Quarantined struct {
	Space    space.Path     `json:"space"`
	Seq      space.Seq      `json:"seq"`  // the commit that records its outcome
	Base     space.Cursor   `json:"base"` // the state that it ran on
	Time     time.Time      `json:"time"`
	User     string         `json:"user"`
	Claims   map[string]any `json:"claims,omitzero"`
	Client   space.ClientID `json:"client,omitzero"`
	Mutation space.Mutation `json:"mutation"`
	Reason   string         `json:"reason"`
	Detail   string         `json:"detail"`
	Version  string         `json:"version,omitzero"` // of the script
}

func quarantineOf(path space.Path) space.Path { return quarantinePrefix + path }

// quarantine adds to a turn what sets the mutation aside that it took last, and ends the turn before
// rest: whoever sent it goes behind the others, who would wait for the next one of that kind, too.
func (s *Space) quarantine(ctx context.Context, t *Turn, rest []queued) error {
	f := t.plan.Faulted()
	q := &t.taken[len(t.taken)-1]
	record := Quarantined{
		Space: s.cfg.Path, Seq: f.Seq, Base: f.Base, Time: f.Time, User: f.User, Claims: q.who.Claims(), Client: f.Client,
		Mutation: f.Mutation, Reason: f.Fault.Reason, Detail: strings.ToValidUTF8(f.Fault.Detail, "\ufffd"), Version: f.Fault.Version,
	}
	s.putBack(rest, q.lineKey())
	batch, err := setAside(ctx, s.cfg.Store, &record)
	if err != nil {
		return err
	}
	t.also, t.aside = append(t.also, batch), &record
	return nil
}

// putBack lets the rest of a turn's batch wait again, and what comes from last behind all others.
// Nobody's own order changes: what waits for an answer has left the batch before.
func (s *Space) putBack(rest []queued, last any) {
	for i := range rest {
		s.queued += Size(rest[i].mutation)
	}
	waiting := append(rest[:len(rest):len(rest)], s.queue...)
	s.queue = make([]queued, 0, len(waiting))
	for _, behind := range []bool{false, true} {
		for i := range waiting {
			if (waiting[i].lineKey() == last) == behind {
				s.queue = append(s.queue, waiting[i])
			}
		}
	}
	if len(s.queue) == 0 {
		s.queue = nil
	}
}

// setAside is the batch that keeps a record in place of the oldest.
func setAside(ctx context.Context, st store.Store, record *Quarantined) (store.Batch, error) {
	path := quarantineOf(record.Space)
	head, err := st.Head(ctx, path)
	if err != nil {
		return store.Batch{}, err
	}
	payload, err := encodeRecord(record)
	if err != nil {
		// What came over the wire is JSON; a Go program may have handed in what is not.
		record.Detail += fmt.Sprintf("\nits arguments cannot be kept: %v", err)
		record.Mutation.Ops, record.Mutation.Args = nil, nil
		if payload, err = encodeRecord(record); err != nil {
			return store.Batch{}, fmt.Errorf("set mutation %d aside: %w", record.Seq, err)
		}
	}
	c := &space.Commit{Seq: head.Cursor.Seq + 1, Time: record.Time}
	entries, bytes, err := kept(ctx, st, path, head.Cursor.Seq)
	if err != nil {
		return store.Batch{}, err
	}
	bytes += len(payload)
	for len(entries) > 0 && (len(entries) >= maxQuarantined || bytes > maxQuarantinedBytes) {
		c.Changes = append(c.Changes, space.Change{Key: entries[0].Key, Type: space.Record, Deleted: true})
		bytes -= len(entries[0].Payload)
		entries = entries[1:]
	}
	c.Changes = append(c.Changes, space.Change{
		Key: quarantineKey(record.Seq), Type: space.Record, Payload: payload, Hash: space.PayloadHash(payload),
	})
	c.Seal(head.Cursor.Digest)
	return store.Batch{Space: path, Base: head.Cursor, Commits: []*space.Commit{c}}, nil
}

func encodeRecord(record *Quarantined) ([]byte, error) {
	if len(record.Mutation.Args) == 0 {
		record.Mutation.Args = nil
	}
	return json.Marshal(record, json.Deterministic(true), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
}

// trimQuarantine forgets what was dropped from a quarantine: nobody reads its history. A failure
// only means that it is longer; the next one tries again.
func (s *Space) trimQuarantine(ctx context.Context, t *Turn) {
	for i := range t.also {
		b := &t.also[i]
		_ = s.cfg.Store.Trim(ctx, b.Space, b.Commits[len(b.Commits)-1].Seq)
	}
}

// quarantineKey is fixed in length, so that rows are in the order of commits.
func quarantineKey(seq space.Seq) space.Key {
	return space.Key{Collection: quarantineCollection, ID: fmt.Sprintf("%016x", uint64(seq))}
}

// kept are the records of a quarantine, oldest first.
func kept(ctx context.Context, st store.Store, path space.Path, at space.Seq) (entries []space.Entry, bytes int, err error) {
	if at == 0 {
		return nil, 0, nil
	}
	for e, err := range (store.Reader{Context: ctx, Store: st, Space: path}).Scan(quarantineCollection, "", at) {
		if err != nil {
			return nil, 0, err
		}
		entries = append(entries, e)
		bytes += len(e.Payload)
	}
	return entries, bytes, nil
}

// ListQuarantined yields what is set aside of a space, or of all if path is "", oldest first in each.
func ListQuarantined(ctx context.Context, st store.Store, path space.Path) ([]Quarantined, error) {
	var out []Quarantined
	for head, err := range st.Heads(ctx) {
		if err != nil {
			return nil, err
		}
		of, ok := strings.CutPrefix(string(head.Space), quarantinePrefix)
		if !ok || path != "" && of != string(path) {
			continue
		}
		entries, _, err := kept(ctx, st, head.Space, head.Cursor.Seq)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			var q Quarantined
			if err := json.Unmarshal(e.Payload, &q, jsontext.AllowDuplicateNames(true)); err != nil {
				return nil, fmt.Errorf("%s/%s: %w: %v", head.Space, e.Key, store.ErrCorrupt, err)
			}
			out = append(out, q)
		}
	}
	return out, nil
}

// A Replayed is what came of running a quarantined mutation again. Nothing of it is committed.
type Replayed struct {
	Refusal *space.Refusal
	Fault   *kernel.Fault // it breaks down still
	Changes []space.Change
}

// Replay runs a quarantined mutation again, on the state that it ran on, as the user who called, with the mutators
// and under the rules of now. Nothing is committed. The error is space.ErrTrimmed where that state is no longer kept.
func Replay(ctx context.Context, cfg Config, q *Quarantined) (r Replayed, err error) {
	who, err := authz.NewSession(authz.Principal{User: q.User, Claims: q.Claims})
	if err != nil {
		return r, err
	}
	s := &Space{cfg: cfg, head: q.Base}
	if err := s.loadRelations(ctx); err != nil {
		return r, err
	}
	reader := &reader{ctx: ctx, s: s, at: q.Base.Seq}
	defer reader.close()
	plan := s.plan(reader, q.Time)
	if cfg.Mutators != nil {
		plan.Mutators = caller{s, who}
	}
	guard := who.In(s.cfg.Rules).Guard(s.relations, q.Time)
	r.Changes, err = plan.Try(kernel.Writer{User: q.User, Client: q.Client}, guard, &q.Mutation)
	if f := plan.Faulted(); f != nil {
		r.Fault, err = &f.Fault, nil
	} else if errors.As(err, &r.Refusal) {
		err = nil
	}
	return r, err
}
