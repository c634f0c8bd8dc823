package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// BenchmarkAppend measures commits of one change of 200 bytes, by one writer and
// by 64, to one space and to a thousand. Writers of one space gather what waits
// while an Append is under way, as an authority does: one operation is one
// commit.
func BenchmarkAppend(b *testing.B, fresh func(testing.TB) Opener) {
	for _, spaces := range []int{1, 1000} {
		for _, writers := range []int{1, 64} {
			b.Run(fmt.Sprintf("spaces=%d/writers=%d", spaces, writers), func(b *testing.B) {
				s, err := fresh(b)()
				if err != nil {
					b.Fatal(err)
				}
				benchmarkAppend(b, s, spaces, writers)
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// A gatherer appends to one space: whoever finds no Append under way carries out
// all that wait.
type gatherer struct {
	path    space.Path
	mu      sync.Mutex
	at      space.Cursor
	busy    bool
	waiting []chan error
}

var benchPayload = strings.Repeat("x", 200)

func (g *gatherer) append(b *testing.B, s store.Store) error {
	done := make(chan error, 1)
	g.mu.Lock()
	g.waiting = append(g.waiting, done)
	if g.busy {
		g.mu.Unlock()
		return <-done
	}
	g.busy = true
	for len(g.waiting) > 0 {
		waiting := g.waiting
		g.waiting = nil
		g.mu.Unlock()
		batch := store.Batch{Space: g.path, Base: g.at}
		at := g.at
		for range waiting {
			c := Next(at, Put("c", at.Seq.String(), benchPayload))
			batch.Commits, at = append(batch.Commits, c), c.Cursor()
		}
		err := s.Append(b.Context(), batch)
		for _, w := range waiting {
			w <- err
		}
		g.at = at
		g.mu.Lock()
	}
	g.busy = false
	g.mu.Unlock()
	return <-done
}

func benchmarkAppend(b *testing.B, s store.Store, spaces, writers int) {
	all := make([]*gatherer, spaces)
	for i := range all {
		all[i] = &gatherer{path: space.Path(fmt.Sprintf("space/%d", i))}
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	errs := make([]error, writers)
	b.ResetTimer()
	for w := range writers {
		wait.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return
				}
				if err := all[int(n)%spaces].append(b, s); err != nil {
					errs[w] = err
					return
				}
			}
		})
	}
	wait.Wait()
	b.StopTimer()
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}
