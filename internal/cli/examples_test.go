package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/synclinetest"
	"github.com/syncline/syncline/web"
)

const docs = "../../docs/"

// blocks are the code blocks of a file in docs in a language, by the rest of its line.
func blocks(t *testing.T, file, language string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(docs + file)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)\n```"+language+"[^\n]*\n(.*?)\n```\n").FindAllStringSubmatch(string(text), -1) {
		all = append(all, block[1]+"\n")
	}
	return all
}

// excerpts joins those blocks that begin in one of some ways, of which each must be there.
func excerpts(t *testing.T, file, language string, beginnings ...string) string {
	t.Helper()
	var out strings.Builder
	for _, beginning := range beginnings {
		before := out.Len()
		for _, block := range blocks(t, file, language) {
			if strings.HasPrefix(block, beginning) {
				out.WriteString(block)
			}
		}
		if out.Len() == before {
			t.Fatalf("docs/%s has no block that begins with %q", file, beginning)
		}
	}
	return out.String()
}

// TestExamples: of each definition that is shipped or shown its tests pass, notice each change of an atom of a rule, and
// ask each atom where it is true and where it is false. There are no exceptions.
func TestExamples(t *testing.T) {
	suites := map[string]synclinetest.Suite{
		"web/demo/demo.yaml": {Definition: parsed(t, "web/demo/demo.yaml", string(web.DemoRules))},
		"docs/RULES.md": {Definition: parsed(t, "docs/RULES.md",
			excerpts(t, "RULES.md", "yaml", "spaces:", "      people:", "tests:", "  - name:"))},
		"docs/HOOKS.md":      {Definition: parsed(t, "docs/HOOKS.md", team+excerpts(t, "HOOKS.md", "yaml", "    deliver:", "    ask:")+hookTests)},
		"docs/MUTATORS.md":   {Definition: parsed(t, "docs/MUTATORS.md", team+excerpts(t, "MUTATORS.md", "yaml", "    mutators:")+mutatorTests), Mutators: mutators},
		"docs/TYPESCRIPT.md": typescript(t),
	}
	for name, suite := range suites {
		t.Run(name, func(t *testing.T) {
			if len(suite.Definition.Tests) == 0 {
				t.Fatal("it has no tests")
			}
			suite.Rules(t)
			suite.Noticed(t)
		})
	}
}

// TestExamplesAreAll: no other file of the docs shows a whole definition, and none of those shows another.
func TestExamplesAreAll(t *testing.T) {
	files, err := filepath.Glob(docs + "*.md")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	got := map[string]int{}
	for _, file := range append(files, docs+"../README.md", docs+"../CONTRIBUTING.md") {
		name, err := filepath.Rel(docs, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range append(append(blocks(t, name, "ya?ml"), blocks(t, name, "json")...), blocks(t, name, "ts")...) {
			if regexp.MustCompile(`(?m)^["{ ]*spaces"?:|export default define\(`).MatchString(block) {
				got[name]++
			}
		}
	}
	if len(got) != 2 || got["RULES.md"] != 1 || got["TYPESCRIPT.md"] != 1 {
		t.Errorf("whole definitions are shown in %v: TestExamples has to test each", got)
	}
}

func parsed(t *testing.T, name, text string) *definition.Definition {
	t.Helper()
	d, err := definition.ParseFile(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// team is what stands around excerpts from a kind of space.
const team = `
spaces:
  team/{team}:
    open: "true"
    relations: {member: {in: members, subject: user, object: team}}
    collections:
      cards: {read: "true", write: "true"}
      members: {read: "true"}
`

const hookTests = `
tests:
  - space: team/a
    entries: {cards/c: {}, members/m: {}}
    cases:
      - as: {uid: ada}
        sees: [cards/c, members/m]
        may:
          - {put: cards/d, value: {public: true, cost: 200}, tells: [index], asks: [budget]}
          - {put: cards/d, value: {public: false, cost: 100}, tells: [], asks: []}
          - {delete: cards/c, tells: [index], asks: []}
        mayNot: [{delete: members/m}]
`

const mutatorTests = `
tests:
  - space: team/a
    entries: {cards/c: {}, members/m: {user: ada, team: a}}
    cases:
      - as: {uid: ada, role: guest}
        sees: [cards/c, members/m]
        may: [{call: closeCard, args: {id: c}}]
        mayNot: [{call: settle}, {call: closeCard, args: {}, code: invalid}]
      - as: {uid: bob, role: accountant}
        may: [{delete: cards/c}, {call: settle}]
        mayNot: [{call: closeCard, args: {id: c}}, {delete: members/m}]
`

// mutators are those of docs/MUTATORS.md, as far as rules are concerned.
var mutators = mutator.Set{"team/{team}": {
	"closeCard": mutator.Of(func(tx *mutator.Tx, args struct {
		ID string `json:"id"`
	},
	) error {
		return tx.Put("cards", args.ID, map[string]any{"closed": true})
	}),
	"settle": mutator.Of(func(tx *mutator.Tx, _ struct{}) error { return tx.Put("members", "m", map[string]any{}) }),
}}

// typescript is the file of docs/TYPESCRIPT.md. Its e2e test takes the real Zod; here its types stand for themselves.
func typescript(t *testing.T) synclinetest.Suite {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"app.ts":                        excerpts(t, "TYPESCRIPT.md", "ts", `import { define } from "@syncline/client/define"`),
		"tests.ts":                      excerpts(t, "TYPESCRIPT.md", "ts", "export const tests"),
		"node_modules/zod/package.json": `{"name":"zod","version":"4.2.0","type":"module","exports":"./index.js"}`,
		"node_modules/zod/index.js": `
const of = (json) => ({ ...json, min: (minLength) => of({ ...json, minLength }), max: (maxLength) => of({ ...json, maxLength }) });
export const string = () => of({ type: "string" });
export const number = () => of({ type: "number" });
export const boolean = () => of({ type: "boolean" });
export const object = (properties) => ({ "~standard": { version: 1, vendor: "zod", validate: (value) => ({ value }), jsonSchema: { input: () =>
  JSON.parse(JSON.stringify({ type: "object", properties, required: Object.keys(properties), additionalProperties: false })) } } });`,
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	app, err := readApp(filepath.Join(dir, "app.ts"))
	if err != nil {
		t.Fatal(err)
	}
	return synclinetest.Suite{Definition: app.definition, Mutators: app.mutators}
}
