package host_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/mutator/script"
	"github.com/syncline/syncline/space"
)

// move is a mutator with three reads and two writes.
const move = `var __syncline = {mutators: {"team/{team}": {
	move(tx, args) {
		const from = tx.get("cards", args.from), to = tx.get("cards", args.to), rules = tx.get("cards", "rules");
		if (from.n - args.n < rules.least) tx.reject("too little is left");
		tx.put("cards", args.from, {...from, n: from.n - args.n});
		tx.put("cards", args.to, {...to, n: to.n + args.n});
	},
}}}`

type transfer struct {
	From string `json:"from"`
	To   string `json:"to"`
	N    int    `json:"n"`
}

type account struct {
	Text string `json:"text"`
	N    int    `json:"n"`
}

func moveInGo(tx *mutator.Tx, t transfer) error {
	var from, to account
	var rules struct{ Least int }
	for id, into := range map[string]any{t.From: &from, t.To: &to, "rules": &rules} {
		if _, err := tx.Get("cards", id, into); err != nil {
			return err
		}
	}
	if from.N-t.N < rules.Least {
		return mutator.Refuse("", "", "too little is left")
	}
	from.N -= t.N
	to.N += t.N
	if err := tx.Put("cards", t.From, from); err != nil {
		return err
	}
	return tx.Put("cards", t.To, to)
}

// BenchmarkMutators holds a script and a Go mutator with three reads and two writes against a plain mutation of
// the same two writes, all through Do.
func BenchmarkMutators(b *testing.B) {
	set, err := script.Load(move, script.Options{})
	if err != nil {
		b.Fatal(err)
	}
	set["team/{team}"]["go"] = mutator.Of(moveInGo)
	runner, err := mutator.New(set, mutator.Options{})
	if err != nil {
		b.Fatal(err)
	}
	const text = "some sixty bytes of text, as a card would have them in its title"
	args := jsontext.Value(`{"from":"a","n":1,"to":"b"}`)
	value := fmt.Appendf(nil, `{"n":1,"text":%q}`, text)
	for _, engine := range []string{"memory", "pebble"} {
		for _, callers := range []int{1, 32} {
			b.Run(fmt.Sprint(engine, "/", callers), func(b *testing.B) {
				calls := func(name string, m space.Mutation) side {
					h := newHost(b, host.Options{Store: stores[engine](b), Mutators: runner})
					who := mustIdentify(b)
					do := func(m space.Mutation) {
						out, _, err := h.Do(context.Background(), who, path, "", []space.Mutation{m})
						if err != nil || out[0].Kind != space.Applied {
							b.Error(out, err)
						}
					}
					do(space.Mutation{Ops: []space.Op{
						{Op: "put", In: "cards", ID: "a", Value: fmt.Appendf(nil, `{"n":1000000000,"text":%q}`, text)},
						{Op: "put", In: "cards", ID: "b", Value: value},
						{Op: "put", In: "cards", ID: "rules", Value: []byte(`{"least":0}`)},
					}})
					return side{name, func(int64) { do(m) }}
				}
				inTurns(
					b, callers, 4,
					calls("plain", space.Mutation{Ops: []space.Op{{Op: "put", In: "cards", ID: "a", Value: value}, {Op: "put", In: "cards", ID: "b", Value: value}}}),
					calls("script", space.Mutation{Call: "move", Args: args}),
					calls("go", space.Mutation{Call: "go", Args: args}),
				)
			})
		}
	}
}
