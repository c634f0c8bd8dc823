package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/replica/core"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
)

// In a third of the schedules some mutations are calls. Each mutator puts the mark
// of its mutation, which says what was called with what: so the oracle can tell from
// the log what must have come of it, without running the mutator.

// called are the arguments of every mutator, and with its name the mark.
type called struct {
	Tag  string `json:"tag"`
	By   string `json:"by"`
	Call string `json:"call"`
	K    int    `json:"k"`
}

type numeric struct {
	N int `json:"n"`
}

const modulus = 1_000_003

var (
	calcX     = space.Key{Collection: "calc", ID: "x"}
	calcTotal = space.Key{Collection: "calc", ID: "total"}
)

// mark puts the mark of a call, and does the rest.
func mark(rest func(tx *mutator.Tx, a called) error) mutator.Func {
	return mutator.Of(func(tx *mutator.Tx, a called) error {
		if err := tx.Put("marks", a.Tag, a); err != nil {
			return err
		}
		return rest(tx, a)
	})
}

var mutators = mutator.Set{"sim/{name}": {
	// triple does what comes out otherwise in another order.
	"triple": mark(func(tx *mutator.Tx, a called) error {
		var x numeric
		if _, err := tx.Get(calcX.Collection, calcX.ID, &x); err != nil {
			return err
		}
		return tx.Put(calcX.Collection, calcX.ID, numeric{(3*x.N + a.K) % modulus})
	}),
	// total reads many entries, those of others, too, which its caller may not see.
	"total": mark(func(tx *mutator.Tx, a called) error {
		made, err := tx.Find("made", selector.Query{})
		if err != nil {
			return err
		}
		sum := 0
		for _, f := range made {
			n, _ := f.Doc["n"].(float64)
			sum += int(n)
		}
		return tx.Put(calcTotal.Collection, calcTotal.ID, numeric{sum})
	}),
	// make makes an entry under a random id.
	"make": mark(func(tx *mutator.Tx, a called) error {
		return tx.Put("made", tx.ID(), map[string]any{"n": a.K, "r": tx.Random(), "by": a.By})
	}),
	// even refuses unless calc/x is even.
	"even": mark(func(tx *mutator.Tx, a called) error {
		var x numeric
		if _, err := tx.Get(calcX.Collection, calcX.ID, &x); err != nil || x.N%2 == 0 {
			return err
		}
		return mutator.Refuse("odd", "", "x is odd")
	}),
	// broken panics on one of two states.
	"broken": mark(func(tx *mutator.Tx, a called) error {
		var x numeric
		if _, err := tx.Get(calcX.Collection, calcX.ID, &x); err != nil || x.N%2 == 0 {
			return err
		}
		panic("x is odd")
	}),
}}

var callNames = []string{"triple", "triple", "total", "make", "make", "even", "broken", "forge"}

var runner = func() *mutator.Runner {
	// forge does what its caller may not: it puts a mark that says it is somebody else's.
	mutators["sim/{name}"]["forge"] = mutators["sim/{name}"]["even"]
	r, err := mutator.New(mutators, mutator.Options{Time: -1}) // no clock, no goroutine
	if err != nil {
		panic(err)
	}
	return r
}()

// withCalls are the definitions with mutators: the same, as far as reading goes.
var withCalls = []*authz.Policy{compile(callable(definitionText(0, ""))), compile(callable(definitionText(1, "")))}

// callable adds the mutators, and the collections that they write, to a definition.
func callable(source string) string {
	var whole struct {
		Spaces map[string]map[string]any `json:"spaces"`
	}
	if err := json.Unmarshal([]byte(source), &whole); err != nil {
		panic(err)
	}
	for _, kind := range whole.Spaces {
		collections := kind["collections"].(map[string]any)
		for _, name := range []string{"calc", "made"} {
			collections[name] = map[string]string{"read": "true", "write": "true"}
		}
		allow := map[string]string{"allow": "args.tag.startsWith(auth.uid)"}
		kind["mutators"] = map[string]any{
			"triple": allow, "make": allow, "even": allow, "broken": allow, "forge": allow,
			"total": map[string]string{"allow": "args.by == auth.uid", "as": "space"},
		}
	}
	text, err := json.Marshal(whole)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// call makes a random call.
func (c *client) call() {
	if c.core == nil {
		return
	}
	name := callNames[c.rand.IntN(len(callNames))]
	in := &intent{tag: fmt.Sprintf("%s-%04d", c.name, len(c.made)), call: name, client: c.core.Client()}
	// Nothing but the state could refuse these, and they look at none.
	in.plain = !c.w.plan.ruled && (name == "triple" || name == "total" || name == "make")
	args := called{in.tag, c.name, name, c.rand.IntN(1000)}
	if name == "forge" {
		args.By = "somebody"
	}
	text, err := json.Marshal(args)
	if !c.ok(err) {
		return
	}
	m, fx, err := c.core.Call(context.Background(), c.time(), name, text)
	if errors.Is(err, core.ErrQueueFull) || errors.Is(err, core.ErrRejectedFull) || !c.ok(err) {
		return
	}
	in.id = m.ID
	for _, key := range fx.Keys {
		if key.Collection == "made" {
			in.shown = key.ID
		}
	}
	if name == "make" && in.shown == "" {
		c.w.fail("%s shows nothing of %s", c.name, in.tag)
	}
	c.made = append(c.made, in)
	c.note("%s calls %d %s %s", c.name, in.id, in.tag, name)
	c.effects(fx)
	c.push()
	c.w.checkClient(c)
}

// checkCall holds a commit, which has just become durable, against what was called.
func (o *oracle) checkCall(c *space.Commit) {
	var m called
	for i := range c.Changes {
		if change := &c.Changes[i]; change.Key.Collection == "marks" && !change.Deleted {
			if err := json.Unmarshal(change.Payload, &m); err != nil {
				o.w.fail("mark %s: %v", change.Payload, err)
			}
		}
	}
	if m.Call == "" {
		return
	}
	o.w.counts.called++
	wrote := func(key space.Key) []byte {
		for i := range c.Changes {
			if c.Changes[i].Key == key {
				return c.Changes[i].Payload
			}
		}
		o.w.fail("commit %d, %s %s, did not write %s", c.Seq, m.Call, m.Tag, key)
		return nil
	}
	before := o.count(o.at(calcX, c.Seq-1))
	want, changes := 0, 2
	switch m.Call {
	case "triple":
		want = (3*before + m.K) % modulus
		if got := o.count(wrote(calcX)); got != want {
			o.w.fail("commit %d: 3·%d + %d made %d", c.Seq, before, m.K, got)
		}
	case "total":
		for key := range o.versions {
			if key.Collection == "made" {
				want += o.count(o.at(key, c.Seq-1))
			}
		}
		if got := o.count(wrote(calcTotal)); got != want {
			o.w.fail("commit %d: a total of %d where it is %d", c.Seq, got, want)
		}
	case "make":
		wrote(space.Key{Collection: "made", ID: mutator.NewRandom(c.Client, c.Mutation, m.Call).ID()})
	default:
		changes = 1
		if before%2 != 0 {
			o.w.fail("commit %d: %s did not mind that x is %d", c.Seq, m.Call, before)
		}
	}
	if len(c.Changes) != changes {
		o.w.fail("commit %d, %s %s, has %d changes", c.Seq, m.Call, m.Tag, len(c.Changes))
	}
	if o.w.plan.ruled && m.By != c.Author {
		o.w.fail("commit %d puts a mark of %s, which %s may not", c.Seq, m.By, c.Author)
	}
}

func (o *oracle) count(payload []byte) int {
	var x numeric
	if payload != nil {
		if err := json.Unmarshal(payload, &x); err != nil {
			o.w.fail("a number is %s", payload)
		}
	}
	return x.N
}

// checkShown: what a replica has shown under a random id is where the server put it.
func (w *world) checkShown(c *client, in *intent, f core.Finished) {
	if in.shown == "" || f.Outcome.Kind != space.Applied || f.Outcome.Seq == 0 || w.oracle.lost > 0 {
		return
	}
	commit := w.oracle.commits[f.Outcome.Seq-1]
	if commit.Client != in.client {
		return // numbered anew meanwhile
	}
	for i := range commit.Changes {
		if commit.Changes[i].Key == (space.Key{Collection: "made", ID: in.shown}) {
			return
		}
	}
	w.fail("%s showed made/%s for %s; commit %d has another id", c.name, in.shown, in.tag, commit.Seq)
}

// callers carry out calls at the server and in replicas; nil in schedules without.
func (w *world) callers() kernel.Caller {
	if !w.plan.called {
		return nil
	}
	return runner
}
