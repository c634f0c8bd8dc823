package pebblestore

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/storetest"
)

// A fault fails the operation with the index at, once or from then on.
type fault struct {
	at      int64
	forever bool
	err     error

	n    atomic.Int64
	hit  atomic.Bool
	what atomic.Pointer[string]
}

func (f *fault) MaybeError(op errorfs.Op) error {
	n := f.n.Add(1) - 1
	if n == f.at || f.forever && n > f.at {
		if !f.hit.Swap(true) {
			what := fmt.Sprint("kind ", op.Kind, " ", op.Path)
			f.what.Store(&what)
		}
		return f.err
	}
	return nil
}

// String implements errorfs.Injector.
func (f *fault) String() string {
	what := "nothing"
	if p := f.what.Load(); p != nil {
		what = *p
	}
	return fmt.Sprintf("%v at operation %d (%s, forever %v)", f.err, f.at, what, f.forever)
}

// Every operation on the disk fails, in turn, once and from then on: the error
// surfaces, the store stays broken, reads show what was acknowledged, and after a
// restart that is there, and the commit in doubt whole or not.
func TestFaults(t *testing.T) {
	for _, forever := range []bool{false, true} {
		step := int64(1)
		if testing.Short() {
			step = 7
		}
		for at := int64(0); ; at += step {
			err := error(syscall.EIO)
			if at%2 == 1 {
				err = syscall.ENOSPC
			}
			f := &fault{at: at, forever: forever, err: err}
			runFault(t, f)
			if t.Failed() {
				t.Fatalf("after %s", f)
			}
			if !f.hit.Load() {
				t.Logf("%d operations, forever %v", at, forever)
				break
			}
		}
	}
}

func runFault(t *testing.T, f *fault) {
	mem := vfs.NewCrashableMem()
	options := Options{FS: errorfs.Wrap(mem, f), MemTableBytes: 32 << 10, ReserveBytes: -1}
	s := newScript("a", 40)
	db, err := Open("db", options)
	if err != nil {
		if !errors.Is(err, f.err) && !strings.Contains(err.Error(), f.err.Error()) {
			t.Errorf("open: %v", err)
		}
	} else {
		workThroughFault(t, f, s, db)
	}
	acked, asked := int(s.acked.Load()), int(s.asked.Load())
	for name, disk := range map[string]vfs.FS{
		"restart": mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(uint64(f.at), 1))}),
		"crash":   mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 0}),
	} {
		db, err := Open("db", Options{FS: disk, ReserveBytes: -1})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := s.check(t.Context(), db, acked, asked); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		storetest.Verify(t, db)
		if err := db.Close(); err != nil {
			t.Errorf("%s: close: %v", name, err)
		}
	}
}

func workThroughFault(t *testing.T, f *fault, s *script, db *Store) {
	err := s.run(t.Context(), db)
	if err == nil {
		if err := db.flush(); err != nil && !f.hit.Load() {
			t.Errorf("flush: %v", err)
		}
	} else if !f.hit.Load() || !errors.Is(err, f.err) {
		t.Errorf("append or trim: %v", err)
	}
	acked := int(s.acked.Load())
	if err != nil && db.broken() != nil {
		next := storetest.Chain("other", space.Cursor{}, nil)
		if err := db.Append(t.Context(), next); !errors.Is(err, f.err) {
			t.Errorf("a broken store appends: %v", err)
		}
		// What is shown is what was acknowledged, from memory or disk.
		if err := s.check(t.Context(), db, acked, acked); err != nil && !errors.Is(err, f.err) {
			t.Errorf("reads of a broken store: %v", err)
		}
	}
	if err := db.Close(); err == nil && db.broken() != nil {
		t.Errorf("close of a broken store tells nothing")
	}
}

// A diskFS is as full as a test wants.
type diskFS struct {
	vfs.FS
	free atomic.Uint64
}

func (d *diskFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free.Load()}, nil
}

func TestFull(t *testing.T) {
	d := &diskFS{FS: vfs.NewMem()}
	fill := func(full bool) {
		d.free.Store(1 << 40)
		if full {
			d.free.Store(1 << 20)
		}
	}
	fill(false)
	s, err := Open("db", Options{FS: d})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Full(t, s, fill)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Damage to any file of a closed store is refused, reported or without effect,
// and never served.
func TestDamage(t *testing.T) {
	mem := vfs.NewMem()
	s, err := Open("db", Options{FS: mem, MemTableBytes: 32 << 10})
	if err != nil {
		t.Fatal(err)
	}
	want := storetest.Fill(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := mem.List("db")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		files[name] = readFile(t, mem, "db/"+name)
	}
	factor := 1
	if os.Getenv("SYNCLINE_LONG") != "" {
		factor = 30
	}
	random := rand.New(rand.NewPCG(5, 6))
	outcomes := map[storetest.Outcome]int{}
	for _, name := range names {
		here := map[storetest.Outcome]int{}
		each := 50 * factor
		if isTable(name) {
			each = 16 * factor // Pebble looks for the flipped bit of a block for long
		}
		for range each {
			damaged := vfs.NewMem()
			if err := damaged.MkdirAll("db", 0o755); err != nil {
				t.Fatal(err)
			}
			for other, content := range files {
				if other == name {
					content = storetest.Damage(random, content)
				}
				writeFile(t, damaged, "db/"+other, content)
			}
			outcome, err := storetest.Examine(t.Context(), want, func() (store.Store, error) {
				return Open("db", Options{FS: damaged})
			})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			outcomes[outcome]++
			here[outcome]++
			if len(files[name]) == 0 {
				break // nothing to damage
			}
		}
		t.Logf("%s (%d bytes): %v", name, len(files[name]), here)
	}
	if outcomes[storetest.Reported] == 0 || outcomes[storetest.Refused] == 0 {
		t.Errorf("damage goes unnoticed: %v", outcomes)
	}
}

func readFile(t *testing.T, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, info.Size())
	if len(b) > 0 {
		if _, err := f.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func writeFile(t *testing.T, fs vfs.FS, path string, b []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 0 {
		// With race detection on, MemFS scrambles what it was given.
		if _, err := f.Write(bytes.Clone(b)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
