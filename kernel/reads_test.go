package kernel_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
)

// TestReads: ada read the space at commit 3 (c/x done 1, c/y done 0, d/z), then
// this happens, then she writes upon what she read.
func TestReads(t *testing.T) {
	op := func(op, id, rest string) string {
		return `{"ops":[{"op":"` + op + `","in":"c","id":"` + id + `"` + rest + `}]}`
	}
	const keyX, keyNew = `"keys":[["c","x"]]`, `"keys":[["c","new"]]`
	const done, all, other = `"where":[{"in":"c","where":{"done":1}}]`, `"where":[{"in":"c"}]`, `"where":[{"in":"d"}]`
	nothing := op("patch", "none", `,"patch":{"$inc":{"a":1}}`) // is rejected
	for _, c := range []struct {
		name  string
		bobs  []string // bob's mutations after commit 3
		adas  []string // ada's after them
		reads string
		stale string // the path of the refusal, "" if it is applied
	}{
		{name: "nothing happened", reads: keyX},
		{name: "nothing happened", reads: all},
		{name: "a key changed", bobs: []string{op("put", "x", `,"value":{"done":1}`)}, reads: keyX, stale: "reads.keys[0]"},
		{name: "a key was deleted", bobs: []string{op("delete", "x", ``)}, reads: keyX, stale: "reads.keys[0]"},
		{name: "a key that was not there came", bobs: []string{op("put", "new", `,"value":{}`)}, reads: keyNew, stale: "reads.keys[0]"},
		{name: "it came and went", bobs: []string{op("put", "new", `,"value":{}`), op("delete", "new", ``)}, reads: keyNew, stale: "reads.keys[0]"},
		{name: "another key changed", bobs: []string{op("put", "y", `,"value":{}`)}, reads: keyX},
		{name: "the second key changed", bobs: []string{op("put", "y", `,"value":{}`)}, reads: `"keys":[["c","x"],["c","y"]]`, stale: "reads.keys[1]"},
		{name: "bob was rejected", bobs: []string{nothing}, reads: keyX},

		{name: "an entry that matched changed", bobs: []string{op("patch", "x", `,"patch":{"$set":{"a":1}}`)}, reads: done, stale: "reads.where"},
		{name: "an entry that matched was deleted", bobs: []string{op("delete", "x", ``)}, reads: done, stale: "reads.where"},
		{name: "an entry no longer matches", bobs: []string{op("put", "x", `,"value":{"done":0}`)}, reads: done, stale: "reads.where"},
		{name: "an entry matches now", bobs: []string{op("put", "y", `,"value":{"done":1}`)}, reads: done, stale: "reads.where"},
		{name: "a phantom", bobs: []string{op("put", "new", `,"value":{"done":1}`)}, reads: done, stale: "reads.where"},
		{name: "a phantom of the whole collection", bobs: []string{op("put", "new", `,"value":{}`)}, reads: all, stale: "reads.where"},
		{name: "a change that the selector does not see", bobs: []string{op("put", "y", `,"value":{"done":2}`), op("put", "new", `,"value":{}`), op("delete", "y", ``)}, reads: done},
		{name: "a phantom that is gone", bobs: []string{op("put", "new", `,"value":{"done":1}`), op("delete", "new", ``)}, reads: done},
		{name: "another collection", bobs: []string{op("put", "x", `,"value":{}`)}, reads: other},

		{name: "her own change", adas: []string{op("put", "x", `,"value":{"done":1}`), op("put", "new", `,"value":{"done":1}`)}, reads: keyX + "," + done},
		{name: "her own rejected one", adas: []string{nothing}, reads: keyX, stale: "reads"},
		{name: "her own rejected one, then an applied one", adas: []string{nothing, op("put", "q", `,"value":{}`)}, reads: other, stale: "reads"},
		{name: "bob's change below hers", bobs: []string{op("put", "x", `,"value":{"done":1}`)}, adas: []string{op("put", "x", `,"value":{"done":1}`)}, reads: keyX, stale: "reads.keys[0]"},
		{name: "bob's phantom, deleted by her", bobs: []string{op("put", "new", `,"value":{"done":1}`)}, adas: []string{op("delete", "new", ``)}, reads: done},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, together := range []bool{false, true} { // in plans of their own, or all in one
				l := newLedger(t)
				l.must(web, op("put", "x", `,"value":{"done":1}`))
				l.must(web, op("put", "y", `,"value":{"done":0}`))
				l.must(web, `{"ops":[{"op":"put","in":"d","id":"z","value":{}}]}`)
				p := l.plan()
				ids := map[kernel.Writer]space.MutationID{}
				do := func(w kernel.Writer, text string) space.Outcome {
					m := l.parse(text)
					ids[w]++
					m.ID = ids[w]
					o, err := p.Submit(w, l.guard, &m)
					if err != nil {
						t.Fatal(err)
					}
					if !together {
						l.commit(p)
						p = l.plan()
					}
					return o
				}
				for _, text := range c.bobs {
					do(bob, text)
				}
				for _, text := range c.adas {
					do(ada, text)
				}
				o := do(ada, `{"ops":[{"op":"put","in":"e","id":"sum","value":{}}],"reads":{"at":3,`+c.reads+`}}`)
				if stale := o.Code == space.CodeStale; stale != (c.stale != "") || o.Path != c.stale {
					t.Errorf("together %v: %+v, want stale at %q", together, o, c.stale)
				}
				if strings.HasPrefix(c.stale, "reads.keys") && (o.Current == nil || o.Current.In != "c") {
					t.Errorf("together %v: the current entry is %+v", together, o.Current)
				}
			}
		})
	}
}

// TestReadsWithoutClient: who has no client id has no changes of its own.
func TestReadsWithoutClient(t *testing.T) {
	l := newLedger(t)
	at := l.must(web, put("x", `{}`))
	l.must(web, put("x", `{}`))
	o, err := l.submit(web, l.parse(`{"ops":[],"reads":{"at":`+at.String()+`,"keys":[["c","x"]]}}`))
	if err != nil || o.Code != space.CodeInvalid {
		t.Errorf("no operations: %+v, %v", o, err)
	}
	o, err = l.submit(web, l.parse(`{"ops":[{"op":"delete","in":"c","id":"x"}],"reads":{"at":`+at.String()+`,"keys":[["c","x"]]}}`))
	if err != nil || o.Code != space.CodeStale {
		t.Errorf("%+v, %v", o, err)
	}
}

// TestReadsOfTheRefused: what reads may not be.
func TestReadsOfTheRefused(t *testing.T) {
	l := newLedger(t)
	l.limits.Ops, l.limits.Parts = 3, 2
	for range 4 {
		l.must(web, put("x", `{}`))
	}
	if err := l.store.Trim(t.Context(), path, 2); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ reads, code, path string }{
		{`{"at":5}`, "invalid", "reads.at"},
		{`{"at":9007199254740991}`, "invalid", "reads.at"},
		{`{"at":4}`, "", ""},
		{`{"at":1}`, "stale", "reads.at"},
		{`{"at":2,"keys":[["c","y"]]}`, "", ""},
		{`{"at":2,"where":[{"in":"c","where":{"a":1}}]}`, "", ""},
		{`{"at":4,"keys":[["_c","y"]]}`, "invalid", "reads.keys[0]"},
		{`{"at":4,"where":[{"in":"c","where":{"a":{"$regex":"x"}}}]}`, "invalid", "reads.where"},
		{`{"at":4,"keys":[["c","y"],["c","z"],["c","u"]]}`, "", ""},
		{`{"at":4,"keys":[["c","y"],["c","z"],["c","u"]],"where":[{"in":"c"}]}`, "too_large", "reads"},
		{`{"at":4,"where":[{"in":"c"},{"in":"d"},{"in":"e"}]}`, "invalid", "reads.where"},
	} {
		m := l.parse(`{"ops":[{"op":"delete","in":"q","id":"x"}],"reads":` + c.reads + `}`)
		o, err := l.plan().Submit(web, l.guard, &m)
		if err != nil || o.Code != c.code || o.Path != c.path {
			t.Errorf("%s: %+v, %v", c.reads, o, err)
		}
	}
}

// TestReadsTooOld: at MaxReadAge it is looked through, above it is stale.
func TestReadsTooOld(t *testing.T) {
	l := newLedger(t)
	p := l.plan()
	m := l.parse(put("x", `{}`))
	for range kernel.MaxReadAge + 1 {
		if _, err := p.Submit(web, l.guard, &m); err != nil {
			t.Fatal(err)
		}
	}
	l.commit(p)
	for at, code := range map[space.Seq]string{0: space.CodeStale, 1: ""} {
		m := l.parse(`{"ops":[{"op":"delete","in":"q","id":"x"}],"reads":{"at":` + at.String() + `,"keys":[["c","y"]]}}`)
		if o, err := l.plan().Submit(web, l.guard, &m); err != nil || o.Code != code {
			t.Errorf("at %d: %+v, %v", at, o, err)
		}
	}
}

// TestPlantedStaleReads is the bug that other harnesses must find.
func TestPlantedStaleReads(t *testing.T) {
	l := newLedger(t)
	l.bugs.StaleReads = true
	l.must(web, put("x", `{}`))
	o, err := l.submit(web, l.parse(`{"ops":[{"op":"delete","in":"c","id":"x"}],"reads":{"at":0,"keys":[["c","x"]]}}`))
	if err != nil || o.Kind != space.Applied {
		t.Errorf("%+v, %v", o, err)
	}
}

// failing is a guard that cannot decide.
type failing struct{ kernel.Guard }

var errGuard = errors.New("no decision")

func (failing) Write(kernel.State, space.Key, func() (space.Version, error), space.Version) (*space.Refusal, error) {
	return nil, errGuard
}

// TestUndecided: where the guard or the reader fails, nothing is added.
func TestUndecided(t *testing.T) {
	l := newLedger(t)
	p := l.plan()
	m := l.next(ada, l.parse(put("x", `{}`)))
	if _, err := p.Submit(ada, failing{l.guard}, &m); !errors.Is(err, errGuard) || len(p.Commits()) != 0 {
		t.Errorf("%v, %d commits", err, len(p.Commits()))
	}
	if o, err := p.Submit(ada, l.guard, &m); err != nil || o.Seq != 1 {
		t.Errorf("afterwards: %+v, %v", o, err)
	}
}
