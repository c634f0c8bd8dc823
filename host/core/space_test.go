package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// A sink keeps what it is sent.
type sink struct{ frames [][]byte }

func (s *sink) Send(frame []byte)       { s.frames = append(s.frames, frame) }
func (s *sink) Offer(frame []byte) bool { s.Send(frame); return true }

func load(t *testing.T) *core.Space {
	t.Helper()
	s, err := core.Load(t.Context(), core.Config{Path: "a", Store: memstore.New(), Limits: wire.DefaultLimits, Lagging: func(*core.Member) {}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func member(t *testing.T) (*core.Member, *sink) {
	t.Helper()
	who, err := authz.Development{}.Identify(t.Context(), authz.Credentials{User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	out := &sink{}
	return &core.Member{Sink: out, Who: who, Name: "n"}, out
}

// turn carries out what waits; the append is left out where it fails.
func turn(t *testing.T, s *core.Space, fail error) {
	t.Helper()
	for turn := s.Begin(context.Background(), time.UnixMilli(1)); turn != nil; turn = s.Begin(context.Background(), time.UnixMilli(1)) {
		if err := s.Finish(context.Background(), turn, fail); err != nil && fail == nil {
			t.Fatal(err)
		}
	}
}

// TestLeaveIsForGood: requests that reach the space after a member has left it,
// because its session ended while they waited, leave no trace.
func TestLeaveIsForGood(t *testing.T) {
	s := load(t)
	m, out := member(t)
	other, told := member(t)
	if err := s.Open(t.Context(), other, &wire.Open{Presence: true}); err != nil {
		t.Fatal(err)
	}
	s.Leave(m) // before its open has got here
	err := s.Open(t.Context(), m, &wire.Open{Client: "client-0123456789", View: space.View{{In: "c"}}})
	if err != nil || s.Has(m) || s.Members() != 1 {
		t.Errorf("%v, %d members", err, s.Members())
	}
	before := len(told.frames)
	for what, err := range map[string]error{
		"push": s.Push(m, []space.Mutation{{ID: 1}}), "presence": s.SetPresence(m, []byte(`1`)), "cast": s.Cast(m, &wire.Cast{}),
	} {
		var e *wire.Error
		if !errors.As(err, &e) || e.Code != wire.CodeNotOpen {
			t.Errorf("%s: %v", what, err)
		}
	}
	s.Tell()
	turn(t, s, nil)
	if s.Untold() || len(told.frames) != before || len(out.frames) != 0 {
		t.Errorf("others are told %s, it is told %s", told.frames[before:], out.frames)
	}
	s.Leave(other)
	if !s.Idle() {
		t.Error("nobody has it open, and it is not idle")
	}
}

// TestRequestStopsAtItsFirstRefusal, also where the rest of it is planned in a
// later turn: what its sender was told to send again must not happen already.
func TestRequestStopsAtItsFirstRefusal(t *testing.T) {
	s := load(t)
	m, _ := member(t)
	const n = 1500 // more than a turn takes
	answers := 0
	var answered error
	r := &core.Request{Who: m.Who, Done: func(_ []space.Outcome, _ space.Cursor, err error) { answers++; answered = err }}
	for i := range n {
		mutation := space.Mutation{Ops: []space.Op{{Op: "put", In: "c", ID: "x", Value: []byte(`{}`)}}}
		if i == 3 {
			mutation.ID = 7 // of no client
		}
		r.Mutations = append(r.Mutations, mutation)
	}
	s.Do(r)
	turn(t, s, nil)
	var e *wire.Error
	if answers != 1 || !errors.As(answered, &e) || e.Code != wire.CodeNoClient || s.Head().Seq != 3 {
		t.Errorf("answered %d times: %v; the head is %s", answers, answered, s.Head())
	}
}
