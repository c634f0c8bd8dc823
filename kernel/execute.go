package kernel

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// execute carries out a mutation on the plan's state and returns its changes,
// in the order of keys. The error is a *space.Refusal, or the reader's.
func (p *Plan) execute(w Writer, m *space.Mutation, seq space.Seq) ([]space.Change, error) {
	if err := p.guard.Speak(m, w.Speaks); err != nil {
		return nil, err
	}
	if err := p.checkSize(m); err != nil {
		return nil, err
	}
	if m.Reads != nil && !p.Bugs.StaleReads {
		if err := p.checkReads(w, m.Reads); err != nil {
			return nil, err
		}
	}
	if m.Call != "" {
		return p.call(w, m, seq)
	}
	e := execution{plan: p, seq: seq, at: "ops", mutation: m}
	for i := range m.Ops {
		if err := e.op(i, &m.Ops[i]); err != nil {
			return nil, err
		}
	}
	return e.finish()
}

func (p *Plan) checkSize(m *space.Mutation) error {
	tooLarge := func(format string, args ...any) error {
		return &space.Refusal{Code: space.CodeTooLarge, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case m.Call != "" && len(m.Ops) > 0:
		return &space.Refusal{Code: space.CodeInvalid, Path: "call", Message: "a mutation has either operations or a call"}
	case m.Call != "":
		if size := len(m.Call) + len(m.Args); size > p.limits.Mutation {
			return tooLarge("a call of %d bytes; the limit mutation is %d", size, p.limits.Mutation)
		}
		return nil
	}
	if len(m.Ops) == 0 {
		return &space.Refusal{Code: space.CodeInvalid, Path: "ops", Message: "a mutation needs at least one operation"}
	}
	if len(m.Ops) > p.limits.Ops {
		return tooLarge("%d operations; the limit ops is %d", len(m.Ops), p.limits.Ops)
	}
	size := 0
	for i := range m.Ops {
		op := &m.Ops[i]
		size += len(op.In) + len(op.ID) + len(op.Value) + len(op.Patch)
	}
	if size > p.limits.Mutation {
		return tooLarge("a mutation of %d bytes; the limit mutation is %d", size, p.limits.Mutation)
	}
	return nil
}

// An execution is one mutation being carried out: its own changes stand before
// the plan's state.
type execution struct {
	plan     *Plan
	seq      space.Seq
	at       string // what refusals call the operations
	mutation *space.Mutation
	changes  []space.Change
	index    map[space.Key]int // into changes; made when there are many
}

func (e *execution) find(key space.Key) *space.Change {
	if e.index != nil {
		if i, ok := e.index[key]; ok {
			return &e.changes[i]
		}
		return nil
	}
	for i := range e.changes {
		if e.changes[i].Key == key {
			return &e.changes[i]
		}
	}
	return nil
}

const manyChanges = 16

func (e *execution) set(key space.Key, deleted bool, payload []byte) {
	change := e.find(key)
	if change == nil {
		e.changes = append(e.changes, space.Change{Key: key})
		change = &e.changes[len(e.changes)-1]
		if e.index != nil {
			e.index[key] = len(e.changes) - 1
		} else if len(e.changes) > manyChanges {
			e.index = make(map[space.Key]int, 2*len(e.changes))
			for i := range e.changes {
				e.index[e.changes[i].Key] = i
			}
		}
	}
	change.Type, change.Deleted, change.Payload = space.Record, deleted, payload
	change.Of = e.plan.guard.Version(key.Collection)
}

func (e *execution) op(i int, op *space.Op) error {
	refuse := func(code, field, format string, args ...any) error {
		return &space.Refusal{Code: code, Path: fmt.Sprintf("%s[%d]%s", e.at, i, field), Message: fmt.Sprintf(format, args...), Key: op.Key()}
	}
	key, err := space.ParseKey(op.In, op.ID)
	if err != nil {
		// The bad name itself is not kept: the log holds valid names only.
		return &space.Refusal{Code: space.CodeInvalid, Path: fmt.Sprintf("%s[%d]", e.at, i), Message: err.Error()}
	}
	if op.Op != space.OpPut && len(op.Value) > 0 || op.Op != space.OpPatch && len(op.Patch) > 0 {
		return refuse(space.CodeInvalid, "", "%q has an argument of another operation", op.Op)
	}
	own := e.find(key)
	if op.If != nil {
		if own != nil {
			return refuse(space.CodeStale, ".if", "an earlier operation of this mutation has changed the entry")
		}
		v, err := e.plan.seen(key)
		if err != nil {
			return err
		}
		have := space.Seq(0)
		if v.Live() {
			have = v.Seq
		}
		if have != *op.If {
			return refuse(space.CodeStale, ".if", "the entry has version %d, not %d", have, *op.If)
		}
	}
	switch op.Op {
	case space.OpPut:
		payload, err := value.Canonical(op.Value, e.plan.limits.Value())
		if err != nil {
			return refusal(err, fmt.Sprintf("%s[%d].value", e.at, i), key)
		}
		return e.put(i, ".value", key, payload)
	case space.OpPatch:
		update, err := selector.ParseUpdate(op.Patch, e.plan.limits.Value())
		if err != nil {
			return refusal(err, fmt.Sprintf("%s[%d].patch", e.at, i), key)
		}
		payload, live, err := e.payload(key, own)
		if err != nil {
			return err
		}
		if !live {
			return refuse(space.CodeNotFound, "", "there is no entry to patch")
		}
		doc, err := e.plan.docs.doc(key, space.Version{Seq: e.seq, Payload: payload})
		if err != nil {
			return err
		}
		patched, made, err := patch(doc, update, e.plan.limits.Value())
		if err != nil {
			return refusal(err, fmt.Sprintf("%s[%d].patch", e.at, i), key)
		}
		e.plan.docs.keep(patched, made)
		return e.put(i, ".patch", key, patched)
	case space.OpDelete:
		_, live, err := e.payload(key, own)
		if err != nil {
			return err
		}
		if live {
			e.set(key, true, nil)
		}
	default:
		return refuse(space.CodeInvalid, ".op", "there is no operation %.40q", op.Op)
	}
	return nil
}

// payload returns what key holds for the next operation, as it is shown to it.
func (e *execution) payload(key space.Key, own *space.Change) (payload []byte, live bool, err error) {
	var v space.Version
	if own != nil {
		v, _, err = e.plan.show(e.plan.guard.Sight(key.Collection), key, e.version(own))
	} else {
		v, err = e.plan.seen(key)
	}
	return v.Payload, v.Live(), err
}

// put stores a record that was made of what was shown of the entry.
func (e *execution) put(op int, field string, key space.Key, made []byte) error {
	sight := e.plan.guard.Sight(key.Collection)
	if sight == nil || !sight.Alters(key.Collection) {
		e.set(key, false, made)
		return nil
	}
	old, err := e.plan.get(key)
	visible := false
	if own := e.find(key); own != nil {
		old, visible = e.version(own), true
	} else if err == nil {
		_, visible, err = e.plan.show(sight, key, old)
	}
	if err != nil {
		return err
	}
	var was map[string]any // of one that may not be seen the guard will say that it may not be written
	if old.Live() && visible {
		if was, err = e.plan.docs.doc(key, old); err != nil {
			return err
		}
	}
	record, err := e.plan.docs.doc(key, space.Version{Seq: e.seq, Payload: made})
	if err != nil {
		return err
	}
	at := fmt.Sprintf("%s[%d]%s", e.at, op, field)
	whole, refused := e.plan.guard.Restore(key, was, record)
	if refused != nil {
		if refused.Path != "" {
			at += "." + refused.Path
		}
		refused.Path = Clip(at)
		return refused
	}
	limits := e.plan.limits.Value()
	limits.Bytes += len(old.Payload) // what is not shown must not count: the refusal would tell how much it is
	payload, err := value.Canonical(value.Encode(whole), limits)
	if err != nil {
		return refusal(err, at, key)
	}
	e.set(key, false, payload)
	return nil
}

// version is a change as the version that it is to be.
func (e *execution) version(c *space.Change) space.Version {
	return c.Version(e.seq)
}

// finish asks the guard about each changed entry, and about all of them, and hashes them.
func (e *execution) finish() ([]space.Change, error) {
	if err := e.real(); err != nil {
		return nil, err
	}
	for i := range e.changes {
		c := &e.changes[i]
		old := func() (space.Version, error) { return e.plan.get(c.Key) }
		refusal, err := e.plan.guard.Write(state{e.plan}, c.Key, old, e.version(c))
		if err != nil {
			return nil, err
		}
		if refusal != nil {
			return nil, refusal
		}
	}
	more, refusal, err := e.plan.guard.Settle(state{e.plan}, &Proposal{Seq: e.seq, Changes: e.changes, Read: e.read})
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		return nil, refusal
	}
	if len(more) > 0 {
		e.index = nil // real has moved what it finds
		for i := range more {
			e.set(more[i].Key, more[i].Deleted, more[i].Payload)
		}
		if err := e.real(); err != nil {
			return nil, err
		}
	}
	for i := range e.changes {
		if c := &e.changes[i]; !c.Deleted {
			c.Hash = space.PayloadHash(c.Payload)
		}
	}
	return e.changes, nil
}

// real puts changes in the order of keys and leaves out those of entries that were made and
// deleted by the same mutation: nothing happened.
func (e *execution) real() error {
	slices.SortFunc(e.changes, func(a, b space.Change) int { return a.Key.Compare(b.Key) })
	kept := e.changes[:0]
	for _, c := range e.changes {
		if c.Deleted {
			if v, err := e.plan.get(c.Key); err != nil {
				return err
			} else if !v.Live() {
				continue
			}
		}
		kept = append(kept, c)
	}
	e.changes = kept
	return nil
}

// read reports whether the mutation says what it read before it changed an entry: the
// version of the entry, or anything at all.
func (e *execution) read(key space.Key) bool {
	if e.mutation.Call != "" {
		return true // a mutator reads what it changes on the state that it changes
	}
	if r := e.mutation.Reads; r != nil && len(r.Keys)+len(r.Where) > 0 {
		return true
	}
	for i := range e.mutation.Ops {
		if op := &e.mutation.Ops[i]; op.If != nil && op.Key() == key {
			return true
		}
	}
	return false
}

// Patch applies an update to a record's bytes and returns the new bytes, within
// limits. The error is a *value.Error.
func Patch(payload []byte, update *selector.Update, limits value.Limits) ([]byte, error) {
	doc, err := value.Parse(payload)
	if err != nil {
		return nil, err
	}
	patched, _, err := patch(doc, update, limits)
	return patched, err
}

// patch applies an update to a record, and returns the new one as bytes and as a record.
func patch(doc map[string]any, update *selector.Update, limits value.Limits) (patched []byte, made map[string]any, err error) {
	if made, err = update.Apply(doc); err != nil {
		return nil, nil, err
	}
	if patched, err = value.Canonical(value.Encode(made), limits); err != nil {
		return nil, nil, err
	}
	return patched, made, nil
}

// refusal turns an error about a value into a refusal; what is no such error
// stays as it is.
func refusal(err error, path string, key space.Key) error {
	var bad *value.Error
	if !errors.As(err, &bad) {
		return err
	}
	code := space.CodeInvalid
	if bad.Code == value.CodeTooLarge || bad.Code == value.CodeTooDeep {
		code = space.CodeTooLarge
	}
	if bad.Path != "" {
		path += "." + bad.Path
	}
	return &space.Refusal{Code: code, Path: Clip(path), Message: Clip(bad.Code + ": " + bad.Message), Key: key}
}

// maxText bounds what a refusal says, in bytes: it is kept in the log, and a path
// in a record may be as long as the record.
const maxText = 300

// Clip cuts what a refusal says down to what may be kept, and makes UTF-8 of it.
func Clip(text string) string {
	if len(text) > maxText {
		text = text[:maxText] + "…"
	}
	return strings.ToValidUTF8(text, "\ufffd")
}
