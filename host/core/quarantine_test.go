package core_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// TestFaultsAreFair: of a client that sends what breaks down, one at a time is tried; whoever else
// waits comes before its next, and its own order holds.
func TestFaultsAreFair(t *testing.T) {
	runs := 0
	runner, err := mutator.New(mutator.Set{"team/{x}": {"bomb": func(*mutator.Tx, jsontext.Value) error {
		runs++
		panic("boom")
	}}}, mutator.Options{Time: -1})
	if err != nil {
		t.Fatal(err)
	}
	st := memstore.New()
	s, err := core.Load(t.Context(), core.Config{Path: "team/a", Store: st, Limits: wire.DefaultLimits, Lagging: func(*core.Member) {}, Mutators: runner})
	if err != nil {
		t.Fatal(err)
	}
	join := func(name string) *core.Member {
		who, err := (authz.Development{}).Identify(context.Background(), authz.Credentials{User: name})
		if err != nil {
			t.Fatal(err)
		}
		m := &core.Member{Sink: &ear{}, Who: who, Name: name}
		if err := s.Open(t.Context(), m, &wire.Open{Space: "team/a", Client: space.ClientID(name + "-0123456789abcdef")}); err != nil {
			t.Fatal(err)
		}
		return m
	}
	eve, ada := join("eve"), join("ada")
	var bombs, puts []space.Mutation
	for i := range 5 {
		bombs = append(bombs, space.Mutation{ID: space.MutationID(i + 1), Call: "bomb"})
		puts = append(puts, space.Mutation{ID: space.MutationID(i + 1), Ops: []space.Op{{Op: "put", In: "cards", ID: fmt.Sprint(i), Value: []byte(`{}`)}}})
	}
	for _, push := range []struct {
		m    *core.Member
		muts []space.Mutation
	}{{eve, bombs}, {ada, puts}} {
		if err := s.Push(push.m, push.muts); err != nil {
			t.Fatal(err)
		}
	}
	turns := 0
	for turn := s.Begin(t.Context(), time.UnixMilli(1)); turn != nil; turn = s.Begin(t.Context(), time.UnixMilli(1)) {
		turns++
		batches, err := turn.Batches("team/a")
		if err == nil {
			err = st.Append(t.Context(), batches...)
		}
		if err := s.Finish(t.Context(), turn, err); err != nil {
			t.Fatal(err)
		}
	}
	var order []string
	for c, err := range st.Log(t.Context(), "team/a", 0) {
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, fmt.Sprint(c.Author, c.Mutation))
	}
	want := []string{"eve1", "ada1", "ada2", "ada3", "ada4", "ada5", "eve2", "eve3", "eve4", "eve5"}
	if !slices.Equal(order, want) || runs != 10 || turns != 5 {
		t.Errorf("%v in %d turns, %d runs", order, turns, runs)
	}
	if all, err := core.ListQuarantined(t.Context(), st, "team/a"); err != nil || len(all) != 5 {
		t.Errorf("%d are kept, %v", len(all), err)
	}
	if !s.Has(eve) {
		t.Error("eve was sent away")
	}
}
