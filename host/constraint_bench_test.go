package host_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/store/pebblestore"
)

const checkedWrites = `{"spaces":{"{any}":{"open":"auth.uid != ''","quota":{"bytes":"1GB"},
	"relations":{"member":{"in":"members","subject":"user","object":"project"}},
	"collections":{
		"projects":{"read":"true","write":"true"},
		"cards":{"read":"doc.owner == auth.uid || member(doc.project)","create":"new.owner == auth.uid","update":"doc.owner == auth.uid && !('owner' in changed)",
			"schema":{"type":"object","required":["title","owner"],"properties":{"title":{"type":"string","maxLength":200},"votes":{"type":"integer","minimum":0}},"additionalProperties":true},
			"references":[{"path":"project","to":"projects","onDelete":"cascade"}],"unique":[["slug"]],"owner":"owner","quota":{"entries":100000000,"bytesPerUser":"100MB"},"maxBytes":"64KiB"}}}}}`

// BenchmarkChecked is a write through Host.Do with rules, a schema and constraints, in turns with one that
// nobody checks: of-unchecked is the throughput as a part of that one's, in the same run.
func BenchmarkChecked(b *testing.B) {
	engines := map[string]func(b *testing.B) store.Store{
		"memory": func(*testing.B) store.Store { return memstore.New() },
		"pebble": func(b *testing.B) store.Store {
			s, err := pebblestore.Open(b.TempDir(), pebblestore.Options{})
			if err != nil {
				b.Fatal(err)
			}
			return s
		},
	}
	for _, c := range []struct {
		engine  string
		callers int
	}{{"memory", 1}, {"pebble", 1}, {"pebble", 32}} {
		open, callers := engines[c.engine], c.callers
		b.Run(fmt.Sprint(c.engine, "/", callers), func(b *testing.B) {
			d, err := definition.Parse([]byte(checkedWrites))
			if err != nil {
				b.Fatal(err)
			}
			policy, err := authz.Compile(d)
			if err != nil {
				b.Fatal(err)
			}
			var took [2]time.Duration
			var writes [2]func()
			for i, authority := range []authz.Authority{authz.Development{}, authz.NewRuled(policy, nil)} {
				s := open(b)
				b.Cleanup(func() { _ = s.Close() })
				h := host.New(host.Options{Store: s, Authority: authority})
				b.Cleanup(func() { _ = h.Close(context.Background()) })
				who, err := authority.Identify(b.Context(), authz.Credentials{User: "ada"})
				if err != nil {
					b.Fatal(err)
				}
				do := func(op space.Op) {
					outcomes, _, err := h.Do(context.Background(), who, "bench", "", []space.Mutation{{Ops: []space.Op{op}}})
					if err != nil || outcomes[0].Kind != space.Applied {
						b.Errorf("%v %v", outcomes, err)
					}
				}
				do(space.Op{Op: space.OpPut, In: "projects", ID: "p", Value: []byte(`{}`)})
				var made atomic.Int64
				writes[i] = func() {
					var wg sync.WaitGroup
					for range callers {
						wg.Go(func() {
							for range 4 {
								k := made.Add(1)
								do(space.Op{Op: space.OpPut, In: "cards", ID: fmt.Sprint("c", k), Value: fmt.Appendf(nil, `{"owner":"ada","project":"p","slug":"s%d","title":"a title of some length","votes":0}`, k)})
								do(space.Op{Op: space.OpPatch, In: "cards", ID: fmt.Sprint("c", k), Patch: []byte(`{"$set":{"title":"another one"},"$inc":{"votes":1}}`)})
							}
						})
					}
					wg.Wait()
				}
			}
			b.ResetTimer()
			for range b.N {
				for i, write := range writes { // in turns, so that both meet the same machine
					began := time.Now()
					write()
					took[i] += time.Since(began)
				}
			}
			b.ReportMetric(float64(took[0])/float64(took[1]), "of-unchecked")
			b.ReportMetric(float64(took[1])/float64(b.N*callers*8)/1e3, "us/checked")
		})
	}
}
