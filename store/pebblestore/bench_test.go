package pebblestore

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/storetest"
)

func freshOnDisk(t testing.TB) storetest.Opener {
	dir := t.TempDir()
	return func() (store.Store, error) { return Open(dir, Options{}) }
}

func BenchmarkAppend(b *testing.B) { storetest.BenchmarkAppend(b, freshOnDisk) }

// BenchmarkRaw is what Append is measured by: 200 bytes, each synced, by writers
// to Pebble (each its own batch), and by one writer to a flat file that gathers
// 64 of them.
func BenchmarkRaw(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("pebble/writers=%d", writers), func(b *testing.B) {
			db, err := pebble.Open(b.TempDir(), &pebble.Options{Logger: quiet{}, MemTableSize: 16 << 20})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			parallel(b, writers, func(n int64) error {
				return db.Set(binary.BigEndian.AppendUint64(nil, uint64(n)), make([]byte, 200), pebble.Sync)
			})
		})
		b.Run(fmt.Sprintf("file/writers=%d", writers), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "log"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			rows := make([]byte, 200*writers)
			b.ResetTimer()
			for n := 0; n < b.N; n += writers {
				if _, err := f.Write(rows); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(f string, a ...any) {
	panic(fmt.Sprintf(f, a...))
}

func parallel(b *testing.B, writers int, f func(int64) error) {
	var next atomic.Int64
	var wait sync.WaitGroup
	b.ResetTimer()
	for range writers {
		wait.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := f(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

func BenchmarkView(b *testing.B) {
	s, err := freshOnDisk(b)()
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	at := space.Cursor{}
	const entries, batch = 100_000, 1000
	id := func(i int) string { return fmt.Sprintf("%06d", i) }
	for i := 0; i < entries; i += batch {
		var changes []space.Change
		for j := range batch {
			changes = append(changes, storetest.Put("c", id(i+j), "0123456789"))
		}
		c := storetest.Chain("a", at, changes)
		if err := s.Append(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		at = storetest.End(c)
	}
	open := func() store.View {
		v, err := s.View(b.Context(), "a", at.Seq)
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
	b.Run("unused", func(b *testing.B) {
		for b.Loop() {
			open().Close()
		}
	})
	b.Run("one get", func(b *testing.B) {
		for b.Loop() {
			v := open()
			if _, err := v.Get(space.Key{Collection: "c", ID: "055555"}); err != nil {
				b.Fatal(err)
			}
			v.Close()
		}
	})
	b.Run("warm get", func(b *testing.B) {
		v := open()
		defer v.Close()
		for i := 0; b.Loop(); i++ {
			if got, err := v.Get(space.Key{Collection: "c", ID: id(i * 7919 % entries)}); err != nil || !got.Live() {
				b.Fatal(got, err)
			}
		}
	})
	b.Run("missing get", func(b *testing.B) {
		v := open()
		defer v.Close()
		for i := 0; b.Loop(); i++ {
			if _, err := v.Get(space.Key{Collection: "c", ID: id(i*7919%entries) + "x"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("scan 100000", func(b *testing.B) {
		v := open()
		defer v.Close()
		for b.Loop() {
			n := 0
			for _, err := range v.Scan("c", "") {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			if n != entries {
				b.Fatal(n)
			}
		}
	})
}

// BenchmarkOpen opens a store whose one space has many commits, and reports what
// the process then holds.
func BenchmarkOpen(b *testing.B) {
	open := freshOnDisk(b)
	s, err := open()
	if err != nil {
		b.Fatal(err)
	}
	var empty runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&empty)
	at := space.Cursor{}
	for range 100 {
		batch := store.Batch{Space: "a", Base: at}
		for range 1000 {
			c := storetest.Next(at, storetest.Put("c", at.Seq.String(), "0123456789"))
			batch.Commits, at = append(batch.Commits, c), c.Cursor()
		}
		if err := s.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	var took time.Duration
	for b.Loop() {
		begun := time.Now()
		if s, err = open(); err != nil {
			b.Fatal(err)
		}
		if h, err := s.Head(b.Context(), "a"); err != nil || h.Cursor != at {
			b.Fatal(h, err)
		}
		took += time.Since(begun)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(took.Milliseconds())/float64(b.N), "ms/open")
	b.ReportMetric(float64(empty.Sys)/(1<<20), "MiB-empty")
}
