// Package storetest is the conformance suite of store.Store. An engine passes it
// or is none:
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, func(t testing.TB) storetest.Opener { … })
//	}
package storetest

import (
	"errors"
	"testing"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// An Opener opens a store. The first call finds it empty, later ones, made after
// the store was closed, find what it held then.
type Opener func() (store.Store, error)

// Run holds an engine to the contract of store.Store. fresh returns the Opener
// of a new empty store.
func Run(t *testing.T, fresh func(t testing.TB) Opener) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"Empty", testEmpty},
		{"AppendAndRead", testAppendAndRead},
		{"Conflict", testConflict},
		{"Malformed", testMalformed},
		{"ManySpaces", testManySpaces},
		{"Retry", testRetry},
		{"Clients", testClients},
		{"Ownership", testOwnership},
		{"Scan", testScan},
		{"ScanNeighbours", testScanNeighbours},
		{"Bounds", testBounds},
		{"Trim", testTrim},
		{"ViewsAreStable", testViewsAreStable},
		{"LogIsStable", testLogIsStable},
		{"Drop", testDrop},
		{"Watch", testWatch},
		{"Context", testContext},
		{"Closed", testClosed},
		{"CloseWaits", testCloseWaits},
		{"BigBatch", testBigBatch},
		{"OneWinner", testOneWinner},
		{"Concurrent", testConcurrent},
		{"TrimBesideReaders", testTrimBesideReaders},
		{"Model", testModel},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fixture{T: t, open: fresh(t), fresh: fresh}
			f.reopen()
			test.run(f)
			f.verify()
			f.close()
		})
	}
}

// A fixture is a store under test.
type fixture struct {
	*testing.T
	fresh func(testing.TB) Opener
	open  Opener
	store store.Store // nil while closed
}

func (f *fixture) close() {
	f.Helper()
	if f.store == nil {
		return
	}
	if err := f.store.Close(); err != nil {
		f.Fatalf("close: %v", err)
	}
	f.store = nil
}

func (f *fixture) reopen() {
	f.Helper()
	f.close()
	s, err := f.open()
	if err != nil {
		f.Fatalf("open: %v", err)
	}
	f.store = s
}

func (f *fixture) verify() {
	f.Helper()
	if f.store != nil {
		Verify(f, f.store)
	}
}

// Verify fails the test for each problem that store.Verify finds.
func Verify(t testing.TB, s store.Store) {
	t.Helper()
	if err := store.Verify(t.Context(), s, func(p store.Problem) { t.Errorf("verify: %s", p) }); err != nil {
		t.Errorf("verify: %v", err)
	}
}

// add appends a batch and returns its end.
func (f *fixture) add(b store.Batch) space.Cursor {
	f.Helper()
	if err := f.store.Append(f.Context(), b); err != nil {
		f.Fatalf("append: %v", err)
	}
	return End(b)
}

func (f *fixture) head(path space.Path) store.Head {
	f.Helper()
	h, err := f.store.Head(f.Context(), path)
	if err != nil {
		f.Fatalf("head of %s: %v", path, err)
	}
	return h
}

func (f *fixture) view(path space.Path, at space.Seq) store.View {
	f.Helper()
	v, err := f.store.View(f.Context(), path, at)
	if err != nil {
		f.Fatalf("view of %s at %d: %v", path, at, err)
	}
	return v
}

func (f *fixture) shut(v store.View) {
	f.Helper()
	if err := v.Close(); err != nil {
		f.Errorf("close view: %v", err)
	}
}

func (f *fixture) want(err, target error, what string) {
	f.Helper()
	if !errors.Is(err, target) {
		f.Errorf("%s: error is %v, want %v", what, err, target)
	}
}

// payload is what a view finds of a key: "" if nothing live.
func (f *fixture) payload(v store.View, collection, id string) string {
	f.Helper()
	got, err := v.Get(space.Key{Collection: collection, ID: id})
	if err != nil {
		f.Fatalf("get: %v", err)
	}
	if got.Deleted {
		return ""
	}
	return string(got.Payload)
}

// scan is what a view finds in a collection, as "id=payload".
func (f *fixture) scan(v store.View, collection, after string) []string {
	f.Helper()
	var found []string
	for e, err := range v.Scan(collection, after) {
		if err != nil {
			f.Fatalf("scan: %v", err)
		}
		if e.Key.Collection != collection || e.Deleted || e.Seq == 0 {
			f.Errorf("scan of %s yields %+v", collection, e)
		}
		found = append(found, e.Key.ID+"="+string(e.Payload))
	}
	return found
}

// seqs reads the log and checks its chain from a cursor.
func (f *fixture) seqs(path space.Path, after space.Cursor) int {
	f.Helper()
	n := 0
	for c, err := range f.store.Log(f.Context(), path, after.Seq) {
		if err != nil {
			f.Fatalf("log: %v", err)
		}
		if !c.Follows(after) {
			f.Fatalf("commit %d does not follow %s", c.Seq, after)
		}
		for i := range c.Changes {
			if c.Changes[i].Payload != nil {
				f.Errorf("commit %d has a payload", c.Seq)
			}
		}
		after = c.Cursor()
		n++
	}
	return n
}
