package core

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

var (
	bg    = context.Background()
	epoch = time.UnixMilli(1_764_000_000_000).UTC()
)

// cur makes a cursor of which the digest follows from the seq and a branch of
// history.
func cur(seq space.Seq, branch ...byte) space.Cursor {
	if seq == 0 {
		return space.Cursor{}
	}
	c := space.Cursor{Seq: seq}
	copy(c.Digest[:], fmt.Sprintf("%016d", seq))
	copy(c.Digest[:], branch)
	return c
}

func clients() func() space.ClientID {
	n := 0
	return func() space.ClientID {
		n++
		return space.ClientID(fmt.Sprintf("client-number-%04d", n))
	}
}

// A rig drives a Core by hand.
type rig struct {
	t    testing.TB
	st   *memstore.Store
	opt  Options
	core *Core
}

func newRig(t testing.TB, change ...func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, st: memstore.New(), opt: Options{Space: "team/alpha", View: space.View{{In: "cards"}, {In: "notes"}}, NewClientID: clients()}}
	for _, f := range change {
		f(&r.opt)
	}
	r.open()
	return r
}

// open opens the Core anew, as a restart does: the store is a copy, so that
// nothing survives but what was appended.
func (r *rig) open() {
	r.t.Helper()
	r.st = r.st.Clone()
	c, err := Open(bg, r.st, r.opt, epoch)
	if err != nil {
		r.t.Fatal(err)
	}
	r.core = c
}

func (r *rig) receive(m wire.ServerMessage) Effects {
	r.t.Helper()
	fx, err := r.core.Receive(bg, epoch, m)
	if err != nil {
		r.t.Fatal(err)
	}
	return fx
}

// connect opens the space; how may alter the answer.
func (r *rig) connect(last space.MutationID, head space.Cursor, how ...func(*wire.Opened)) Effects {
	r.t.Helper()
	if _, err := r.core.Connected(bg, epoch, "", wire.Limits{}); err != nil {
		r.t.Fatal(err)
	}
	return r.reopen(last, head, how...)
}

func (r *rig) reopen(last space.MutationID, head space.Cursor, how ...func(*wire.Opened)) Effects {
	r.t.Helper()
	open := r.core.OpenMessage(epoch)
	m := &wire.Opened{Space: open.Space, View: "v", Head: head, Last: last, From: open.Cursor, Resume: wire.ResumeDiff}
	switch open.Cursor {
	case "":
		m.Resume, m.Reason = wire.ResumeReset, wire.ResetNew
	case head.String():
		m.Resume = wire.ResumeCurrent
	}
	for _, f := range how {
		f(m)
	}
	return r.receive(m)
}

func forked(m *wire.Opened) { m.Resume, m.Reason = wire.ResumeReset, wire.ResetForked }

// push sends whatever can be sent and returns the ids.
func (r *rig) push() []space.MutationID {
	var ids []space.MutationID
	for p := r.core.Push(epoch, 0); p != nil; p = r.core.Push(epoch, 0) {
		for i := range p.Mutations {
			ids = append(ids, p.Mutations[i].ID)
		}
	}
	return ids
}

func (r *rig) mutate(ops ...space.Op) LocalID {
	r.t.Helper()
	m, _, err := r.core.Mutate(bg, epoch, ops, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return m.ID
}

func (r *rig) ack(outcomes ...space.Outcome) Effects {
	r.t.Helper()
	return r.receive(&wire.Ack{Outcomes: outcomes})
}

func applied(id space.MutationID, seq space.Seq) space.Outcome {
	return space.Outcome{ID: id, Kind: space.Applied, Seq: seq}
}

func rejected(id space.MutationID, seq space.Seq) space.Outcome {
	return space.Outcome{ID: id, Kind: space.Rejected, Seq: seq, Code: "invalid", Message: "refused"}
}

func put(id, value string) space.Op {
	return space.Op{Op: space.OpPut, In: "cards", ID: id, Value: []byte(value)}
}

func inc(id string) space.Op {
	return space.Op{Op: space.OpPatch, In: "cards", ID: id, Patch: []byte(`{"$inc":{"n":1}}`)}
}

func diff(from, to space.Cursor, rows ...wire.Row) *wire.Diff {
	return &wire.Diff{View: "v", From: from, To: to, Put: rows}
}

func reset(to space.Cursor, rows ...wire.Row) *wire.Diff {
	return &wire.Diff{View: "v", To: to, Reset: true, Put: rows}
}

func entry(id string, version space.Seq, value string) wire.Row {
	return wire.Row{Key: space.Key{Collection: "cards", ID: id}, Version: version, Value: []byte(value)}
}

// shown is a collection as it shows, id=value, in order.
func (r *rig) shown() string {
	r.t.Helper()
	text := ""
	for e, err := range r.core.Scan(bg, "cards") {
		if err != nil {
			r.t.Fatal(err)
		}
		text += fmt.Sprintf("%s=%s ", e.Key.ID, e.Value)
		// Get and Scan must agree.
		got, ok, err := r.core.Get(bg, e.Key)
		if err != nil || !ok || string(got.Value) != string(e.Value) || got.State != e.State || got.Version != e.Version {
			r.t.Fatalf("Scan shows %v, Get %v %v %v", e, got, ok, err)
		}
	}
	return text
}

func (r *rig) expect(shown string) {
	r.t.Helper()
	if got := r.shown(); got != shown {
		r.t.Fatalf("shows\n  %s\nwant\n  %s", got, shown)
	}
}

func (r *rig) ids(ms []Mutation) string {
	text := ""
	for _, m := range ms {
		text += m.ID.String() + " "
	}
	return text
}
