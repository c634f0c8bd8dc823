package mutator

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
)

// A Func is a mutator: it does to tx what a call asks for. args are canonical JSON,
// null if there were none. What it returns decides: nil commits what it wrote, a *space.Refusal (see
// Refuse; those of Tx's own, too) rejects the mutation, any other error is the mutator's fault, as is a
// panic: the mutation is set aside for the operator.
//
// A Func is deterministic: it looks at nothing but tx and args, and keeps nothing.
// It is run again in replicas, each time that confirmed state changes below it.
type Func func(tx *Tx, args jsontext.Value) error

// A Set is mutators by kind of space and name. Kinds are patterns of paths as in a
// definition, such as "team/{team}".
type Set map[string]map[string]Func

// Of makes a Func of a function that takes its arguments as a T. Arguments that are
// no T, or have members that T does not, are refused.
func Of[T any](f func(tx *Tx, args T) error) Func {
	return func(tx *Tx, raw jsontext.Value) error {
		var args T
		if err := json.Unmarshal(raw, &args, json.RejectUnknownMembers(true)); err != nil {
			return Refuse(space.CodeInvalid, "args", "the arguments are not what "+tx.Name()+" takes: "+err.Error())
		}
		return f(tx, args)
	}
}

// Refuse is the error with which a mutator rejects the mutation. code is a short
// name as of a collection, "" for space.CodeRefused; path says what of the arguments is meant, if anything; message is for people,
// and all three reach whoever made the call.
func Refuse(code, path, message string) error {
	return &space.Refusal{Code: code, Path: path, Message: message}
}

// kinds are a set's patterns, the more special first: a literal segment goes before a variable.
type kinds []kind

type kind struct {
	pattern space.Pattern
	funcs   map[string]Func
}

func (s Set) kinds() (kinds, error) {
	var all kinds
	for pattern, funcs := range s {
		p, err := space.ParsePattern(pattern)
		if err != nil {
			return nil, fmt.Errorf("mutators of %q: no pattern of a space's path: %w", pattern, err)
		}
		for name, f := range funcs {
			if err := space.CheckCollection(name); err != nil {
				return nil, fmt.Errorf("mutators of %q: a mutator is named as a collection is: %w", pattern, err)
			}
			if f == nil {
				return nil, fmt.Errorf("mutators of %q: %s is nil", pattern, name)
			}
		}
		all = append(all, kind{p, funcs})
	}
	slices.SortFunc(all, func(a, b kind) int { return a.pattern.Compare(b.pattern) })
	return all, nil
}

// find returns a mutator of the kind that a path is of, nil if there is none.
func (all kinds) find(path space.Path, name string) Func {
	for _, k := range all {
		if k.pattern.Match(path, nil) {
			return k.funcs[name]
		}
	}
	return nil
}
