package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/syncline/syncline/replica/core"
	"github.com/syncline/syncline/space"
)

// An application does what those of the workload do not: every kind of operation
// and condition, selectors among what was read, retries, other views.
type application struct {
	*actor
	r     *recording
	views bool // now and then it wants another view
	made  int
}

// furnish puts all cards there are, so that patches find something.
func (a *application) furnish() {
	c := a.r.w.clients[len(a.r.w.clients)-1]
	var ops []space.Op
	for i := range 4 {
		ops = append(ops, space.Op{Op: space.OpPut, In: "cards", ID: fmt.Sprintf("c%d", i), Value: fmt.Appendf(nil, `{"on":%t,"votes":%d}`, i%2 == 0, i)})
	}
	a.mutate(c, ops, nil)
}

// turn is one thing that the application does.
func (a *application) turn() {
	c := a.r.client
	if c.core == nil || a.r.ended != "" {
		return
	}
	rejected := c.core.Rejected()
	switch n := a.rand.IntN(12); {
	case n < 2 && len(rejected) > 0:
		a.retry(rejected[a.rand.IntN(len(rejected))])
	case n == 2 && len(rejected) > 0:
		a.discard(rejected[a.rand.IntN(len(rejected))])
	case n == 3 && a.views && a.r.unanswered == 0:
		a.look()
	case n < 9:
		a.write(c)
	default:
		a.write(a.r.w.clients[a.rand.IntN(len(a.r.w.clients))])
	}
}

// intent is the one with this id.
func (c *client) intent(id core.LocalID) *intent {
	return c.made[slices.IndexFunc(c.made, func(in *intent) bool { return in.id == id })]
}

// forget puts a neighbour in the place of an intent: tags follow from how many
// there are, and the order of the rest must stay.
func (c *client) forget(old *intent) {
	i := slices.Index(c.made, old)
	other := slices.IndexFunc(c.made, func(in *intent) bool { return in != old })
	if i > 0 {
		other = i - 1
	}
	for j, in := range c.made {
		if in == old {
			c.made[j] = c.made[other]
		}
	}
}

// alone reports whether a client has wanted nothing but this.
func (c *client) alone(in *intent) bool {
	return !slices.ContainsFunc(c.made, func(other *intent) bool { return other != in })
}

// retry lets a rejected mutation be tried again, if what it writes is not
// computed from what it read.
func (a *application) retry(old core.Mutation) {
	c := a.r.client
	in := c.intent(old.ID)
	if in.rmw || c.alone(in) {
		return
	}
	m, fx, err := c.core.Retry(context.Background(), c.time(), old.ID)
	if errors.Is(err, core.ErrQueueFull) || !c.ok(err) {
		return
	}
	a.r.begin(fmt.Sprintf(`"retry":%d`, a.r.numbers[encode(old.Ops)]))
	if m.Reads != nil {
		a.r.last.what += `,"reads":` + encode(m.Reads)
		a.r.has["a retry with reads"] = true
	}
	a.r.number(m)
	again := *in
	again.id, again.outcome = m.ID, ""
	c.forget(in)
	c.made = append(c.made, &again)
	c.effects(fx)
	c.push()
	c.w.checkClient(c)
}

// discard lets a rejected mutation be forgotten.
func (a *application) discard(old core.Mutation) {
	c := a.r.client
	in := c.intent(old.ID)
	if c.alone(in) {
		return
	}
	fx, err := c.core.Discard(context.Background(), c.time(), old.ID)
	if !c.ok(err) {
		return
	}
	a.r.begin(fmt.Sprintf(`"discard":%d`, a.r.numbers[encode(old.Ops)]))
	c.forget(in)
	c.effects(fx)
}

// look changes what the replica wants to hold.
func (a *application) look() {
	c := a.r.client
	part := space.Part{In: "cards"}
	switch a.rand.IntN(3) {
	case 0:
		part.Where = []byte(`{"on":{"$eq":true}}`)
	case 1:
		part.Where = []byte(`{"votes":{"$gte":2}}`)
	}
	c.view = append(space.View{part}, c.view[1:]...)
	fx, err := c.core.SetView(context.Background(), c.time(), c.view)
	if !c.ok(err) {
		return
	}
	delete(c.w.views, c.name)
	a.r.begin(`"view":` + encode(c.core.View()))
	c.effects(fx)
}

// copy starts a second replica on a copy of the store: a restored phone. It does
// so when nothing is queued, which would then be written twice.
func (a *application) copy() {
	c, w := a.r.client, a.r.w
	if c.core == nil || c.core.Status().Pending > 0 {
		return
	}
	w.plan.strict = false // each takes the client id from the other
	twin := &client{actor: w.newActor(w.seed, 99), w: w, name: c.name, store: c.store.Clone(), view: c.view, ids: 100, made: slices.Clone(c.made)}
	twin.start()
	for range 4 {
		a.after(a.between(0, 400*time.Millisecond), func() { a.write(twin) })
	}
}

// write makes a mutation of some client's.
func (a *application) write(c *client) {
	if c.core != nil {
		ops, reads := a.ops(c)
		a.mutate(c, ops, reads)
	}
}

// mutate makes a mutation of some operations and a mark.
func (a *application) mutate(c *client, ops []space.Op, reads *space.Reads) {
	a.made++
	tag := fmt.Sprintf("%s-x%03d", c.name, a.made)
	mark := space.Op{Op: space.OpPut, In: "marks", ID: tag, Value: fmt.Appendf(nil, `{"by":%q}`, c.name)}
	m, fx, err := c.core.Mutate(context.Background(), c.time(), append([]space.Op{mark}, ops...), reads)
	if errors.Is(err, core.ErrQueueFull) || errors.Is(err, core.ErrRejectedFull) || !c.ok(err) {
		return
	}
	c.made = append(c.made, &intent{tag: tag, id: m.ID})
	c.effects(fx)
	c.push()
	c.w.checkClient(c)
}

// ops are what a mutation does besides its mark.
func (a *application) ops(c *client) ([]space.Op, *space.Reads) {
	card := fmt.Sprintf("c%d", a.rand.IntN(4))
	put := func(value string) space.Op {
		return space.Op{Op: space.OpPut, In: "cards", ID: card, Value: []byte(value)}
	}
	patch := func(update string) space.Op {
		return space.Op{Op: space.OpPatch, In: "cards", ID: card, Patch: []byte(update)}
	}
	remove := space.Op{Op: space.OpDelete, In: "cards", ID: card}
	when := func(op space.Op, version space.Seq) space.Op {
		op.If = &version
		return op
	}
	reads := &space.Reads{At: c.core.Status().Cursor.Seq}
	switch a.rand.IntN(13) {
	case 0: // as it was seen
		e, _, err := c.core.Get(context.Background(), space.Key{Collection: "cards", ID: card})
		c.ok(err)
		return []space.Op{when(patch(`{"$set":{"seen":true}}`), e.Version)}, nil
	case 1:
		return []space.Op{when(put(`{"on":true,"votes":1}`), 0)}, nil
	case 2:
		return []space.Op{patch(`{"$add":{"tags":["b","a",1]},"$inc":{"votes":2}}`)}, nil
	case 3:
		return []space.Op{patch(`{"$remove":{"tags":["a"]},"$unset":["seen"],"$set":{"deep.er":[1,{"x":null}]}}`)}, nil
	case 4: // invalid unless the card says otherwise
		return []space.Op{patch(`{"$inc":{"on":1}}`)}, nil
	case 5:
		return []space.Op{remove, put(`{"on":true,"votes":7}`), patch(`{"$inc":{"votes":-1}}`)}, nil
	case 6: // holds only where there was nothing
		return []space.Op{remove, when(put(`{"on":false,"votes":0}`), 0)}, nil
	case 7:
		return []space.Op{put(`{"on":true,"votes":2}`), remove}, nil
	case 8: // values whose bytes are easily got wrong
		return []space.Op{put(`{"on":true,"votes":1.5,"é":"\u2028\u0007/","\ufb33":1e-21,"\ud83d\ude00":-1E-7,"z":[5e-324,0.1,-0.0,9007199254740991,123456789.125],"":{}}`)}, nil
	case 9: // outside of any view
		return []space.Op{{Op: space.OpPut, In: "notes", ID: card, Value: []byte(`{"text":"note"}`)}}, nil
	case 10: // read by a selector, that may match what was not there
		reads.Where = space.View{{In: "cards", Where: []byte(`{"on":{"$eq":true}}`)}}
		return []space.Op{patch(`{"$set":{"counted":1}}`)}, reads
	case 11:
		reads.Keys = []space.KeyPair{{"cards", card}, {"pair", "left"}}
		return []space.Op{put(`{"on":false,"votes":3}`)}, reads
	default:
		return []space.Op{patch(`{"$inc":{"votes":1}}`), patch(`{"$inc":{"votes":1}}`)}, nil
	}
}
