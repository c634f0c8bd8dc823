package space

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// TestContentHash tells apart any two of these, and knows each again.
func TestContentHash(t *testing.T) {
	zero, one := Seq(0), Seq(1)
	ops := [][]Op{
		nil,
		{{Op: "put", In: "c", ID: "a", Value: jsontext.Value(`{}`)}},
		{{Op: "put", In: "c", ID: "a", Value: jsontext.Value(`{"a":1}`)}},
		{{Op: "put", In: "ca", ID: "", Value: jsontext.Value(`{}`)}},
		{{Op: "put", In: "c", ID: "a", Patch: jsontext.Value(`{}`)}},
		{{Op: "put", In: "c", ID: "a", Value: jsontext.Value(`{}`), If: &zero}},
		{{Op: "put", In: "c", ID: "a", Value: jsontext.Value(`{}`), If: &one}},
		{{Op: "delete", In: "c", ID: "a"}},
		{{Op: "delete", In: "c", ID: "a"}, {Op: "delete", In: "c", ID: "a"}},
		{{Op: "delete", In: "c", ID: "a"}, {Op: "delete", In: "c", ID: "b"}},
		{{Op: "delete", In: "c", ID: "b"}, {Op: "delete", In: "c", ID: "a"}},
	}
	seen := map[uint64]int{}
	for i, list := range ops {
		m := Mutation{ID: MutationID(i), Ops: list}
		h := m.ContentHash()
		if j, twice := seen[h]; twice {
			t.Errorf("%d and %d hash alike", i, j)
		}
		seen[h] = i
		again := Mutation{Ops: append([]Op(nil), list...)}
		if again.ContentHash() != h {
			t.Errorf("%d hashes differently the second time", i)
		}
	}
}

func TestViewCanonical(t *testing.T) {
	where := func(s string) jsontext.Value { return jsontext.Value(s) }
	same := []View{
		{{In: "b"}, {In: "a", Where: where(`{"x":1}`)}},
		{{In: "a", Where: where(`{"x":1}`)}, {In: "b"}, {In: "b"}},
		{{In: "b", Where: where(`{"x":1}`)}, {In: "a", Where: where(`{"x":1}`)}, {In: "b", Where: where(`{}`)}},
	}
	others := []View{
		{},
		{{In: "b"}},
		{{In: "b"}, {In: "a"}},
		{{In: "b"}, {In: "a", Where: where(`{"x":2}`)}},
		{{In: "b"}, {In: "a", Where: where(`{"x":1}`)}, {In: "a", Where: where(`{"y":1}`)}},
	}
	ids := map[string]bool{}
	for _, v := range same {
		ids[v.Canonical().ID()] = true
	}
	if len(ids) != 1 {
		t.Errorf("equal views have %d ids", len(ids))
	}
	for _, v := range others {
		ids[v.Canonical().ID()] = true
	}
	if len(ids) != 1+len(others) {
		t.Errorf("%d different views have %d ids", 1+len(others), len(ids))
	}
}
