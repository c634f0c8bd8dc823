package script_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/mutator/script"
)

func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// hostile are bodies of mutators that break down, with the reason that is found.
// "?" is any: but a realm that survives is clean.
var hostile = map[string]string{
	`for (;;) {}`: "time",
	`for (;;) { try { for (;;) {} } catch {} finally { continue } }`:          "time",
	`const f = () => f() + 1; f()`:                                            "stack",
	`const f = () => { try { f() } catch { f() } }; f()`:                      "?",
	`let s = "x"; for (;;) s += s`:                                            "?",
	`"x".repeat(2 ** 29)`:                                                     "memory",
	`"x".padEnd(2 ** 29)`:                                                     "memory",
	`const a = []; for (;;) a.push(a, a, a)`:                                  "memory",
	`const a = []; for (;;) try { a.push(new Array(1000).fill(a)) } catch {}`: "time",
	`new Array(2 ** 28).fill(0)`:                                              "?",
	`Array.from({length: 2 ** 40})`:                                           "?",
	`new Uint8Array(2 ** 30)`:                                                 "?",
	`Array.prototype.indexOf.call({length: 2 ** 53 - 1}, 1)`:                  "error",
	`const a = []; a.length = 2 ** 32 - 1; a.indexOf(1)`:                      "error",
	`const a = []; a.length = 2 ** 32 - 1; JSON.stringify(a)`:                 "?",
	`"a".repeat(1e6).indexOf("a".repeat(5e5) + "b")`:                          "error",
	`/^(a+)+$/.test("a".repeat(40) + "b")`:                                    "time",
	`/(x+x+)+y/.exec("x".repeat(60))`:                                         "time",
	`let n = 2n; for (;;) n = n * n`:                                          "?",
	`2n ** (2n ** 40n)`:                                                       "?",
	`return new Promise(() => {})`:                                            "error",
	`const again = () => Promise.resolve().then(again); return again()`:       "?",
	`return (async () => { for (;;) await null })()`:                          "?",
	`Promise.resolve().then(() => { for (;;) {} })`:                           "time",
	`throw {get message() { for (;;) {} }, toString() { for (;;) {} }}`:       "time",
	`throw null`:                                 "error",
	`throw undefined`:                            "error",
	`throw Symbol("s")`:                          "error",
	`eval("1")`:                                  "error",
	`new Function("return 1")()`:                 "error",
	`(() => {}).constructor("return 1")()`:       "error",
	`(async () => {}).constructor("1")`:          "error",
	`(function* () {}).constructor("1")`:         "error",
	`setTimeout(() => {}, 1)`:                    "error",
	`require("fs")`:                              "error",
	`"use strict"; Object.prototype.x = 1`:       "error",
	`"use strict"; Array.prototype.map = 1`:      "error",
	`"use strict"; Math.random = () => 4`:        "error",
	`"use strict"; JSON.parse = () => 4`:         "error",
	`"use strict"; ({}).__proto__.x = 1`:         "error",
	`"use strict"; tx.put = 1`:                   "error",
	`tx.put("a", "b", undefined)`:                "error",
	`tx.put("a", "b", {x: 1n})`:                  "error",
	`const c = {}; c.c = c; tx.put("a", "b", c)`: "error",
	`import("x")`:                                "?",
}

// slow are those that may not see for seconds that they were told to end, if the machine is busy: nobody waits for them.
var slow = map[string]bool{
	// Each stack overflow is costly, and QuickJS looks up once in 10,000 calls.
	`const f = () => { try { f() } catch { f() } }; f()`: true,
	// One native loop, until the memory is full.
	`const a = []; a.length = 2 ** 32 - 1; JSON.stringify(a)`: true,
	`Array.from({length: 2 ** 40})`:                           true,
}

// TestHostile: whatever a mutator does it ends, and the next call, in the same pool, finds the
// world as it was.
func TestHostile(t *testing.T) {
	if raced {
		t.Skip("QuickJS, which is C made Go, is some twenty times slower under the race detector; make test runs this without it, too")
	}
	for body, want := range hostile {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			both := set(t, "bad(tx, args) {"+body+"}, good(tx) { tx.put('a', 'c', {x: [1, 2].map(x => x + 1), y: JSON.parse('{\"z\":1}'), n: Object.keys({}).length, p: typeof ({}).x}) }", script.Options{Memory: 16 << 20})
			bad, good := runner(t, both, time.Second), runner(t, both, time.Minute)
			for range 2 {
				err := call(bad, entries{}, "bad", `null`)
				if got := reason(err); got != want && want != "?" {
					t.Errorf("%q: %v", got, err)
				}
				if err != nil && !slow[body] && strings.Contains(err.Error(), "nor when it was told") {
					t.Errorf("it cannot be stopped: %v", err)
				}
				e := entries{}
				if err := call(good, e, "good", `null`); err != nil || string(e["a/c"]) != `{"x":[2,3],"y":{"z":1},"n":0,"p":"undefined"}` {
					t.Errorf("the next call: %s, %v", e["a/c"], err)
				}
			}
		})
	}
}

// TestNothingIsKept: a script that keeps something at its top finds it as new in each run, and what all share is frozen.
func TestNothingIsKept(t *testing.T) {
	set, err := script.Load(`
		let n = 0; const cache = new Map(); const r = /a/g; function f() {} f.n = 0;
		var __syncline = {mutators: {"team/{team}": {
			m(tx) { n++; f.n++; r.test("a"); cache.set(cache.size, 1); globalThis.seen = (globalThis.seen || 0) + 1; undeclared(); tx.put("a", "b", {n, size: cache.size, seen: globalThis.seen, f: f.n, last: r.lastIndex}) },
		}}};
		function undeclared() { try { leaked = (typeof leaked === "number" ? leaked : 0) + 1; if (leaked > 1) n = 100 } catch {} }`, script.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := runner(t, set, time.Minute)
	for range 5 {
		e := entries{}
		if err := call(r, e, "m", `null`); err != nil || string(e["a/b"]) != `{"n":1,"size":1,"seen":1,"f":1,"last":1}` {
			t.Fatalf("%s, %v", e["a/b"], err)
		}
	}
}

// TestAllIsFrozen walks what a mutator can reach and was not made by its own run.
func TestAllIsFrozen(t *testing.T) {
	r := load(t, `m(tx) {
		const seen = new Set(), bad = [];
		const reach = (v, path) => {
			if ((typeof v !== "object" && typeof v !== "function") || v === null || seen.has(v)) return;
			seen.add(v);
			if (!Object.isFrozen(v)) bad.push(path);
			reach(Object.getPrototypeOf(v), path + ".__proto__");
			for (const k of Reflect.ownKeys(v)) { const d = Object.getOwnPropertyDescriptor(v, k); reach(d.value, path + "." + String(k)); reach(d.get, path + ".get " + String(k)); reach(d.set, path + ".set " + String(k)); }
		};
		const real = (function () { return this })();
		reach(real, "global");
		for (const [k, v] of Object.entries({a: Object.getPrototypeOf((function*(){})()), b: Object.getPrototypeOf((async function*(){})()), c: [].values(), d: new Map().entries(), e: new Set().values(), f: "".matchAll(/a/g), g: ""[Symbol.iterator](), i: (async () => {})(), j: /a/[Symbol.matchAll]("a"), k: new Error("x"), l: 1n, m: Symbol("x")})) reach(Object.getPrototypeOf(v), k);
		tx.put("a", "b", {bad, n: seen.size});
	}`, script.Options{})
	e := entries{}
	if err := call(r, e, "m", `null`); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Bad []string
		N   int
	}
	if err := json.Unmarshal(e["a/b"], &got, json.MatchCaseInsensitiveNames(true)); err != nil || len(got.Bad) > 0 || got.N < 500 {
		t.Errorf("of %d reachable, not frozen: %q (%v)", got.N, got.Bad, err)
	}
}

// TestArgs: whatever JSON comes as arguments is data.
func TestArgs(t *testing.T) {
	r := load(t, `m(tx, args) { tx.put("a", "b", {polluted: ({}).x !== undefined, keys: Object.keys(args)}) }`, script.Options{})
	for args, want := range map[string]string{
		`{"__proto__":{"x":1}}`:                 `{"polluted":false,"keys":["__proto__"]}`,
		`{"constructor":{"prototype":{"x":1}}}`: `{"polluted":false,"keys":["constructor"]}`,
		`{"toString":1,"then":2,"toJSON":3}`:    `{"polluted":false,"keys":["toString","then","toJSON"]}`,
	} {
		e := entries{}
		if err := call(r, e, "m", args); err != nil || string(e["a/b"]) != want {
			t.Errorf("%s: %s, %v", args, e["a/b"], err)
		}
	}
}
