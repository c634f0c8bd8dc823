package core_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline/syncline/space"
)

// TestHiddenFieldsStay: who may not see a field can change what they see of the
// entry, and neither takes the field away nor learns of it.
func TestHiddenFieldsStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, interfering, 2)
		w.root(space.Op{Op: space.OpPut, In: "members", ID: "m", Value: []byte(`{"user":"p","project":"x"}`)})
		w.root(space.Op{Op: space.OpPut, In: "cards", ID: "c", Value: []byte(`{"n":4,"owner":"o","project":"x","secret":"hush"}`)})
		n := 4
		for range rapid.IntRange(1, 6).Draw(t, "writes") {
			op := space.Op{Op: space.OpPatch, In: "cards", ID: "c"}
			may := true
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				op.Patch = []byte(`{"$set":{"n":4}}`)
				n = 4
			case 1:
				op.Op, op.Value = space.OpPut, []byte(`{"n":5,"owner":"o","project":"x"}`)
				n = 5
			case 2:
				op.Patch, may = []byte(`{"$set":{"secret":"mine"}}`), false
			case 3:
				op.Op, op.Value, may = space.OpPut, []byte(`{"n":4,"owner":"o","project":"x","secret":"hush"}`), false
			case 4: // there is nothing to take away, as far as p can see
				op.Patch = []byte(`{"$unset":["secret"]}`)
			}
			before := len(w.ear.heard)
			w.push(space.Mutation{Ops: []space.Op{op}})
			told := strings.Join(w.ear.heard[before:], "\n")
			if applied := strings.Contains(told, `"applied"`); applied != may || strings.Contains(told, "hush") || !may && !strings.Contains(told, "secret") {
				t.Fatalf("%+v: %s", op, told)
			}
			v, err := w.store.View(t.Context(), "team/a", w.space.Head().Seq)
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Get(space.Key{Collection: "cards", ID: "c"})
			v.Close()
			if want := `{"n":` + string(rune('0'+n)) + `,"owner":"o","project":"x","secret":"hush"}`; err != nil || string(got.Payload) != want {
				t.Fatalf("after %+v it is %s, want %s (%v)", op, got.Payload, want, err)
			}
		}
	})
}
