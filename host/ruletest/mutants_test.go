package ruletest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/ruletest"
	"github.com/syncline/syncline/mutator"
)

// everywhere has a rule at each place where there can be one.
const everywhere = `
spaces:
  team/{team}:
    open: auth.uid != "x"
    relations:
      lead: {in: cards, subject: user, object: team, where: {role: lead, live: true}}
    collections:
      cards:
        read: doc.a != 1
        create: new.a != 2
        update: new.a != 3
        delete: doc.a != 4
        fields:
          pay.gross: {read: doc.a != 5, write: new.a != 6}
      notes: {read: doc.a != 7, write: doc.a != 8, update: doc.a != 9}
    mutators:
      touch: {allow: args.a != 10}
    deliver:
      told: {to: x, collections: [cards], when: new.a != 11}
    ask:
      asked: {to: x, collections: [cards], when: new.a != 12}
tests:
  - {name: lax, space: team/a, entries: {}, cases: [%s]}
`

var touch = mutator.Set{"team/{team}": {"touch": mutator.Of(func(*mutator.Tx, map[string]any) error { return nil })}}

// TestMutateEverywhere: tests that ask nothing notice nothing, wherever a rule stands, and so see no atom in either way.
func TestMutateEverywhere(t *testing.T) {
	d, err := definition.ParseFile("app.yaml", []byte(fmt.Sprintf(everywhere, "")))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"ask.asked.when: new.a != 12", "collections.cards.create: new.a != 2", "collections.cards.delete: doc.a != 4",
		"collections.cards.fields.pay.gross.read: doc.a != 5", "collections.cards.fields.pay.gross.write: new.a != 6",
		"collections.cards.read: doc.a != 1", "collections.cards.update: new.a != 3",
		"collections.notes.read: doc.a != 7", "collections.notes.update: doc.a != 9", "collections.notes.write: doc.a != 8",
		"deliver.told.when: new.a != 11", "mutators.touch.allow: args.a != 10", `open: auth.uid != "x"`,
	}
	wheres := []string{`relations.lead.where: {"live":true}`, `relations.lead.where: {"role":"lead"}`}
	survivors, tried, err := ruletest.Mutate(t.Context(), d, touch)
	if err != nil {
		t.Fatal(err)
	}
	instead := map[string][]string{}
	for _, s := range survivors {
		name := strings.TrimPrefix(s.Rule, "spaces.team/{team}.") + ": " + s.Atom
		instead[name] = append(instead[name], s.Instead)
	}
	for _, name := range want {
		_, atom, _ := strings.Cut(name, ": ")
		if got := instead[name]; !slices.Equal(got, []string{"true", "false", "!(" + atom + ")"}) {
			t.Errorf("in place of %s: %q", name, got)
		}
	}
	for _, name := range wheres {
		_, atom, _ := strings.Cut(name, ": ")
		if got := instead[name]; !slices.Equal(got, []string{"{}", `{"$not":{}}`, `{"$not":` + atom + `}`}) {
			t.Errorf("in place of %s: %q", name, got)
		}
	}
	if n := 3 * (len(want) + len(wheres)); len(survivors) != n || tried != n {
		t.Errorf("%d of %d changes survive, want %d of as many", len(survivors), tried, n)
	}
	if got := survivors[0].String(); got != `app.yaml:4:11: spaces.team/{team}.open: no test notices if auth.uid != "x" is replaced by true` {
		t.Error(got)
	}

	unseen, atoms, err := ruletest.Cover(t.Context(), d, touch)
	if err != nil || atoms != len(want) {
		t.Fatalf("%d atoms, want %d (%v)", atoms, len(want), err)
	}
	never := map[string]int{}
	for _, u := range unseen {
		never[strings.TrimPrefix(u.Rule, "spaces.team/{team}.")+": "+u.Atom]++
	}
	for _, name := range want {
		if never[name] != 2 {
			t.Errorf("%s is missed %d times, want true and false", name, never[name])
		}
	}
}

// TestCoverEverywhere: each question of a test shows the atoms of the rules that it asks, and no others.
func TestCoverEverywhere(t *testing.T) {
	all := func(t *testing.T, cases, more string) (never []string) {
		t.Helper()
		text := fmt.Sprintf(everywhere, cases)
		text = strings.Replace(text, "entries: {}", "entries: {"+more+"}", 1)
		d := parse(t, text)
		unseen, _, err := ruletest.Cover(t.Context(), d, touch)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range unseen {
			never = append(never, fmt.Sprintf("%s %t", strings.TrimPrefix(u.Rule, "spaces.team/{team}."), u.Never))
		}
		return never
	}
	nothing := all(t, "", "")
	for _, c := range []struct{ cases, entries, seen string }{
		{"{as: {uid: ada}, sees: [cards/a]}", "cards/a: {a: 0}", "open true, collections.cards.read true"},
		{"{as: {uid: ada}, sees: []}", "cards/a: {a: 1}", "open true, collections.cards.read false"},
		{"{as: {uid: x}, sees: []}", "cards/a: {}", "open false"},
		{"{as: {uid: ada}, sees: [cards/a]}", "cards/a: {a: 5, pay: {gross: 1}}", "open true, collections.cards.read true, collections.cards.fields.pay.gross.read false"},
		{"{as: {uid: ada}, may: [{put: cards/b, value: {a: 0}}]}", "", "open true, collections.cards.create true, deliver.told.when true, ask.asked.when true"},
		{"{as: {uid: ada}, may: [{put: cards/b, value: {a: 11, pay: {gross: 1}}, tells: [], asks: [asked]}]}", "", "open true, collections.cards.create true, collections.cards.fields.pay.gross.write true, deliver.told.when false, ask.asked.when true"},
		{"{as: {uid: ada}, mayNot: [{put: cards/b, value: {a: 2}}]}", "", "open true, collections.cards.create false"},
		{"{as: {uid: ada}, may: [{put: notes/b, value: {a: 9}}]}", "", "open true, collections.notes.write true"},
		{"{as: {uid: ada}, mayNot: [{delete: notes/b}]}", "notes/b: {a: 8}", "open true, collections.notes.read true, collections.notes.write false"},
		{"{as: {uid: ada}, mayNot: [{put: notes/b, value: {a: 0}}]}", "notes/b: {a: 9}", "open true, collections.notes.read true, collections.notes.update false"},
		{"{as: {uid: ada}, mayNot: [{call: touch, args: {a: 10}}]}", "", "open true, mutators.touch.allow false"},
	} {
		left := all(t, c.cases, c.entries)
		var seen []string
		for _, name := range nothing {
			if !slices.Contains(left, name) {
				seen = append(seen, name)
			}
		}
		want := strings.Split(c.seen, ", ")
		slices.Sort(seen)
		slices.Sort(want)
		if !slices.Equal(seen, want) {
			t.Errorf("%s shows %q, want %q", c.cases, seen, want)
		}
	}
}

// TestHooksOfWrites: which hooks a write concerns is as the test says; what is expected otherwise is noticed.
func TestHooksOfWrites(t *testing.T) {
	for cases, want := range map[string]string{
		"{as: {uid: ada}, may: [{put: cards/b, value: {a: 0}, tells: [told], asks: [asked]}]}":            "",
		"{as: {uid: ada}, may: [{delete: cards/c, tells: [], asks: [asked]}]}":                            "", // without an answer, which docs/HOOKS.md says
		"{as: {uid: ada}, may: [{put: notes/b, value: {}, tells: [], asks: []}]}":                         "forbidden",
		"{as: {uid: ada}, may: [{put: notes/b, value: {a: 0}, tells: [], asks: []}]}":                     "",
		"{as: {uid: ada}, may: [{put: cards/b, value: {a: 12}, asks: [asked]}]}":                          "case 1, as ada: put cards/b asks [], and should [asked]",
		"{as: {uid: ada}, may: [{put: cards/b, value: {a: 12}, tells: []}]}":                              "case 1, as ada: put cards/b tells [told], and should []",
		"{as: {uid: ada}, mayNot: [{put: cards/b, value: {a: 2}, tells: []}]}":                            "case 1: tells and asks are said of a write of may",
		"{as: {uid: ada}}], steps: [{writes: [{put: cards/b, value: {a: 12}, asks: [asked]}], cases: []}": "step 1: tells and asks are said of a write of may",
	} {
		text := strings.Replace(fmt.Sprintf(everywhere, cases), "entries: {}", "entries: {cards/c: {a: 0}}", 1)
		_, err := ruletest.Run(t.Context(), parse(t, text), touch)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", cases, err, want)
		}
	}
}
