package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/replica/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// An oracle is told of every commit that has become durable and remembers all:
// the truth that replicas and outcomes are held against.
type oracle struct {
	w        *world
	commits  []*space.Commit
	marks    map[string]space.Seq // which commit applied which mutation
	versions map[space.Key][]space.Version
	lost     int // restores: acknowledged commits may be gone
	masked   int // entries looked at of which something may be left out
}

func (o *oracle) head() space.Cursor {
	if len(o.commits) == 0 {
		return space.Cursor{}
	}
	return o.commits[len(o.commits)-1].Cursor()
}

// add checks the commits of an append: the chain, exactly once, serializability.
func (o *oracle) add(commits []*space.Commit) {
	for _, c := range commits {
		if !c.Follows(o.head()) {
			o.w.fail("commit %d does not follow %s", c.Seq, o.head())
		}
		for i := range c.Changes {
			change := &c.Changes[i]
			switch {
			case change.Key.Collection == "marks" && o.marked(change.Key.ID) != 0:
				o.w.fail("mutation %s was applied by commits %d and %d", change.Key.ID, o.marked(change.Key.ID), c.Seq)
			case change.Key == register:
				if before, after := o.number(o.at(register, c.Seq-1)), o.number(change.Payload); after != before+1 {
					o.w.fail("commit %d sets the register from %d to %d: a stale read", c.Seq, before, after)
				}
			}
		}
		o.checkCall(c)
		o.agreed(c)
		o.kept(c)
		o.index(c)
		o.commits = append(o.commits, c)
		if o.w.plan.ruled {
			o.shelved(c.Seq)
		}
	}
}

func (o *oracle) index(c *space.Commit) {
	for i := range c.Changes {
		change := &c.Changes[i]
		if change.Key.Collection == "marks" {
			o.marks[change.Key.ID] = c.Seq
		}
		o.versions[change.Key] = append(o.versions[change.Key], change.Version(c.Seq))
	}
}

func (o *oracle) number(payload []byte) int {
	var doc struct{ N int }
	if payload != nil {
		if err := json.Unmarshal(payload, &doc); err != nil {
			o.w.fail("the register holds %s", payload)
		}
	}
	return doc.N
}

// marked is the commit that applied a mutation, 0 if none did.
func (o *oracle) marked(tag string) space.Seq { return o.marks[tag] }

// at is the payload of a key at a commit, nil if there is none.
func (o *oracle) at(key space.Key, seq space.Seq) []byte { return o.version(key, seq).Payload }

func (o *oracle) version(key space.Key, seq space.Seq) space.Version {
	versions := o.versions[key]
	for i := len(versions) - 1; i >= 0; i-- {
		if versions[i].Seq <= seq {
			return versions[i]
		}
	}
	return space.Version{}
}

// state is what a view holds at a commit.
func (o *oracle) state(view *kernel.View, seq space.Seq) map[space.Key]space.Version {
	all := map[space.Key]space.Version{}
	for key := range o.versions {
		v := o.version(key, seq)
		seen, err := view.See(key, v)
		if err != nil {
			o.w.fail("%s at %d: %v", key, seq, err)
		}
		if seen.Live() {
			all[key] = v
		}
	}
	return all
}

// restore forgets what a backup does not have.
func (o *oracle) restore(head space.Seq) {
	o.commits = o.commits[:head:head]
	o.marks, o.versions = map[string]space.Seq{}, map[space.Key][]space.Version{}
	for _, c := range o.commits {
		o.agreed(c)
		o.index(c)
	}
	o.lost++
}

// finished checks an outcome that a client was told.
func (w *world) finished(c *client, f core.Finished) {
	var in *intent
	for _, one := range c.made {
		if one.id == f.ID {
			in = one
		}
	}
	if in == nil {
		w.fail("%s was told of mutation %d, which it never made", c.name, f.ID)
		return
	}
	w.checkShown(c, in, f)
	in.outcome, in.seq = f.Outcome.Kind, f.Outcome.Seq
	switch f.Outcome.Kind {
	case space.Applied:
		w.counts.applied++
		if at := w.oracle.marked(in.tag); at == 0 || f.Outcome.Seq != 0 && at != f.Outcome.Seq {
			w.fail("%s was told that %s is applied by commit %d, but the log has it at %d", c.name, in.tag, f.Outcome.Seq, at)
		}
	case space.Rejected, space.Quarantined:
		w.counts.rejected++
		if at := w.oracle.marked(in.tag); at != 0 {
			w.fail("%s was told that %s is rejected, but commit %d applied it", c.name, in.tag, at)
		}
		if in.plain {
			w.fail("%s was refused for no reason: %s %s", in.tag, f.Outcome.Code, f.Outcome.Message)
		}
	}
}

// checkClient checks a replica against the truth after a step of it.
func (w *world) checkClient(c *client) {
	if w.err != nil {
		return
	}
	ctx := context.Background()
	status := c.core.Status()
	known := status.Cursor.Seq <= w.oracle.head().Seq &&
		(status.Cursor.IsZero() || w.oracle.commits[status.Cursor.Seq-1].Digest == status.Cursor.Digest)
	if !known && w.oracle.lost == 0 {
		w.fail("%s stands at %s, which is no commit", c.name, status.Cursor)
		return
	}
	if status.Cursor.Seq < c.cursor.Seq && w.oracle.lost == 0 {
		w.fail("%s went back from %s to %s", c.name, c.cursor, status.Cursor)
		return
	}
	if known && status.Cursor != c.cursor {
		// Commits are seen whole and in order: what is held is the view at the cursor.
		got, err := c.core.Sum(ctx)
		if err != nil {
			w.fail("%s: %v", c.name, err)
			return
		}
		// Rules that change, change at some commit: what is held is what the ones or the others allow.
		var sum wire.Sum
		for definition := range definitions {
			sum = wire.Sum{}
			for key, v := range w.oracle.permitted(w.view(c), c.name, status.Cursor.Seq, definition) {
				sum.Add(key, v.Seq)
			}
			if got.Count == sum.Count && got.String() == sum.String() {
				break
			}
		}
		if got.Count != sum.Count || got.String() != sum.String() {
			w.fail("%s at %s holds %d entries with sum %s; its view has %d with sum %s", c.name, status.Cursor, got.Count, got, sum.Count, sum)
			return
		}
	}
	c.cursor = status.Cursor
	c.look()
	w.checkIntents(c)
}

// checkIntents: each mutation is in one place, and one's own writes are there to
// be read.
func (w *world) checkIntents(c *client) {
	pending := map[core.LocalID]bool{}
	for _, m := range c.core.Pending() {
		pending[m.ID] = true
	}
	rejected := map[core.LocalID]bool{}
	calls := map[core.LocalID]string{}
	for _, m := range append(c.core.Pending(), c.core.Rejected()...) {
		calls[m.ID] = m.Call
	}
	for _, m := range c.core.Rejected() {
		rejected[m.ID] = true
	}
	for _, in := range c.made {
		applied := w.oracle.marked(in.tag) != 0
		switch {
		case (pending[in.id] || rejected[in.id]) && calls[in.id] != in.call:
			w.fail("%s called %q, and is kept as a call of %q", in.tag, in.call, calls[in.id])
		case pending[in.id] && rejected[in.id]:
			w.fail("%s is both queued and rejected", in.tag)
		case rejected[in.id] && applied:
			w.fail("%s is kept as rejected, but the log has it", in.tag)
		case !pending[in.id] && !rejected[in.id] && !applied && w.oracle.lost == 0:
			w.fail("%s is lost: neither queued, nor rejected, nor in the log", in.tag)
		}
		if !in.plain || rejected[in.id] || w.oracle.lost > 0 {
			continue
		}
		_, shows, err := c.core.Get(context.Background(), space.Key{Collection: "marks", ID: in.tag})
		if err != nil {
			w.fail("%s: %v", c.name, err)
			return
		}
		if !shows && w.sees(c, in.tag) {
			w.fail("%s does not see its own %s", c.name, in.tag)
		}
	}
}

// sees reports whether a client's view holds marks.
func (w *world) sees(c *client, tag string) bool {
	return strings.HasPrefix(tag, c.name) && w.view(c).Has("marks")
}

// converged checks that everybody agrees in the end.
func (w *world) converged() {
	ctx := context.Background()
	head := w.oracle.head()
	for _, c := range w.clients {
		if c.core == nil {
			w.fail("%s never came back", c.name)
			return
		}
		status := c.core.Status()
		if status.Pending > 0 || !status.Live {
			w.fail("%s is stuck: %d mutations queued, live %t, at %s of %s", c.name, status.Pending, status.Live, status.Cursor, head)
			return
		}
		if w.plan.leased { // one more answer, and all shows
			if _, err := c.core.Contact(ctx, c.time(), c.time()); err != nil {
				w.fail("%s: %v", c.name, err)
			}
			c.contact(c.question())
			c.look()
		}
		want := w.oracle.permitted(w.view(c), c.name, head.Seq, w.ruled%len(definitions))
		n := 0
		for _, collection := range []string{"books", "calc", "cards", "made", "marks", "members", "pair", "register", "shelves"} {
			for e, err := range c.core.Scan(ctx, collection) {
				if err != nil {
					w.fail("%s: %v", c.name, err)
					return
				}
				v, ok := want[e.Key]
				if !ok || string(v.Payload) != string(e.Value) {
					w.fail("%s holds %s = %s at %s; at the head %s it is %s", c.name, e.Key, e.Value, status.Cursor, head, v.Payload)
					return
				}
				n++
			}
		}
		if n != len(want) {
			w.fail("%s holds %d entries at %s; its view has %d at the head %s", c.name, n, status.Cursor, len(want), head)
			return
		}
		last := space.Seq(0)
		for _, in := range c.made {
			at := w.oracle.marked(in.tag)
			if at == 0 {
				continue
			}
			if at < last && w.oracle.lost == 0 {
				w.fail("%s: commit %d applied %s after a later mutation of the same client", c.name, at, in.tag)
				return
			}
			last = at
		}
	}
}

func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}
