package host_test

import (
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
// the same two writes, all through Do on a synced store, eight callers at once.
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
	for name, m := range map[string]space.Mutation{
		"plain":  {Ops: []space.Op{{Op: "put", In: "cards", ID: "a", Value: value}, {Op: "put", In: "cards", ID: "b", Value: value}}},
		"script": {Call: "move", Args: args},
		"go":     {Call: "go", Args: args},
	} {
		b.Run(name, func(b *testing.B) {
			h := newHost(b, host.Options{Store: stores["pebble"](b), Mutators: runner})
			who := mustIdentify(b)
			first := space.Mutation{Ops: []space.Op{
				{Op: "put", In: "cards", ID: "a", Value: fmt.Appendf(nil, `{"n":1000000000,"text":%q}`, text)},
				{Op: "put", In: "cards", ID: "b", Value: value},
				{Op: "put", In: "cards", ID: "rules", Value: []byte(`{"least":0}`)},
			}}
			if _, _, err := h.Do(b.Context(), who, path, "", []space.Mutation{first}); err != nil {
				b.Fatal(err)
			}
			b.SetParallelism(4)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					out, _, err := h.Do(b.Context(), who, path, "", []space.Mutation{m})
					if err != nil || out[0].Kind != space.Applied {
						b.Fatal(out, err)
					}
				}
			})
		})
	}
}
