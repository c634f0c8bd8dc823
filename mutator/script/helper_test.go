package script_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/mutator/script"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// entries is a kernel.Tx over a map of records by collection/id.
type entries map[string]jsontext.Value

func (e entries) Get(collection, id string) (jsontext.Value, error) {
	return e[collection+"/"+id], nil
}

func (e entries) Find(collection string, q *selector.Query) (found []kernel.Found, err error) {
	for _, at := range slices.Sorted(maps.Keys(e)) {
		if id, ok := after(at, collection+"/"); ok {
			doc, err := value.Parse(e[at])
			if err != nil {
				return nil, err
			}
			if q.Where.Match(doc) {
				found = append(found, kernel.Found{Key: space.Key{Collection: collection, ID: id}, Doc: doc})
			}
		}
	}
	return found, nil
}

func after(s, prefix string) (string, bool) {
	if len(s) > len(prefix) && s[:len(prefix)] == prefix {
		return s[len(prefix):], true
	}
	return "", false
}

func (e entries) Write(op *space.Op) error {
	switch at := op.In + "/" + op.ID; op.Op {
	case space.OpPut:
		e[at] = op.Value
	case space.OpDelete:
		delete(e, at)
	default:
		if e[at] == nil {
			return &space.Refusal{Code: space.CodeNotFound, Message: "there is no entry to patch"}
		}
		update, err := selector.ParseUpdate(op.Patch, value.Limits{})
		if err != nil {
			return &space.Refusal{Code: space.CodeInvalid, Message: err.Error()}
		}
		patched, err := kernel.Patch(e[at], update, value.Limits{})
		if err != nil {
			return &space.Refusal{Code: space.CodeInvalid, Message: err.Error()}
		}
		e[at] = patched
	}
	return nil
}

// run is a script whose mutators are methods of one kind of space.
func load(t testing.TB, methods string, opt script.Options) *mutator.Runner {
	t.Helper()
	return runner(t, set(t, methods, opt), time.Minute) // however busy the machine is
}

func set(t testing.TB, methods string, opt script.Options) mutator.Set {
	t.Helper()
	set, err := script.Load("var __syncline = {mutators: {'team/{team}': {"+methods+"}}};", opt)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func call(r *mutator.Runner, e entries, name, args string) error {
	return r.Call(&kernel.Call{
		Space: "team/alpha", Name: name, Args: jsontext.Value(args), Now: time.UnixMilli(1764109771123), User: "ada",
		Claims: map[string]any{"role": "editor"}, Client: "AAAAAAAAAAAAAAAAAAAAAA", Mutation: 1,
	}, e)
}

// reason is why a mutator broke down, "" if it did not.
func reason(err error) string {
	var f *kernel.Fault
	if errors.As(err, &f) {
		return f.Reason
	}
	return ""
}

func runner(t testing.TB, set mutator.Set, limit time.Duration) *mutator.Runner {
	t.Helper()
	r, err := mutator.New(set, mutator.Options{Time: limit})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
