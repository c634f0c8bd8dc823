package sim

import (
	"context"
	"errors"
	"fmt"

	"github.com/syncline/syncline/replica/core"
	"github.com/syncline/syncline/space"
)

// An intent is one mutation that a client made, as the checks follow it.
type intent struct {
	id      core.LocalID
	tag     string // the id of its mark, an entry that this mutation alone makes
	plain   bool   // nothing but a clash of names could refuse it
	rmw     bool   // reads the register and adds one to it
	call    string // the mutator that it calls
	shown   string // the random id under which its effect showed
	client  space.ClientID
	outcome space.OutcomeKind
	seq     space.Seq
	version uint32 // of cards, that the device spoke when it was made
}

// tagged is the mutation with a tag, nil if this client has not made it.
func (c *client) tagged(tag string) *intent {
	for _, in := range c.made {
		if in.tag == tag {
			return in
		}
	}
	return nil
}

// mutate makes a random mutation. Each puts a mark, which tells in every state
// whether the mutation is in it.
func (c *client) mutate() {
	if c.core == nil {
		return
	}
	c.look()
	in := &intent{tag: fmt.Sprintf("%s-%04d", c.name, len(c.made)), plain: true, version: c.speaks()}
	ops := []space.Op{{Op: space.OpPut, In: "marks", ID: in.tag, Value: fmt.Appendf(nil, `{"by":%q}`, c.name)}}
	var reads *space.Reads
	card := fmt.Sprintf("c%d", c.rand.IntN(4))
	kinds := 8
	if c.w.plan.ruled {
		// What one may not see is there all the same, and may not be changed.
		in.plain, kinds = false, 16
	}
	switch c.rand.IntN(kinds) {
	case 8, 9, 10, 11:
		ops = append(ops, c.rule()...)
	case 12, 13, 14, 15:
		ops = append(ops, c.shelve()...)
	case 0: // an entry that comes into and goes out of views
		ops = append(ops, space.Op{Op: space.OpPut, In: "cards", ID: card, Value: fmt.Appendf(nil, `{"group":"g%d","on":%t,"owner":"r%d","votes":0}`, c.rand.IntN(2), c.chance(2), c.rand.IntN(3))})
	case 1:
		in.plain = false
		ops = append(ops, space.Op{Op: space.OpPatch, In: "cards", ID: card, Patch: []byte(`{"$inc":{"votes":1}}`)})
	case 2:
		in.plain = false
		ops = append(ops, space.Op{Op: space.OpPatch, In: "cards", ID: card, Patch: fmt.Appendf(nil, `{"$set":{"on":%t}}`, c.chance(2))})
	case 3:
		ops = append(ops, space.Op{Op: space.OpDelete, In: "cards", ID: card})
	case 4: // two entries that must change together
		for _, id := range []string{"left", "right"} {
			ops = append(ops, space.Op{Op: space.OpPut, In: "pair", ID: id, Value: fmt.Appendf(nil, `{"tag":%q}`, in.tag)})
		}
	case 5, 6: // a serializable read, add, write
		in.plain, in.rmw = false, true
		n := 0
		e, ok, err := c.core.Get(context.Background(), register)
		if !c.ok(err) {
			return
		}
		if ok {
			var doc struct{ N int }
			if !c.ok(e.Decode(&doc)) {
				return
			}
			n = doc.N
		}
		ops = append(ops, space.Op{Op: space.OpPut, In: register.Collection, ID: register.ID, Value: fmt.Appendf(nil, `{"N":%d}`, n+1)})
		reads = &space.Reads{At: c.core.Status().Cursor.Seq, Keys: []space.KeyPair{register.Pair()}}
	}
	c.spell(ops)
	m, fx, err := c.core.Mutate(context.Background(), c.time(), ops, reads)
	if errors.Is(err, core.ErrQueueFull) || errors.Is(err, core.ErrRejectedFull) || errors.Is(err, core.ErrExpired) {
		return
	}
	if !c.ok(err) {
		return
	}
	in.id = m.ID
	c.made = append(c.made, in)
	c.note("%s makes %d %s", c.name, in.id, in.tag)
	c.effects(fx)
	c.push()
	c.w.checkClient(c)
}

var register = space.Key{Collection: "register", ID: "r"}
