package appfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/syncline/syncline/host/ruletest"
	"github.com/syncline/syncline/mutator/script"
)

// write puts files into a directory of its own and returns the path of app.ts.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "app.ts")
}

const whole = `import { define, json } from "@syncline/client/define";
import { limit } from "./rules";
import { object } from "schemas";

type Card = { title: string };
export default define({
  spaces: {
    "team/{team}": {
      open: "true",
      collections: {
        cards: { schema: json<Card>({ type: "object", required: ["title"] }), read: "true", write: limit("new.n", 3) },
        notes: { schema: object({ text: "string" }) },
        raw: { schema: { type: "object", pattern: "(?=x)" } },
      },
      mutators: {
        close: {
          allow: "true",
          as: "space",
          args: object({ id: "string" }),
          async: undefined,
          run(tx, { id }: { id: string }) {
            const card = tx.get("cards", id);
            tx.put("cards", id, { ...card!, title: (card?.title ?? "none") + "!" });
          },
        },
      },
    },
  },
  tests: [{ space: "team/a", entries: { "cards/c": { title: "x" } }, cases: [{ as: { uid: "ada" }, sees: ["cards/c"] }] }],
});
`

// A package that speaks Standard JSON Schema.
const schemas = `export const object = (members) => ({ "~standard": { version: 1, vendor: "schemas", validate: (value) => ({ value }), jsonSchema: { input: ({ target }) => {
  if (target !== "draft-2020-12") throw new Error("another target");
  return { type: "object", properties: Object.fromEntries(Object.entries(members).map(([name, type]) => [name, { type, format: "email", pattern: "^(?!x)" }])) };
} } } });`

func TestLoad(t *testing.T) {
	a, err := Load(write(t, map[string]string{
		"app.ts":                            whole,
		"rules.ts":                          "export const limit = (what: string, most: number): string => `${what} < ${most}`;",
		"node_modules/schemas/package.json": `{"name":"schemas","version":"1.0.0","type":"module","exports":"./index.js"}`,
		"node_modules/schemas/index.js":     schemas,
	}))
	if err != nil {
		t.Fatal(err)
	}
	s := a.Definition.Spaces["team/{team}"]
	for got, want := range map[string]string{
		s.Collections["cards"].Write:              "new.n < 3",
		string(s.Collections["cards"].Schema):     `{"type":"object","required":["title"]}`,
		string(s.Collections["notes"].Schema):     `{"type":"object","properties":{"text":{"type":"string","format":"email"}}}`,
		string(s.Collections["raw"].Schema):       `{"type":"object","pattern":"(?=x)"}`,
		string(s.Mutators["close"].Args):          `{"type":"object","properties":{"id":{"type":"string","format":"email"}}}`,
		s.Mutators["close"].Allow:                 "true",
		s.Mutators["close"].As:                    "space",
		a.Definition.Tests[0].Space:               "team/a",
		string(a.Definition.Tests[0].Cases[0].As): `{"uid":"ada"}`,
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	var names []string
	for _, f := range a.Files {
		rel, _ := filepath.Rel(filepath.Dir(a.path), f)
		names = append(names, filepath.ToSlash(rel))
	}
	if got, want := strings.Join(names, " "), "app.ts node_modules/schemas/index.js rules.ts"; got != want {
		t.Errorf("made of %s, want %s", got, want)
	}
	set, err := script.Load(a.Script, script.Options{})
	if err != nil || set["team/{team}"]["close"] == nil {
		t.Errorf("the script has the mutators %v (%v)", set, err)
	}
}

// app is a file with something in the place of a collection's members.
func app(collection string) string {
	return `import { define } from "@syncline/client/define";

export default define({
  spaces: {
    "team/{team}": {
      open: "true",
      collections: {
        people: { read: "true" },
        cards: {` + collection + `},
      },
    },
  },
});
`
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"export default {":                                        `app.ts:1:17: Expected identifier but found end of file`,
		"import x from './none';\nexport default x;":              `app.ts:1:15: Could not resolve "./none"`,
		"import fs from 'fs';\nexport default fs;":                `app.ts:1:16: Could not resolve "fs"`,
		"import {Client} from '@syncline/client';\nnew Client();": `app.ts:1:22: @syncline/client is for devices`,
		"export const app = {};":                                  `app.ts: it has no default export that is an object`,
		"export default [];":                                      `app.ts: it has no default export that is an object`,
		"const x = (): never => {\n  throw new Error('no');\n};\nexport default x();": `app.ts:2:9: no`,
		"export default fetch('http://example.com');":                                 `app.ts:1:22: ReferenceError: fetch is not defined`,
		"export default { spaces: process.env };":                                     `app.ts:1:26: ReferenceError: process is not defined`,
		app(" raed: 'true' "):                                                         `app.ts:9:18: spaces.team/{team}.collections.cards.raed: a definition has no such member here`,
		app(" read: 7 "):                                                              `app.ts:9:18: spaces.team/{team}.collections.cards.read: `,
		app(" read: () => true "):                                                     `app.ts: a function where data is wanted`,
		app(" schema: 'none' "):                                                       `app.ts:9:18: spaces.team/{team}.collections.cards.schema: neither a schema nor a JSON Schema`,
		app(" schema: { '~standard': { vendor: 'old' } } "):                           `app.ts:9:18: spaces.team/{team}.collections.cards.schema: this schema of old does not give a JSON Schema`,
		"export default { spaces: { 'a/{b}': { mutators: { m: { allow: 'true' } } } } };": `app.ts:1:51: spaces.a/{b}.mutators.m: run is wanted`,
		"const f = (): number => f() + 1;\nexport default f();":                           `app.ts: it recurses more than 2000 deep`,
	} {
		_, err := Load(write(t, map[string]string{"app.ts": text}))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\n  %v\n  want %s", text, err, want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.ts")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestEndless: what does not end is ended. In goja's hands, so that the limit need not be waited for.
func TestEndless(t *testing.T) {
	b, err := build(write(t, map[string]string{"app.ts": "export default { get spaces() { for (;;); } };"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := define("", b, time.Millisecond); err == nil || !strings.Contains(err.Error(), "to say its definition") {
		t.Errorf("%v", err)
	}
}

func TestSameEachTime(t *testing.T) {
	path := write(t, map[string]string{"app.ts": "export default { tests: [{ space: String(Math.random()) + Date.now() + new Date().getHours(), cases: [] }] };"})
	var first string
	for range 3 {
		a, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = a.Definition.Version()
		}
		if got := a.Definition.Version(); got != first {
			t.Errorf("version %s, then %s", first, got)
		}
	}
}

// TestLocate: what the authority says of a rule stands in the file.
func TestLocate(t *testing.T) {
	a, err := Load(write(t, map[string]string{"app.ts": app(" read: 'nobody(doc.x)', create: 'true' ")}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = ruletest.Run(t.Context(), a.Definition, nil)
	if got := a.Locate(err); got == nil || !strings.Contains(got.Error(), "app.ts:9:18: spaces.team/{team}.collections.cards.read: ") {
		t.Errorf("%v", got)
	}
	if a.Locate(nil) != nil {
		t.Error("an error of none")
	}
}
