package ruletest_test

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/ruletest"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/synclinetest"
)

const calling = `
spaces:
  team/{team}:
    open: "true"
    relations:
      member: {in: members, subject: user, object: team}
    collections:
      cards: {read: member(space.team), update: doc.by == auth.uid}
      members: {read: doc.user == auth.uid}
      log: {read: member(space.team)}
    mutators:
      join: {allow: auth.uid != "", as: space}
      close: {allow: member(space.team), as: space, args: {type: object, required: [id]}}
      touch: {allow: "true"}
tests:
  - name: joining and closing
    space: team/a
    entries:
      cards/c: {by: ada}
      members/ada: {user: ada, team: a}
    cases:
      - as: {uid: bob}
        sees: []
        may: [{call: join}]
        mayNot: [{call: close, args: {id: c}}, {call: touch, args: {id: c}}, {call: nothing}]
      - as: {uid: ada}
        may: [{call: close, args: {id: c}}, {call: touch, args: {id: c}}]
        mayNot: [{call: close, args: {id: d}, code: gone}, {call: close, code: invalid}]
      - as: {}
        mayNot: [{call: join}]
    steps:
      - as: {uid: bob}
        writes: [{call: join}]
        cases: [{as: {uid: bob}, gains: [members/bob, cards/c], loses: []}]
      - as: {uid: bob}
        writes: [{call: close, args: {id: c}}]
        cases:
          - {as: {uid: ada}, sees: [members/ada, cards/c, log/#1, log/#2], gains: [log/#1, log/#2], loses: []}
          - {as: {uid: bob}, mayNot: [{call: close, args: {id: c}, code: refused}, {call: touch, args: {id: c}}]}
          - {as: {uid: eve}, sees: []}
      - writes: [{delete: log/#1}]
        cases: [{as: {uid: ada}, loses: [log/#1]}]
`

// mutators are those of calling.
func mutators() mutator.Set {
	type args struct {
		ID string `json:"id"`
	}
	return mutator.Set{"team/{team}": {
		"join": mutator.Of(func(tx *mutator.Tx, _ *args) error {
			return tx.Put("members", tx.User(), map[string]any{"user": tx.User(), "team": "a"})
		}),
		"close": mutator.Of(func(tx *mutator.Tx, a args) error {
			var card map[string]any
			if found, err := tx.Get("cards", a.ID, &card); err != nil || !found {
				return mutator.Refuse("gone", "", "there is no such card")
			}
			if card["done"] == true {
				return mutator.Refuse("", "", "it is closed already")
			}
			if err := tx.Put("log", tx.ID(), map[string]any{"what": "first"}); err != nil {
				return err
			}
			if err := tx.Put("log", tx.ID(), map[string]any{"what": "second"}); err != nil {
				return err
			}
			return tx.Patch("cards", a.ID, map[string]any{"$set": map[string]any{"done": true}})
		}),
		"touch": mutator.Of(func(tx *mutator.Tx, a args) error {
			return tx.Patch("cards", a.ID, map[string]any{"$set": map[string]any{"n": 1}})
		}),
	}}
}

func parse(t *testing.T, text string) *definition.Definition {
	t.Helper()
	d, err := definition.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestCalls: what mutators do goes through rules as in a server, and what they make has names.
func TestCalls(t *testing.T) {
	suite := synclinetest.Suite{Definition: parse(t, calling), Mutators: mutators()}
	suite.Rules(t)
	suite.Noticed(t)
}

// TestCallsFail: each of these makes one test wrong, which says why.
func TestCallsFail(t *testing.T) {
	for _, c := range [][3]string{
		{`close: {allow: member(space.team)`, `close: {allow: "true"`, `as bob: may call close, and should not`},
		{`join: {allow: auth.uid != ""`, `join: {allow: "false"`, `as bob: may not call join, and should: forbidden at "": the rules do not allow this`},
		{`update: doc.by == auth.uid`, `update: "true"`, "as bob: may call touch, and should not"},
		{`code: gone`, `code: lost`, `call close is refused as it should be, but for another reason: gone at "": there is no such card`},
		{`writes: [{call: join}]`, `writes: [{call: join}, {call: join}]`, "a call is the only write of its step"},
		{`{call: join}]
        mayNot`, `{call: join, value: {}}]
        mayNot`, "a write has one of put, patch and delete"},
		{`- writes: [{delete: log/#1}]`, `- writes: [{delete: log/#3}]`, "their device loses [], and should [log/#1]"},
		{`gains: [log/#1, log/#2]`, `gains: [log/#1]`, "gains [log/#1 log/#2], and should [log/#1]"},
	} {
		if !strings.Contains(calling, c[0]) {
			t.Errorf("no %s", c[0])
		}
		_, err := ruletest.Run(t.Context(), parse(t, strings.Replace(calling, c[0], c[1], 1)), mutators())
		if err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s instead of %s: %v; want %q", c[1], c[0], err, c[2])
		}
	}
	if _, err := ruletest.Run(t.Context(), parse(t, calling), nil); err == nil || !strings.Contains(err.Error(), "it calls join, and no mutators are there") {
		t.Errorf("without mutators: %v", err)
	}
	broken := mutators()
	broken["team/{team}"]["join"] = func(*mutator.Tx, jsontext.Value) error { panic("boom") }
	if _, err := ruletest.Run(t.Context(), parse(t, calling), broken); err == nil || !strings.Contains(err.Error(), "the mutator broke down: panic: boom") {
		t.Errorf("with one that panics: %v", err)
	}
}
