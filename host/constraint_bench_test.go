package host_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
)

const checkedWrites = `{"spaces":{"{any}":{"open":"auth.uid != ''","quota":{"bytes":"1GB"},
	"relations":{"member":{"in":"members","subject":"user","object":"project"}},
	"collections":{
		"projects":{"read":"true","write":"true"},
		"cards":{"read":"doc.owner == auth.uid || member(doc.project)","create":"new.owner == auth.uid","update":"doc.owner == auth.uid && !('owner' in changed)",
			"schema":{"type":"object","required":["title","owner"],"properties":{"title":{"type":"string","maxLength":200},"votes":{"type":"integer","minimum":0}},"additionalProperties":true},
			"references":[{"path":"project","to":"projects","onDelete":"cascade"}],"unique":[["slug"]],"owner":"owner","quota":{"entries":100000000,"bytesPerUser":"100MB"},"maxBytes":"64KiB"}}}}}`

// BenchmarkChecked is a write through Host.Do with rules, a schema and constraints, in turns with one that
// nobody checks. A piece of work is a put and a patch of it.
func BenchmarkChecked(b *testing.B) {
	for _, engine := range []string{"memory", "pebble"} {
		for _, callers := range []int{1, 32} {
			b.Run(fmt.Sprint(engine, "/", callers), func(b *testing.B) {
				d, err := definition.Parse([]byte(checkedWrites))
				if err != nil {
					b.Fatal(err)
				}
				policy, err := authz.Compile(d)
				if err != nil {
					b.Fatal(err)
				}
				inTurns(
					b, callers, 4,
					side{"unchecked", cardWrites(b, stores[engine](b), authz.Development{})},
					side{"checked", cardWrites(b, stores[engine](b), authz.NewRuled(policy, nil))},
				)
			})
		}
	}
}

// cardWrites puts and patches the k-th card.
func cardWrites(b testing.TB, s store.Store, authority authz.Authority) func(k int64) {
	h := newHost(b, host.Options{Store: s, Authority: authority})
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
	return func(k int64) {
		do(space.Op{Op: space.OpPut, In: "cards", ID: fmt.Sprint("c", k), Value: fmt.Appendf(nil, `{"owner":"ada","project":"p","slug":"s%d","title":"a title of some length","votes":0}`, k)})
		do(space.Op{Op: space.OpPatch, In: "cards", ID: fmt.Sprint("c", k), Patch: []byte(`{"$set":{"title":"another one"},"$inc":{"votes":1}}`)})
	}
}

// TestCheckedAllocations: what rules, a schema and constraints add to a write is bounded. What is lost here again
// (records read twice, rules found out for each write, costs counted for nothing) shows in this number first.
func TestCheckedAllocations(t *testing.T) {
	d, err := definition.Parse([]byte(checkedWrites))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := authz.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	var n [2]float64
	for i, authority := range []authz.Authority{authz.Development{}, authz.NewRuled(policy, nil)} {
		write, k := cardWrites(t, memstore.New(), authority), int64(0)
		n[i] = testing.AllocsPerRun(300, func() {
			k++
			write(k)
		})
	}
	t.Logf("a put and a patch make %v allocations unchecked, %v checked", n[0], n[1])
	if more := n[1] - n[0]; more > maxCheckedAllocations {
		t.Errorf("checking a put and a patch makes %v allocations; the budget is %v", more, maxCheckedAllocations)
	}
}

const maxCheckedAllocations = 130
