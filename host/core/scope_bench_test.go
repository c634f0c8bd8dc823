package core_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/value"
	"github.com/syncline/syncline/wire"
)

// none takes frames and forgets them.
type none struct{ n *int }

func (none) Send([]byte)         {}
func (s none) Offer([]byte) bool { *s.n++; return true }

// BenchmarkFanOut is a commit of one entry with n sessions of as many users, of
// which 40 may see it. authorise/op is the time that it took beyond the same commit with the 40 alone; brute/op
// the time to ask the whole rule for each session; of-brute their ratio.
func BenchmarkFanOut(b *testing.B) {
	d, err := definition.Parse([]byte(`{"spaces":{"team/{t}":{"open":"true",
		"relations":{"member":{"in":"members","subject":"user","object":"project"}},
		"collections":{"cards":{"read":"doc.owner == auth.uid || member(doc.project) || doc.public == true","write":"true"},"members":{"read":"true","write":"true"}}}}}`))
	if err != nil {
		b.Fatal(err)
	}
	policy, err := authz.Compile(d)
	if err != nil {
		b.Fatal(err)
	}
	rules := policy.Rules("team/a")
	alone := time.Duration(0)
	for _, n := range []int{40, 100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			st := memstore.New()
			s, err := core.Load(b.Context(), core.Config{Path: "team/a", Store: st, Limits: wire.DefaultLimits, Rules: rules, Lagging: func(*core.Member) {}})
			if err != nil {
				b.Fatal(err)
			}
			who := func(i int) *authz.Session {
				one, err := authz.NewSession(authz.Principal{User: fmt.Sprint("u", i)})
				if err != nil {
					b.Fatal(err)
				}
				return one
			}
			commit := func(key, payload string) {
				s.Do(&core.Request{Who: who(0), Mutations: []space.Mutation{{Ops: []space.Op{{Op: space.OpPut, In: "members", ID: key, Value: []byte(payload)}}}}, Done: func([]space.Outcome, space.Cursor, error) {}})
				commitAll(b, s, st)
			}
			for i := range 40 {
				commit(fmt.Sprint("m", i), fmt.Sprintf(`{"user":"u%d","project":"p"}`, i))
			}
			frames := 0
			for i := range n {
				m := &core.Member{Sink: none{&frames}, Who: who(i), Name: fmt.Sprint(i)}
				if err := s.Open(b.Context(), m, &wire.Open{Space: "team/a", View: space.View{{In: "cards"}}}); err != nil {
					b.Fatal(err)
				}
				for range m.CatchUp().Frames(b.Context()) {
				}
				if !s.Attach(m, m.CatchUp()) {
					b.Fatal("not live")
				}
			}
			frames = 0
			b.ResetTimer()
			for i := range b.N {
				s.Do(&core.Request{Who: who(0), Mutations: []space.Mutation{{Ops: []space.Op{{Op: space.OpPut, In: "cards", ID: "c", Value: fmt.Appendf(nil, `{"owner":"u0","project":"p","n":%d}`, i)}}}}, Done: func([]space.Outcome, space.Cursor, error) {}})
				commitAll(b, s, st)
			}
			b.StopTimer()
			if frames != 40*b.N {
				b.Fatalf("%d frames in %d commits", frames, b.N)
			}
			took := b.Elapsed() / time.Duration(b.N)
			if n == 40 {
				alone = took
			}
			doc, err := value.Parse([]byte(`{"owner":"u0","project":"p","n":1}`))
			if err != nil {
				b.Fatal(err)
			}
			began := time.Now()
			member := rule.Set{`"p`: 1}
			allowed := 0
			for i := range n {
				if who(i).In(rules).MayRead("cards", doc, func(string) rule.Set {
					if i < 40 {
						return member
					}
					return nil
				}) {
					allowed++
				}
			}
			brute := time.Since(began)
			if allowed != 40 {
				b.Fatalf("%d allowed", allowed)
			}
			b.ReportMetric(float64(took-alone)/1e3, "authorise-us/op")
			b.ReportMetric(float64(brute)/1e3, "brute-us/op")
			b.ReportMetric(float64(brute)/float64(took), "brute/commit")
		})
	}
}

func commitAll(b *testing.B, s *core.Space, st *memstore.Store) {
	t := s.Begin(b.Context(), time.Time{})
	if t == nil {
		b.Fatal("nothing to do")
	}
	batches, err := t.Batches("team/a")
	if err == nil {
		err = st.Append(b.Context(), batches...)
	}
	if err := s.Finish(b.Context(), t, err); err != nil {
		b.Fatal(err)
	}
}
