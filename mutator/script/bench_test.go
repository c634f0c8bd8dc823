package script_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/mutator/script"
)

// BenchmarkCall is a script mutator with three reads and two writes, by itself.
func BenchmarkCall(b *testing.B) {
	r := load(b, `move(tx, args) {
		const from = tx.get("accounts", args.from), to = tx.get("accounts", args.to), rules = tx.get("rules", "r");
		if (from.n - args.n < rules.least) tx.reject("too little");
		tx.put("accounts", args.from, {...from, n: from.n - args.n});
		tx.patch("accounts", args.to, {$inc: {n: args.n}});
	}`, script.Options{})
	e := entries{"accounts/a": jsontext.Value(`{"n":1000000000}`), "accounts/b": jsontext.Value(`{"n":0}`), "rules/r": jsontext.Value(`{"least":0}`)}
	for b.Loop() {
		if err := call(r, e, "move", `{"from":"a","to":"b","n":1}`); err != nil {
			b.Fatal(err)
		}
	}
}
