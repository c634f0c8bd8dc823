package mutator_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// counted counts what reaches it.
type counted struct{ n int }

func (c *counted) Get(string, string) (jsontext.Value, error) { c.n++; return nil, nil }
func (c *counted) Find(string, *selector.Query) ([]kernel.Found, error) {
	c.n++
	return nil, nil
}
func (c *counted) Write(*space.Op) error { c.n++; return nil }

func bounded(t *testing.T, f mutator.Func) *mutator.Runner {
	t.Helper()
	r, err := mutator.New(mutator.Set{"a": {"f": f}}, mutator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestLate: a mutator that heeds the context ends with its time; one that does not is
// left behind, reaches nothing any more, and of those there are few.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx := &counted{}
		heeds := bounded(t, func(tx *mutator.Tx, _ jsontext.Value) error { <-tx.Context().Done(); return nil })
		var fault *kernel.Fault
		if err := heeds.Call(&kernel.Call{Space: "a", Name: "f"}, tx); !errors.As(err, &fault) || fault.Reason != "time" {
			t.Errorf("%v", err)
		}
		release := make(chan struct{})
		after := make(chan error, 10)
		deaf := bounded(t, func(tx *mutator.Tx, _ jsontext.Value) error {
			<-release
			after <- tx.Delete("a", "b")
			return nil
		})
		begun := time.Now()
		for range 4 {
			if err := deaf.Call(&kernel.Call{Space: "a", Name: "f"}, tx); !errors.As(err, &fault) {
				t.Errorf("%v", err)
			}
		}
		if waited := time.Since(begun); waited != 4*2*250*time.Millisecond { // of the bubble's clock
			t.Errorf("waited %v", waited)
		}
		var busy *wire.Error
		if err := deaf.Call(&kernel.Call{Space: "a", Name: "f"}, tx); !errors.As(err, &busy) || busy.Code != wire.CodeOverloaded {
			t.Errorf("the fifth that does not end: %v", err)
		}
		close(release)
		synctest.Wait()
		for range 4 {
			if err := <-after; err == nil {
				t.Error("one that was left behind has written")
			}
		}
		if err := deaf.Call(&kernel.Call{Space: "a", Name: "f"}, tx); err != nil || tx.n != 1 {
			t.Errorf("%v, %d", err, tx.n)
		}
		time.Sleep(time.Second) // goroutines that have nothing to do end
	})
}

// TestFind: the more special kind decides, as for rules.
func TestFind(t *testing.T) {
	said := ""
	say := func(what string) mutator.Func {
		return func(*mutator.Tx, jsontext.Value) error { said = what; return nil }
	}
	r, err := mutator.New(mutator.Set{"a/{x}": {"f": say("any"), "g": say("g")}, "a/b": {"f": say("b")}}, mutator.Options{Time: -1})
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[space.Path]string{"a/b": "b", "a/c": "any"} {
		if err := r.Call(&kernel.Call{Space: at, Name: "f"}, nil); err != nil || said != want {
			t.Errorf("%s: %s, %v", at, said, err)
		}
	}
	for _, c := range []*kernel.Call{{Space: "a/b", Name: "g"}, {Space: "a", Name: "f"}, {Space: "a/b/c", Name: "f"}, {Space: "a/c", Name: "h"}} {
		if err := r.Call(c, nil); !errors.Is(err, kernel.ErrNoMutator) {
			t.Errorf("%s %s: %v", c.Space, c.Name, err)
		}
	}
	for _, bad := range []mutator.Set{{"A": {}}, {"a": {"1": say("")}}, {"a": {"f": nil}}, {"": {}}} {
		if _, err := mutator.New(bad, mutator.Options{}); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

// falls is a Tx whose reading panics.
type falls struct{ counted }

func (falls) Get(string, string) (jsontext.Value, error) { panic("the plan fell") }

// TestPanicBelow: a panic of the plan itself is the caller's, not the mutator's, whatever that makes of it; and
// nothing reaches the plan after it.
func TestPanicBelow(t *testing.T) {
	tx := &falls{}
	r := bounded(t, func(m *mutator.Tx, _ jsontext.Value) error {
		_, err := m.Raw("a", "b")
		if again := m.Delete("a", "b"); err == nil || again == nil {
			t.Errorf("%v, %v", err, again)
		}
		return nil
	})
	defer func() {
		if p := recover(); p != "the plan fell" || tx.n != 0 {
			t.Errorf("%v; %d writes", p, tx.n)
		}
	}()
	err := r.Call(&kernel.Call{Space: "a", Name: "f"}, tx)
	t.Errorf("no panic, but %v", err)
}
