package memstore_test

import (
	"errors"
	"testing"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/store/storetest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	storetest.Run(t, func(testing.TB) storetest.Opener {
		s := memstore.New()
		return func() (store.Store, error) {
			s = s.Clone()
			return s, nil
		}
	})
}

// A clone and its original go separate ways, whoever moves first.
func TestClone(t *testing.T) {
	s := memstore.New()
	first := storetest.Chain("a", space.Cursor{}, []space.Change{storetest.Put("c", "x", "1")})
	add := func(s *memstore.Store, b store.Batch) {
		t.Helper()
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	add(s, first)
	at := storetest.End(first)
	clones := []*memstore.Store{s, s.Clone(), s.Clone()}
	for i, c := range clones {
		add(c, storetest.Chain("a", at, []space.Change{storetest.Put("c", "x", string(rune('a'+i)))}))
	}
	for i, c := range clones {
		v, err := c.View(t.Context(), "a", 2)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Get(space.Key{Collection: "c", ID: "x"}); err != nil || string(got.Payload) != string(rune('a'+i)) {
			t.Errorf("clone %d: %q, %v", i, got.Payload, err)
		}
		storetest.Verify(t, c)
	}
}

func TestFault(t *testing.T) {
	boom := errors.New("boom")
	for _, op := range []string{"append", "appended"} {
		s := memstore.New()
		s.Fault = func(o string) error {
			if o == op {
				return boom
			}
			return nil
		}
		b := storetest.Chain("a", space.Cursor{}, nil)
		if err := s.Append(t.Context(), b); !errors.Is(err, boom) {
			t.Errorf("%s: %v", op, err)
		}
		s.Fault = nil
		if err := s.Append(t.Context(), storetest.Chain("b", space.Cursor{}, nil)); !errors.Is(err, boom) {
			t.Errorf("%s: a broken store appends: %v", op, err)
		}
		c := s.Clone()
		err := c.Append(t.Context(), b)
		var conflict *store.ConflictError
		if done := errors.As(err, &conflict); done != (op == "appended") {
			t.Errorf("%s: the retry after a crash: %v", op, err)
		}
	}
}
