package replica_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/syncline/syncline/replica/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/boltstore"
	"github.com/syncline/syncline/wire"
)

func openCore(b *testing.B, path string) (*core.Core, store.Store) {
	b.Helper()
	st, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	c, err := core.Open(b.Context(), st, core.Options{
		Space: "team/alpha", View: space.View{cards}, MaxQueue: 1 << 20,
		NewClientID: func() space.ClientID { return "a-client-for-benchmarks" },
	}, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	return c, st
}

// BenchmarkMutate is one durable mutation of one entry after another.
func BenchmarkMutate(b *testing.B) {
	c, st := openCore(b, filepath.Join(b.TempDir(), "b.db"))
	defer st.Close()
	i := 0
	for b.Loop() {
		i++
		op := space.Op{Op: space.OpPut, In: "cards", ID: fmt.Sprint("c", i%1000), Value: []byte(`{"title":"Write","votes":0}`)}
		if _, _, err := c.Mutate(b.Context(), time.Now(), []space.Op{op}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad is a reset of 100,000 entries of about 100 bytes, in parts of
// 64 KiB, and then opening the file and reading them all.
func BenchmarkLoad(b *testing.B) {
	const entries, part = 100_000, 500
	value := []byte(`{"title":"` + strings.Repeat("x", 88) + `"}`)
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "b.db")
		c, st := openCore(b, path)
		begin := time.Now()
		receive := func(m wire.ServerMessage) {
			if fx, err := c.Receive(b.Context(), time.Now(), m); err != nil || fx.Action != core.Continue {
				b.Fatal(fx, err)
			}
		}
		if _, err := c.Connected(b.Context(), time.Now(), "", wire.Limits{}); err != nil {
			b.Fatal(err)
		}
		c.OpenMessage(time.Now())
		receive(opened(0, 1, wire.ResumeReset))
		for i := 0; i < entries; i += part {
			d := diff(0, 1)
			d.From, d.Reset, d.More = space.Cursor{}, i == 0, i+part < entries
			for j := range part {
				d.Put = append(d.Put, wire.Row{Key: space.Key{Collection: "cards", ID: fmt.Sprintf("card-%06d", i+j)}, Version: 1, Value: value})
			}
			receive(d)
		}
		b.ReportMetric(time.Since(begin).Seconds(), "reset-s")
		if err := st.Close(); err != nil {
			b.Fatal(err)
		}
		begin = time.Now()
		c, st = openCore(b, path)
		n := 0
		for _, err := range c.Scan(b.Context(), "cards") {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != entries {
			b.Fatal(n)
		}
		b.ReportMetric(time.Since(begin).Seconds(), "open+scan-s")
		st.Close()
	}
}
