package constraint

import (
	"fmt"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// MaxCascade bounds how many entries one mutation may change beyond those that it names.
const MaxCascade = 10_000

// A Writer is what Settle asks of whoever wants the mutation.
type Writer struct {
	// Sees reports whether the writer may read a version of an entry: what they may not
	// read they cannot refer to, as if it were not there. Nobody sees what is not live.
	Sees func(space.Key, space.Version) (bool, error)
	// Fits reports whether a record may be in a collection at all.
	Fits func(collection string, doc map[string]any) bool
}

// Settle decides whether all constraints hold once a mutation is carried out, and
// what has to be changed along with it. What a write leaves as it was is not
// looked at: entries that broke a constraint before it was made may be written
// otherwise. staged is x with the mutation; Merge takes it over.
func (x *Index) Settle(state kernel.State, p *kernel.Proposal, w Writer) (staged *Index, more []space.Change, refusal *space.Refusal, err error) {
	s := &settling{set: x.set, index: x.Fork(), state: state, writer: w, entries: make(map[space.Key]*entry, len(p.Changes))}
	steps := []func() (*space.Refusal, error){
		func() (*space.Refusal, error) { return s.begin(p) },
		s.referred, s.follow, s.unused, s.distinct, s.within,
	}
	for _, step := range steps {
		if refusal, err = step(); refusal != nil || err != nil {
			return nil, nil, refusal, err
		}
	}
	for _, e := range s.order {
		if e.more {
			more = append(more, space.Change{Key: e.key, Type: space.Record, Deleted: !e.next.live, Payload: e.payload})
		}
	}
	return s.index, more, nil, nil
}

// An entry is one that is changed, by the mutation or along with it.
type entry struct {
	key       space.Key
	of        *collection // nil: one without constraints of its own
	old, next facts
	was       map[string]any // old, if the mutation changes it itself
	doc       map[string]any // next, while it is live
	payload   []byte         // of doc, if more
	more      bool           // it is changed along with others
	cause     space.Key      // what the mutation itself changed that led to it
}

type settling struct {
	set     *Set
	index   *Index
	state   kernel.State
	writer  Writer
	entries map[space.Key]*entry
	order   []*entry // entries; the mutation's own first
	gone    []*entry // those that were there and are not any more
	more    int
}

func refuse(code string, key space.Key, path, format string, args ...any) (*space.Refusal, error) {
	return &space.Refusal{Code: code, Key: key, Path: kernel.Clip(path), Message: kernel.Clip(fmt.Sprintf(format, args...))}, nil
}

// begin takes the mutation's own changes, and refuses what is wrong with each alone.
func (s *settling) begin(p *kernel.Proposal) (*space.Refusal, error) {
	for i := range p.Changes {
		change := &p.Changes[i]
		key := change.Key
		e := &entry{key: key, of: s.set.collections[key.Collection], cause: key}
		if e.of != nil && e.of.serializable && !p.Read(key) {
			return refuse(space.CodeInvalid, key, "", "writes to %s are serializable: say what was read, by if on this operation (0 for an entry that is not there) or by reads", key.Collection)
		}
		if err := s.load(e, change, p.Seq); err != nil {
			return nil, err
		}
		s.add(e)
		if e.of == nil || !e.next.live {
			continue
		}
		if n := e.of.maxBytes; n != 0 && e.next.bytes > max(n, e.old.bytes) {
			return refuse(space.CodeTooLarge, key, "", "a record of more bytes than the limit maxBytes of %s, %d", key.Collection, n)
		}
		if e.next.owner == "" && e.of.owned() && (!e.old.live || e.old.owner != "") {
			return refuse(space.CodeInvalid, key, e.of.owner.String(), "whose the entry is has to be said here: a user's id")
		}
	}
	return nil, nil
}

// owned reports whether somebody has to own each entry, since a limit counts them so.
func (c *collection) owned() bool {
	for _, l := range c.limits {
		if l.perUser {
			return true
		}
	}
	return false
}

// load reads what the mutation makes of an entry and of what.
func (s *settling) load(e *entry, change *space.Change, seq space.Seq) error {
	if e.of == nil {
		// What counts is only whether it is there.
		e.next.live, e.old.live = !change.Deleted, change.Deleted
		return nil
	}
	old, err := s.state.Get(e.key)
	if err != nil {
		return err
	}
	if e.was, err = s.state.Doc(e.key, old); err != nil {
		return err
	}
	next := space.Version{Seq: seq, Deleted: change.Deleted, Payload: change.Payload}
	if e.doc, err = s.state.Doc(e.key, next); err != nil {
		return err
	}
	if old.Live() {
		e.old = e.of.read(e.was, len(old.Payload))
	}
	if !change.Deleted {
		e.next = e.of.read(e.doc, len(change.Payload))
	}
	return nil
}

func (s *settling) add(e *entry) {
	s.entries[e.key] = e
	s.order = append(s.order, e)
	if e.of != nil {
		s.index.note(e.of, e.key.ID, e.old, -1)
		s.index.note(e.of, e.key.ID, e.next, 1)
	}
	if e.old.live && !e.next.live {
		s.gone = append(s.gone, e)
	}
}

// replace makes something else of an entry, along with others.
func (s *settling) replace(e *entry, doc map[string]any) {
	s.index.note(e.of, e.key.ID, e.next, -1)
	lived := e.next.live
	e.more, e.doc, e.payload, e.next = true, doc, nil, facts{}
	if doc != nil {
		e.payload = value.Encode(doc)
		e.next = e.of.read(doc, len(e.payload))
		s.index.note(e.of, e.key.ID, e.next, 1)
	} else if lived {
		s.gone = append(s.gone, e)
	}
}

// referred refuses references to what is not there, as far as the mutation makes them.
func (s *settling) referred() (*space.Refusal, error) {
	for _, e := range s.order {
		if e.of == nil || !e.next.live {
			continue
		}
		for i, r := range e.of.references {
			var had []string
			if e.old.live {
				before, _ := r.path.Get(e.was)
				now, _ := r.path.Get(e.doc)
				if value.Equal(before, now) {
					continue
				}
				had = e.old.targets[i]
			}
			if refusal, err := s.leads(e, r, had); refusal != nil || err != nil {
				return refusal, err
			}
		}
	}
	return nil, nil
}

func (s *settling) leads(e *entry, r *reference, had []string) (*space.Refusal, error) {
	ids, what := r.targets(e.doc)
	if what != "" {
		return refuse(space.CodeInvalid, e.key, r.text, "%s", what)
	}
	if len(ids) > max(MaxReferred, len(had)) {
		return refuse(space.CodeTooLarge, e.key, r.text, "%d references; the limit is %d", len(ids), MaxReferred)
	}
	before := make(map[string]struct{}, len(had))
	for _, id := range had {
		before[id] = struct{}{}
	}
	for _, id := range ids {
		if _, same := before[id]; same {
			continue
		}
		there, err := s.exists(r.to, id)
		if err != nil {
			return nil, err
		}
		if !there {
			return refuse(space.CodeReference, e.key, r.text, "there is no such entry of %s", r.to)
		}
	}
	return nil, nil
}

// exists reports whether there is an entry once the mutation is carried out, as far
// as the writer may know.
func (s *settling) exists(collection, id string) (bool, error) {
	key, err := space.ParseKey(collection, id)
	if err != nil {
		return false, nil // there can be no such entry
	}
	if own := s.entries[key]; own != nil {
		return own.next.live, nil
	}
	v, err := s.state.Get(key)
	if err != nil {
		return false, err
	}
	return s.writer.Sees(key, v) // of what is not there, too: that takes as long
}

// follow changes what refers to what is gone, and so on.
func (s *settling) follow() (*space.Refusal, error) {
	own := len(s.gone)
	for i := 0; i < len(s.gone); i++ {
		if s.index.Bugs.NoCascade || s.index.Bugs.OwnOnly && i >= own {
			break
		}
		gone := s.gone[i]
		for _, r := range s.set.incoming[gone.key.Collection] {
			if r.onDelete == definition.Deny {
				continue
			}
			for _, id := range s.index.referring(slot{r.number, gone.key.ID}) {
				if refusal, err := s.along(gone, r, id); refusal != nil || err != nil {
					return refusal, err
				}
			}
		}
	}
	return nil, nil
}

// along changes one entry that refers to one that is gone.
func (s *settling) along(gone *entry, r *reference, id string) (*space.Refusal, error) {
	key := space.Key{Collection: r.from, ID: id}
	e := s.entries[key]
	if e == nil || !e.more {
		if s.more++; s.more > MaxCascade {
			return refuse(space.CodeTooLarge, gone.cause, "", "more than %d entries would change along with this one; that is the limit cascade", MaxCascade)
		}
	}
	if e == nil {
		v, err := s.state.Get(key)
		if err != nil {
			return nil, err
		}
		e = &entry{key: key, of: s.set.collections[r.from], cause: gone.cause}
		if e.doc, err = s.state.Doc(key, v); err != nil {
			return nil, err
		}
		if e.doc == nil {
			return nil, fmt.Errorf("entry %s is counted, but not there", key)
		}
		e.old = e.of.read(e.doc, len(v.Payload))
		e.next = e.old
		s.entries[key], s.order = e, append(s.order, e)
	}
	if r.onDelete == definition.Cascade {
		s.replace(e, nil)
		return nil, nil
	}
	s.replace(e, r.cleared(e.doc, gone.key.ID))
	return nil, nil
}

const inUse = "what this would delete is still in use"

// unused refuses deletions of what is referred to, and what cannot be without it.
func (s *settling) unused() (*space.Refusal, error) {
	for _, e := range s.gone {
		for _, r := range s.set.incoming[e.key.Collection] {
			if r.onDelete == definition.Deny && !s.index.Bugs.NoDeny && s.index.total(slot{r.number, e.key.ID}) > 0 {
				return refuse(space.CodeInUse, e.cause, "", inUse)
			}
		}
	}
	for _, e := range s.order {
		if e.more && e.next.live && !s.writer.Fits(e.key.Collection, e.doc) {
			return refuse(space.CodeInUse, e.cause, "", inUse)
		}
	}
	return nil, nil
}

// distinct refuses values that another entry has, as far as the mutation makes them. What it says is the same
// whichever entry that is.
func (s *settling) distinct() (*space.Refusal, error) {
	for _, e := range s.order {
		if e.of == nil || !e.next.live {
			continue
		}
		for i, u := range e.of.unique {
			tuple := e.next.tuples[i]
			if tuple == "" || e.old.live && e.old.tuples[i] == tuple || s.index.total(slot{u.number, tuple}) <= 1 {
				continue
			}
			if e.more {
				return refuse(space.CodeInUse, e.cause, "", inUse)
			}
			return refuse(space.CodeUnique, e.key, u.paths[0].String(), "another entry has the same %s", u.text)
		}
	}
	return nil, nil
}

// within refuses what makes more of anything than there may be.
func (s *settling) within() (*space.Refusal, error) {
	for _, e := range s.order {
		if e.of == nil {
			continue
		}
		for _, l := range e.of.limits {
			at, _, counts := l.slot(e.next)
			if !counts {
				continue
			}
			grows := s.index.counts[at] > 0 || s.index.Bugs.Stuck
			if n := s.index.total(at); grows && n > l.max {
				return refuse(space.CodeQuota, e.cause, "", "the limit %s of %s is %d", l.name, l.of, l.max)
			}
		}
	}
	return nil, nil
}
