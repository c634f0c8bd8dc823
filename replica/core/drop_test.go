package core

import (
	"fmt"
	"strings"
	"testing"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// held fills a replica with cards: n of project p1, and one of another.
func held(t *testing.T, n int) *rig {
	r := newRig(t)
	r.connect(0, cur(5))
	rows := make([]wire.Row, 0, n+1)
	for i := range n {
		rows = append(rows, entry(fmt.Sprintf("a%05d", i), 2, `{"p":"p1"}`))
	}
	r.receive(reset(cur(5), append(rows, entry("z", 3, `{"p":"p2"}`))...))
	return r
}

func dropping(d *wire.Diff, where string) *wire.Diff {
	part := space.Part{In: "cards"}
	if where != "" {
		part.Where = []byte(where)
	}
	d.Drop = append(d.Drop, part)
	return d
}

// TestDrop: what is held of a selector goes before the rows come, in one step, be it
// little or more than a step carries, whole or in parts, and be it interrupted.
func TestDrop(t *testing.T) {
	for _, n := range []int{3, defaultChunk - 1, defaultChunk, 2*defaultChunk + 7} {
		for _, parts := range []bool{false, true} {
			t.Run(fmt.Sprint(n, parts), func(t *testing.T) {
				r := held(t, n)
				pending := r.mutate(space.Op{Op: space.OpPatch, In: "cards", ID: "a00001", Patch: []byte(`{"$set":{"x":1}}`)})
				all := r.shown()
				first := dropping(diff(cur(5), cur(6), entry("a00002", 2, `{"p":"p1"}`)), `{"p":"p1"}`)
				last := diff(cur(5), cur(6), entry("b", 6, `{"p":"p1"}`))
				if parts {
					first.More = true
					r.receive(first)
					r.expect(all) // nothing shows of a diff that is not whole
					r.open()
					r.expect(all)
					r.connect(0, cur(6))
					r.receive(first)
					r.expect(all)
					r.receive(last)
				} else {
					first.Put = append(first.Put, last.Put...)
					r.receive(first)
				}
				want := `a00002={"p":"p1"} b={"p":"p1"} z={"p":"p2"} `
				r.expect(want)
				if m := r.core.Pending(); len(m) != 1 || m[0].ID != pending {
					t.Errorf("queued: %v", m)
				}
				r.open()
				r.expect(want)
				view, err := r.core.confirmed(bg)
				if err != nil {
					t.Fatal(err)
				}
				defer view.Close()
				for e, err := range view.Scan("cards", "") {
					if err != nil || !strings.Contains(want, e.Key.ID+"=") {
						t.Fatalf("%s is still in the store, %v", e.Key, err)
					}
				}
			})
		}
	}
}

// TestDropInterrupted: another diff than the one that was begun leaves nothing of it.
func TestDropInterrupted(t *testing.T) {
	r := held(t, 2*defaultChunk)
	all := r.shown()
	first := dropping(diff(cur(5), cur(6)), "")
	first.More = true
	r.receive(first)
	r.open()
	r.connect(0, cur(7))
	r.receive(diff(cur(5), cur(7), entry("zz", 7, `{}`)))
	r.expect(all + `zz={} `)
}

// TestBadDrops: drops that cannot be are refused with all of the diff.
func TestBadDrops(t *testing.T) {
	many := diff(cur(5), cur(6))
	for range wire.MaxDrops + 1 {
		dropping(many, `{"p":"p1"}`)
	}
	late := dropping(diff(cur(5), cur(6)), "")
	named := dropping(diff(cur(5), cur(6)), "")
	named.Drop[0].In = "_queue"
	whole := dropping(reset(cur(6)), "")
	for name, d := range map[string]*wire.Diff{
		"selector": dropping(diff(cur(5), cur(6)), `{"$no":1}`), "number": many, "collection": named, "late": late, "reset": whole,
	} {
		t.Run(name, func(t *testing.T) {
			r := held(t, 2)
			all := r.shown()
			if name == "late" {
				r.receive(&wire.Diff{View: "v", From: cur(5), To: cur(6), More: true})
			}
			if fx := r.receive(d); fx.Action != Reopen || fx.Err == nil {
				t.Errorf("%+v", fx)
			}
			r.expect(all)
		})
	}
}
