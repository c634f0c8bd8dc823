package boltstore

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/storetest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Opener {
		path := filepath.Join(t.TempDir(), "db")
		return func() (store.Store, error) { return Open(path, Options{dangerouslyNoSync: true}) }
	})
}

func TestConformanceSynced(t *testing.T) {
	if os.Getenv("SYNCLINE_LONG") == "" {
		t.Skip("some thousand fsyncs: set SYNCLINE_LONG=1")
	}
	storetest.Run(t, func(t testing.TB) storetest.Opener {
		path := filepath.Join(t.TempDir(), "db")
		return func() (store.Store, error) { return Open(path, Options{}) }
	})
}

func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Open(path, Options{LockTimeout: time.Millisecond}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second open: %v", err)
	}
}

func TestFull(t *testing.T) {
	free := uint64(1 << 40)
	s, err := Open(filepath.Join(t.TempDir(), "db"), Options{free: func(string) (uint64, bool) { return free, true }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	storetest.Full(t, s, func(full bool) {
		free = 1 << 40
		if full {
			free = 1 << 20
		}
	})
}

// Damage anywhere in a closed file is refused, reported or without effect, and
// never served.
func TestDamage(t *testing.T) {
	runs := 200
	if os.Getenv("SYNCLINE_LONG") != "" {
		runs = 10_000
	}
	outcomes, wrong := damage(t, runs, false)
	t.Logf("outcomes: %v", outcomes)
	for _, err := range wrong {
		t.Error(err)
	}
	if outcomes[storetest.Reported] == 0 || outcomes[storetest.Refused] == 0 {
		t.Error("no damage was noticed")
	}
}

// The harness sees a store that does not look at its checksums.
func TestDamageHarness(t *testing.T) {
	plantNoChecksums = true
	defer func() { plantNoChecksums = false }()
	if _, wrong := damage(t, 400, true); len(wrong) == 0 {
		t.Error("wrong entries were served and nobody noticed")
	}
}

// damage runs until the first wrong entry, if one will do.
func damage(t *testing.T, runs int, one bool) (map[storetest.Outcome]int, []error) {
	path := filepath.Join(t.TempDir(), "db")
	s, err := Open(path, Options{dangerouslyNoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	want := storetest.Fill(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	outcomes := map[storetest.Outcome]int{}
	var wrong []error
	damaged := filepath.Join(t.TempDir(), "damaged")
	for range runs {
		if err := os.WriteFile(damaged, storetest.Damage(random, whole), 0o600); err != nil {
			t.Fatal(err)
		}
		outcome, err := storetest.Examine(t.Context(), want, func() (store.Store, error) {
			return Open(damaged, Options{dangerouslyNoSync: true})
		})
		outcomes[outcome]++
		if err != nil {
			wrong = append(wrong, err)
			if one {
				break
			}
		}
	}
	return outcomes, wrong
}

// An error of the transaction breaks the store, and reads go on from before.
func TestBroken(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := storetest.Chain("a", space.Cursor{}, []space.Change{storetest.Put("c", "x", "1")})
	if err := s.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	if err := s.do(&task{alone: func(w *writer) error { w.dirty, w.err = true, boom; return boom }}); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	next := storetest.Chain("a", storetest.End(b), nil)
	if err := s.Append(t.Context(), next); !errors.Is(err, boom) {
		t.Errorf("append: %v", err)
	}
	if h, err := s.Head(t.Context(), "a"); err != nil || h.Cursor != storetest.End(b) {
		t.Errorf("head: %+v, %v", h, err)
	}
	storetest.Verify(t, s)
}
