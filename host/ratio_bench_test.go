package host_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncline/syncline/internal/cputime"
)

// A side is one of what is compared: work does the k-th of its pieces of work, on any goroutine.
type side struct {
	name string
	work func(k int64)
}

// inTurns has each side do b.N rounds of work, in turns so that all meet the same machine. In a round each of callers
// does so many pieces. Reported are, for each side but the first, its throughput as a part of the first's, by the
// clock and by processor time, and what a piece takes of either, in microseconds.
func inTurns(b *testing.B, callers, pieces int, sides ...side) {
	took, used := make([]time.Duration, len(sides)), make([]time.Duration, len(sides))
	made := make([]atomic.Int64, len(sides))
	round := func(i int) {
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range pieces {
					sides[i].work(made[i].Add(1))
				}
			})
		}
		wg.Wait()
	}
	for i := range sides {
		round(i) // what is loaded, compiled and allocated once
	}
	b.ResetTimer()
	for range b.N {
		for i := range sides {
			began, cpu := time.Now(), cputime.Used()
			round(i)
			took[i] += time.Since(began)
			used[i] += cputime.Used() - cpu
		}
	}
	all := float64(b.N*callers*pieces) * 1e3
	b.ReportMetric(0, "ns/op") // a round of all sides says nothing
	for i, s := range sides {
		b.ReportMetric(float64(took[i])/all, s.name+"-us")
		b.ReportMetric(float64(used[i])/all, s.name+"-cpu-us")
		if i > 0 {
			b.ReportMetric(float64(took[0])/float64(took[i]), s.name+"/"+sides[0].name)
			if used[i] > 0 {
				b.ReportMetric(float64(used[0])/float64(used[i]), s.name+"/"+sides[0].name+"-cpu")
			}
		}
	}
}
