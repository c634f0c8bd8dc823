package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/storetest"
)

// A script is the life of one space, the same in every run: what its commit seq
// is, and so what any recovered state must be.
type script struct {
	path    space.Path
	commits []*space.Commit
	asked   atomic.Int64 // commits handed to Append
	acked   atomic.Int64 // commits that Append has acknowledged
}

const scriptKeys = 7

func newScript(path space.Path, n int) *script {
	s := &script{path: path}
	at := space.Cursor{}
	for seq := 1; seq <= n; seq++ {
		c := storetest.NextBy(at, "client-0123456789", space.MutationID(seq), s.change(seq))
		s.commits, at = append(s.commits, c), c.Cursor()
	}
	return s
}

func (s *script) change(seq int) space.Change {
	id := fmt.Sprint(seq % scriptKeys)
	if seq%5 == 0 {
		return storetest.Delete("c", id)
	}
	return storetest.Put("c", id, fmt.Sprintf("%s-%d-%0*d", s.path, seq, 100+seq%300, 0))
}

func (s *script) cursor(seq int) space.Cursor {
	if seq == 0 {
		return space.Cursor{}
	}
	return s.commits[seq-1].Cursor()
}

// run appends the script's commits, trimming now and then.
func (s *script) run(ctx context.Context, db *Store) error {
	for seq := 0; seq < len(s.commits); {
		n := min(1+seq%3, len(s.commits)-seq)
		s.asked.Store(int64(seq + n))
		err := db.Append(ctx, store.Batch{Space: s.path, Base: s.cursor(seq), Commits: s.commits[seq : seq+n]})
		if err != nil {
			return err
		}
		seq += n
		s.acked.Store(int64(seq))
		if seq%20 < n && seq > 10 {
			if err := db.Trim(ctx, s.path, space.Seq(seq-5)); err != nil {
				return err
			}
		}
	}
	return nil
}

// check compares a recovered store with the script: not less than acked, not
// more than asked, and all of it right.
func (s *script) check(ctx context.Context, db *Store, acked, asked int) error {
	h, err := db.Head(ctx, s.path)
	if err != nil {
		return err
	}
	n := int(h.Cursor.Seq)
	if n < acked {
		return fmt.Errorf("space %s: %w: %d of %d acknowledged commits are there", s.path, errLost, n, acked)
	}
	if n > asked || h.Cursor != s.cursor(n) || h.Horizon != s.cursor(int(h.Horizon.Seq)) {
		return fmt.Errorf("space %s: head %+v of %d", s.path, h, asked)
	}
	for _, at := range []space.Seq{h.Horizon.Seq, (h.Horizon.Seq + h.Cursor.Seq) / 2, h.Cursor.Seq} {
		v, err := db.View(ctx, s.path, at)
		if err != nil {
			return err
		}
		err = s.checkView(v)
		if err := errors.Join(err, v.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (s *script) checkView(v store.View) error {
	for seq := int(v.At()); seq > 0 && seq > int(v.At())-scriptKeys; seq-- {
		want := s.change(seq)
		got, err := v.Get(want.Key)
		if err != nil {
			return err
		}
		if got.Live() == want.Deleted || string(got.Payload) != string(want.Payload) || got.Live() && got.Seq != space.Seq(seq) {
			return fmt.Errorf("space %s at %d: %s is %+v", s.path, v.At(), want.Key, got)
		}
	}
	return nil
}

var errLost = errors.New("lost")

// A crasher runs scripts over a file system that can crash, and crashes it.
type crasher struct {
	scripts []*script
	random  *rand.Rand
	noSync  bool
	crashes int // still to come

	mu       sync.Mutex
	done     int
	lost     int
	problems []error
}

// options make for many flushes, compactions and log files.
func (c *crasher) options(fs vfs.FS) Options {
	return Options{FS: fs, MemTableBytes: 32 << 10, ReserveBytes: -1, dangerouslyNoSync: c.noSync}
}

// run runs all scripts at once and crashes before one in every operations that
// write.
func (c *crasher) run(ctx context.Context, every int) error {
	fs := vfs.NewCrashableMem()
	live := errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			c.maybeCrash(ctx, fs, every)
		}
		return nil
	}))
	db, err := Open("db", c.options(live))
	if err != nil {
		return err
	}
	errs := make([]error, len(c.scripts))
	var wait sync.WaitGroup
	for i, s := range c.scripts {
		wait.Go(func() { errs[i] = s.run(ctx, db) })
	}
	wait.Wait()
	return errors.Join(errors.Join(errs...), db.Close())
}

func (c *crasher) maybeCrash(ctx context.Context, fs *vfs.MemFS, every int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done >= c.crashes || c.random.IntN(every) != 0 {
		return
	}
	c.done++
	acked, asked := make([]int, len(c.scripts)), make([]int, len(c.scripts))
	for i, s := range c.scripts {
		acked[i] = int(s.acked.Load())
	}
	clone := c.clone(fs)
	for i, s := range c.scripts {
		asked[i] = int(s.asked.Load())
	}
	// Recovery may crash too, and what recovers from that must be as good.
	again := c.recover(ctx, clone, acked, asked, c.random.IntN(40))
	if again != nil {
		c.recover(ctx, again, acked, asked, -1)
	}
}

func (c *crasher) clone(fs *vfs.MemFS) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.random.IntN(101), RNG: c.random})
}

// recover opens and checks a crashed store. It returns what a crash before the
// write operation crashAt of this would have left, nil if there is none.
func (c *crasher) recover(ctx context.Context, fs *vfs.MemFS, acked, asked []int, crashAt int) (again *vfs.MemFS) {
	var n atomic.Int64
	db, err := Open("db", c.options(errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && n.Add(1) == int64(crashAt)+1 {
			again = c.clone(fs)
		}
		return nil
	}))))
	if err != nil {
		c.problems = append(c.problems, fmt.Errorf("open after a crash: %w", err))
		return nil
	}
	for i, s := range c.scripts {
		switch err := s.check(ctx, db, acked[i], asked[i]); {
		case errors.Is(err, errLost):
			c.lost++
		case err != nil:
			c.problems = append(c.problems, err)
		}
	}
	err = store.Verify(ctx, db, func(p store.Problem) { c.problems = append(c.problems, fmt.Errorf("verify: %s", p)) })
	if err := errors.Join(err, db.Close()); err != nil {
		c.problems = append(c.problems, err)
	}
	return again
}

func crashes(t *testing.T, total int, noSync bool) (lost int) {
	t.Helper()
	seed := uint64(1)
	for done := 0; done < total; seed++ {
		c := &crasher{
			scripts: []*script{newScript("a", 35), newScript("b/c", 25), newScript("d", 45)},
			random:  rand.New(rand.NewPCG(seed, 7)),
			noSync:  noSync,
			crashes: min(total-done, 60),
		}
		if err := c.run(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		for _, err := range c.problems {
			t.Errorf("seed %d: %v", seed, err)
		}
		if c.done == 0 || t.Failed() {
			t.Fatalf("seed %d: %d crashes", seed, c.done)
		}
		done, lost = done+c.done, lost+c.lost
	}
	return lost
}

// What Append has acknowledged survives a crash at any moment, whatever part of
// the unsynced data the disk has kept, and a crash of the recovery too.
func TestCrash(t *testing.T) {
	total := 500
	if os.Getenv("SYNCLINE_LONG") != "" {
		total = 20_000
	}
	if lost := crashes(t, total, false); lost > 0 {
		t.Errorf("%d times acknowledged commits were lost", lost)
	}
}

// The harness sees a store that acknowledges before it syncs.
func TestCrashHarness(t *testing.T) {
	lost := crashes(t, 40, true)
	if lost == 0 {
		t.Error("nothing synced, and nothing lost")
	}
	t.Logf("lost %d times", lost)
}
