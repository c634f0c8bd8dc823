package kernel_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/value"
)

// TestFind gives what filtering, sorting and cutting all of it gives.
func TestFind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLedger(t)
		for i := range rapid.IntRange(0, 20).Draw(t, "entries") {
			l.must(web, put(fmt.Sprint(i), fmt.Sprintf(`{"n":%d,"m":%d}`, rapid.IntRange(0, 4).Draw(t, "n"), rapid.IntRange(0, 2).Draw(t, "m"))))
		}
		q, err := selector.ParseQuery([]byte(rapid.SampledFrom([]string{
			`{}`, `{"sort":["n"]}`, `{"sort":[{"n":"desc"},"m"]}`, `{"where":{"n":{"$gt":1}}}`, `{"where":{"m":1},"sort":[{"n":"desc"}],"fields":["n"]}`, `{"fields":["none"]}`,
		}).Draw(t, "query")))
		if err != nil {
			t.Fatal(err)
		}
		q.Limit, q.Skip = rapid.IntRange(1, 25).Draw(t, "limit"), rapid.IntRange(0, 12).Draw(t, "skip")
		hidden := float64(rapid.IntRange(0, 5).Draw(t, "hidden"))
		f := but{n: hidden, masks: rapid.Bool().Draw(t, "masks")}

		view := l.at(l.head().Cursor.Seq)
		defer view.Close()
		var want []kernel.Found
		for e, err := range view.Scan("c", "") {
			if err != nil {
				t.Fatal(err)
			}
			doc, err := value.Parse(e.Payload)
			if err != nil {
				t.Fatal(err)
			}
			seq := e.Seq
			if doc["n"] == hidden {
				continue
			}
			if f.masks {
				delete(doc, "m")
				seq = kernel.Masked(value.Encode(doc))
			}
			if q.Where.Match(doc) {
				want = append(want, kernel.Found{Key: e.Key, Version: seq, Doc: doc})
			}
		}
		slices.SortStableFunc(want, func(a, b kernel.Found) int { return q.Compare(a.Doc, a.Key.ID, b.Doc, b.Key.ID) })
		want = want[min(q.Skip, len(want)):]
		want = want[:min(q.Limit, len(want))]

		got, err := kernel.Find(view, "c", q, f)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d found, want %d: %v", len(got), len(want), err)
		}
		for i := range want {
			if got[i].Key != want[i].Key || got[i].Version != want[i].Version || !value.Equal(got[i].Doc, q.Project(want[i].Doc)) {
				t.Fatalf("%d: %+v, want %+v", i, got[i], want[i])
			}
		}
	})
}

// but is a filter that shows all but those with one n, perhaps without their m.
type but struct {
	n     float64
	masks bool
}

func (but) ID() string { return "" }

func (f but) See(_ string, doc map[string]any) (shown map[string]any, whole, visible bool) {
	if f.masks {
		return value.Path{"m"}.Without(doc), false, doc["n"] != f.n
	}
	return doc, true, doc["n"] != f.n
}

func (f but) Masks(string) bool  { return f.masks }
func (f but) Alters(string) bool { return f.masks }
