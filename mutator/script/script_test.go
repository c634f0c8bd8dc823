package script_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/mutator/script"
	"github.com/syncline/syncline/space"
)

// TestScript: what a script can do, each on {"n":1} as cards/a.
func TestScript(t *testing.T) {
	random := mutator.NewRandom("AAAAAAAAAAAAAAAAAAAAAA", 1, "m")
	first, _ := jsontext.AppendQuote(nil, random.ID())
	for body, want := range map[string]string{
		`tx.put("cards", "b", {n: tx.get("cards", "a").n + args.by})`:                                                                                                             `{"n":3}`,
		`tx.put("cards", "b", {none: tx.get("cards", "z") === undefined})`:                                                                                                        `{"none":true}`,
		`tx.put("cards", "b", {q: tx.query({in: "cards", where: {n: 1}}).map(e => e.id)})`:                                                                                        `{"q":["a"]}`,
		`tx.patch("cards", "a", {$inc: {n: 4}}); tx.put("cards", "b", tx.get("cards", "a"))`:                                                                                      `{"n":5}`,
		`tx.delete("cards", "a"); tx.put("cards", "b", {gone: tx.get("cards", "a") === undefined})`:                                                                               `{"gone":true}`,
		`tx.put("cards", "b", {id: tx.id()})`:                                                                                                                                     `{"id":` + string(first) + `}`,
		`tx.put("cards", "b", {a: tx.now, b: Date.now(), c: +new Date(), d: new Date().toISOString(), e: new Date(5) - 0})`:                                                       `{"a":1764109771123,"b":1764109771123,"c":1764109771123,"d":"2025-11-25T22:29:31.123Z","e":5}`,
		`tx.put("cards", "b", {u: tx.user, c: tx.claims.role, s: tx.space, d: new Date() instanceof Date})`:                                                                       `{"c":"editor","d":true,"s":"team/alpha","u":"ada"}`,
		`try { tx.patch("cards", "z", {$inc: {n: 1}}) } catch (e) { tx.put("cards", "b", {e: e.code, r: e instanceof tx.Refusal}) }`:                                              `{"e":"not_found","r":true}`,
		`class E extends Error { constructor(m) { super(m); this.name = "E"; this.toString = () => "mine" } }; tx.put("cards", "b", {e: String(new E("x")), n: new E("x").name})`: `{"e":"mine","n":"E"}`,
		`tx.put("cards", "b", {x: [3,1,2].sort().concat([4]).map(x => x * 2).join("-"), s: "a,b".split(",").length, r: "aXb".replace(/x/i, "_")})`:                                `{"r":"a_b","s":2,"x":"2-4-6-8"}`,
		`const f = async () => { const a = await tx.get("cards", "a"); await null; tx.put("cards", "b", {n: a.n}) }; return f()`:                                                  `{"n":1}`,
	} {
		e := entries{"cards/a": jsontext.Value(`{"n":1}`)}
		if err := call(load(t, "m(tx, args) {"+body+"}", script.Options{}), e, "m", `{"by":2}`); err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		got := e["cards/b"]
		if err := got.Canonicalize(); err != nil || string(got) != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

// TestRandomIsTheStream: Math.random and tx.random draw from the stream that the vectors pin.
func TestRandomIsTheStream(t *testing.T) {
	e := entries{}
	if err := call(load(t, `m(tx) { tx.put("a", "b", {x: [Math.random(), tx.random(), Math.random()]}) }`, script.Options{}), e, "m", `null`); err != nil {
		t.Fatal(err)
	}
	random := mutator.NewRandom("AAAAAAAAAAAAAAAAAAAAAA", 1, "m")
	want, err := encode([]float64{random.Float(), random.Float(), random.Float()})
	if err != nil || string(e["a/b"]) != `{"x":`+want+`}` {
		t.Errorf("%s, want %s (%v)", e["a/b"], want, err)
	}
}

// TestRefusals: what reaches whoever made the call.
func TestRefusals(t *testing.T) {
	for body, want := range map[string]space.Refusal{
		`tx.reject("too late", {code: "closed", path: "args.id"})`: {Code: "closed", Path: "args.id", Message: "too late"},
		`tx.reject("no")`:                                                      {Message: "no"},
		`throw new tx.Refusal("no", {code: "c"})`:                              {Code: "c", Message: "no"},
		`tx.patch("cards", "z", {$inc: {n: 1}})`:                               {Code: "not_found", Message: "there is no entry to patch"},
		`return Promise.resolve().then(() => tx.reject("later", {code: "l"}))`: {Code: "l", Message: "later"},
	} {
		var r *space.Refusal
		if err := call(load(t, "m(tx, args) {"+body+"}", script.Options{}), entries{}, "m", `null`); !errors.As(err, &r) || *r != want {
			t.Errorf("%s: %v, want %v", body, err, &want)
		}
	}
}

// TestLoadRefuses what is no script of mutators, and says why.
func TestLoadRefuses(t *testing.T) {
	for source, want := range map[string]string{
		`var x = 1`: "no __syncline.mutators",
		`var __syncline = {mutators: {"UPPER": {a() {}}}}`:   "no pattern",
		`var __syncline = {mutators: {"a": {"1": () => 1}}}`: "named as a collection",
		`var x = ;`:                             "does not compile",
		`}); globalThis.x = 1; (function () {`:  "does not compile",
		`return {mutators: {}}`:                 "does not compile",
		`throw new Error("at the top")`:         "at the top",
		`for (;;) {}`:                           "did not end",
		strings.Repeat("/", script.MaxSource+1): "the limit is",
	} {
		if _, err := script.Load(source, script.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", source, err, want)
		}
	}
}
