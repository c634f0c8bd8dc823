package core_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

const askingOfCalls = `
spaces:
  a:
    open: "true"
    collections: {cards: {read: "true", write: "true"}, notes: {read: "true", write: "true"}}
    mutators: {pay: {allow: "args.n < 100"}, bomb: {allow: "true"}}
    ask:
      bank: {to: bank, collections: [cards], when: "new.n > 0"}
`

// callingWorld is an asked world with mutators; bombs counts the runs that broke down.
func callingWorld(t *testing.T) (w *askedWorld, rules *authz.Rules, bombs *int) {
	t.Helper()
	bombs = new(int)
	type args struct {
		N int `json:"n"`
	}
	mutators, err := mutator.New(mutator.Set{"a": {
		"pay": mutator.Of(func(tx *mutator.Tx, a args) error {
			var card struct {
				N int `json:"n"`
			}
			if _, err := tx.Get("cards", "x", &card); err != nil {
				return err
			}
			return tx.Put("cards", "x", map[string]any{"n": card.N + a.N, "when": tx.Now().UnixMilli()})
		}),
		"bomb": mutator.Of(func(*mutator.Tx, args) error {
			*bombs++
			panic("boom")
		}),
	}}, mutator.Options{Time: -1})
	if err != nil {
		t.Fatal(err)
	}
	d, err := definition.Parse([]byte(askingOfCalls))
	if err != nil {
		t.Fatal(err)
	}
	p, err := authz.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	rules = p.Rules("a")
	w = newAskedWorld(t, rules, core.Bugs{})
	w.s, err = core.Load(t.Context(), core.Config{
		Path: "a", Store: w.st, Limits: wire.DefaultLimits, Rules: rules, Lagging: func(*core.Member) {}, Mutators: mutators,
		Ask: func(a *core.Ask) { w.open, w.asked[a] = append(w.open, a), w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, rules, bombs
}

func pay(id space.MutationID, n int) space.Mutation {
	return space.Mutation{ID: id, Call: "pay", Args: fmt.Appendf(nil, `{"n":%d}`, n)}
}

// TestCallIsAsked: what a call changes is asked about as what operations change, and committed only
// if that was agreed to. The time that passes until the answer makes no other change of it; another
// commit may.
func TestCallIsAsked(t *testing.T) {
	w, rules, _ := callingWorld(t)
	answer := func(v core.Verdict) {
		t.Helper()
		w.now = w.now.Add(time.Second)
		w.turn(rules)
		if len(w.open) != 1 {
			t.Fatalf("%d are asked", len(w.open))
		}
		w.now = w.now.Add(time.Second / 2)
		w.answer(0, v)
		w.turn(rules)
	}
	w.push("ada", pay(1, 5))
	w.turn(rules)
	if len(w.done["ada"]) != 0 || len(w.open) != 1 || string(w.open[0].Asked[0].Changes[0].Payload) != `{"n":5,"when":1000000000000}` {
		t.Fatalf("%+v %+v", w.done, w.open)
	}
	first := w.open[0]
	answer(core.Verdict{Agreed: true})
	w.push("ada", pay(2, 7))
	answer(core.Verdict{Refused: true, Message: "no money"})
	w.push("ada", pay(3, 100)) // the rules come first
	w.turn(rules)
	w.push("ada", pay(4, -5)) // nobody has to agree
	w.turn(rules)
	got := w.done["ada"]
	if len(got) != 4 || got[0].Kind != space.Applied || got[1].Code != space.CodeHookRefused || got[2].Code != space.CodeForbidden || got[3].Kind != space.Applied {
		t.Fatalf("%+v", got)
	}
	// What was agreed to is not what it would change by now: it is asked about again.
	w.push("ada", pay(5, 5))
	w.turn(rules)
	w.push("bob", numberPut(1, "cards", "x", -1))
	w.turn(rules)
	answer(core.Verdict{Agreed: true})
	if len(w.done["ada"]) != 4 || len(w.open) != 1 {
		t.Fatalf("%+v, %d are asked", w.done["ada"], len(w.open))
	}
	answer(core.Verdict{Agreed: true})
	if got := w.done["ada"]; len(got) != 5 || got[4].Kind != space.Applied || len(w.open) != 0 {
		t.Errorf("%+v, %d are asked", got, len(w.open))
	}
	for a := range w.asked {
		if a != first && a.ID == first.ID {
			t.Error("calls with other arguments are asked about under one id")
		}
	}
}

// TestFaultsAmongAsked: a mutator that breaks down ends the turn; what the turn had not come to is
// not lost, whether it waits for an answer or behind what does, and every client's order holds.
func TestFaultsAmongAsked(t *testing.T) {
	w, rules, bombs := callingWorld(t)
	bomb := func(id space.MutationID) space.Mutation { return space.Mutation{ID: id, Call: "bomb"} }
	w.push("ada", pay(1, 5)) // waits
	w.push("ada", numberPut(2, "notes", "a", 0))
	w.push("eve", bomb(1))
	w.push("ada", bomb(3))
	w.push("eve", bomb(2))
	w.push("eve", numberPut(3, "notes", "e", 0))
	w.push("bob", numberPut(1, "cards", "y", 1)) // waits
	w.push("bob", numberPut(2, "notes", "b", 0))
	w.push("cyd", numberPut(1, "notes", "c", 0))
	w.turn(rules)
	if len(w.open) != 2 || len(w.done["cyd"]) != 1 || len(w.done["eve"]) != 3 || len(w.done["ada"])+len(w.done["bob"]) != 0 {
		t.Fatalf("%d are asked, %+v", len(w.open), w.done)
	}
	for len(w.open) > 0 {
		w.answer(len(w.open)-1, core.Verdict{Agreed: true})
	}
	w.turn(rules)
	if !w.s.Idle() || *bombs != 6 { // each is tried twice
		t.Errorf("%d runs", *bombs)
	}
	orders := map[string][]space.MutationID{}
	var authors []string
	for c, err := range w.st.Log(context.Background(), "a", 0) {
		if err != nil {
			t.Fatal(err)
		}
		orders[c.Author] = append(orders[c.Author], c.Mutation)
		authors = append(authors, c.Author)
	}
	for who, n := range map[string]int{"ada": 3, "bob": 2, "cyd": 1, "eve": 3} {
		if !slices.Equal(orders[who], []space.MutationID{1, 2, 3}[:n]) || len(w.done[who]) != n {
			t.Errorf("%s: %v, %d outcomes", who, orders[who], len(w.done[who]))
		}
	}
	if want := []string{"eve", "cyd", "eve", "eve"}; !slices.Equal(authors[:4], want) {
		t.Errorf("%v", authors)
	}
	if all, err := core.ListQuarantined(t.Context(), w.st, "a"); err != nil || len(all) != 3 {
		t.Errorf("%d are kept, %v", len(all), err)
	}
}
