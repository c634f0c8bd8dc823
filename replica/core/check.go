package core

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
	"github.com/syncline/syncline/wire"
)

// check refuses, with a *space.Refusal, what any server with these limits would
// refuse whatever its state, and returns the operations in canonical form.
func check(ops []space.Op, reads *space.Reads, limits wire.Limits) ([]space.Op, *space.Reads, error) {
	switch {
	case len(ops) == 0:
		return nil, nil, refusal(space.CodeInvalid, "ops", "a mutation needs at least one operation")
	case len(ops) > limits.Ops:
		return nil, nil, refusal(space.CodeTooLarge, "ops", "%d operations; the limit ops is %d", len(ops), limits.Ops)
	}
	checked := make([]space.Op, len(ops))
	for i := range ops {
		op, err := checkOp(ops[i], fmt.Sprintf("ops[%d]", i), limits)
		if err != nil {
			return nil, nil, err
		}
		checked[i] = op
	}
	if size := opsSize(checked); size > limits.Mutation {
		return nil, nil, refusal(space.CodeTooLarge, "ops", "a mutation of %d bytes; the limit mutation is %d", size, limits.Mutation)
	}
	if reads == nil {
		return checked, nil, nil
	}
	r, err := checkReads(reads, limits)
	return checked, r, err
}

// checkCall is check for a call, whose arguments it returns in canonical form.
func checkCall(name string, args jsontext.Value, limits wire.Limits) (jsontext.Value, error) {
	if err := space.CheckCollection(name); err != nil {
		return nil, refusal(space.CodeInvalid, "call", "a mutator is named as a collection is: %v", err)
	}
	if len(args) == 0 {
		return nil, nil
	}
	args, err := kernel.Args(args, limits.Value())
	if err != nil {
		return nil, err
	}
	if size := len(name) + len(args); size > limits.Mutation {
		return nil, refusal(space.CodeTooLarge, "args", "a call of %d bytes; the limit mutation is %d", size, limits.Mutation)
	}
	return args, nil
}

// opsSize counts as the server does for the limit mutation.
func opsSize(ops []space.Op) int {
	n := 0
	for i := range ops {
		n += len(ops[i].In) + len(ops[i].ID) + len(ops[i].Value) + len(ops[i].Patch)
	}
	return n
}

func checkOp(op space.Op, path string, limits wire.Limits) (space.Op, error) {
	key, err := space.ParseKey(op.In, op.ID)
	if err != nil {
		return op, refusal(space.CodeInvalid, path, "%v", err)
	}
	if op.Op != space.OpPut && len(op.Value) > 0 || op.Op != space.OpPatch && len(op.Patch) > 0 {
		return op, refusal(space.CodeInvalid, path, "%q has an argument of another operation", op.Op)
	}
	if op.If != nil {
		if *op.If > space.MaxSeq {
			return op, refusal(space.CodeInvalid, path+".if", "%d is no version", *op.If)
		}
		version := *op.If
		op.If = &version
	}
	switch op.Op {
	case space.OpPut:
		canonical, err := value.Canonical(op.Value, limits.Value())
		if err != nil {
			return op, valueRefusal(err, path+".value", key)
		}
		op.Value = canonical
	case space.OpPatch:
		update, err := selector.ParseUpdate(op.Patch, limits.Value())
		if err != nil {
			return op, valueRefusal(err, path+".patch", key)
		}
		op.Patch = []byte(update.String())
	case space.OpDelete:
	default:
		return op, refusal(space.CodeInvalid, path+".op", "there is no operation %.40q", op.Op)
	}
	return op, nil
}

func checkReads(r *space.Reads, limits wire.Limits) (*space.Reads, error) {
	if r.At > space.MaxSeq {
		return nil, refusal(space.CodeInvalid, "reads.at", "%d is no commit", r.At)
	}
	if len(r.Keys)+len(r.Where) > limits.Ops {
		return nil, refusal(space.CodeTooLarge, "reads", "more reads than the limit ops, %d", limits.Ops)
	}
	out := &space.Reads{At: r.At, Keys: append([]space.KeyPair(nil), r.Keys...)}
	for i, pair := range r.Keys {
		if _, err := space.ParseKey(pair[0], pair[1]); err != nil {
			return nil, refusal(space.CodeInvalid, fmt.Sprintf("reads.keys[%d]", i), "%v", err)
		}
	}
	if len(r.Where) > 0 {
		view, err := kernel.CompileView(r.Where, limits)
		if err != nil {
			return nil, refusal(space.CodeInvalid, "reads.where", "%v", err)
		}
		out.Where = view.Source()
	}
	return out, nil
}

func refusal(code, path, format string, args ...any) *space.Refusal {
	return &space.Refusal{Code: code, Path: path, Message: fmt.Sprintf(format, args...)}
}

func valueRefusal(err error, path string, key space.Key) *space.Refusal {
	r := &space.Refusal{Code: space.CodeInvalid, Path: path, Message: err.Error(), Key: key}
	var bad *value.Error
	if errors.As(err, &bad) {
		if bad.Code == value.CodeTooLarge || bad.Code == value.CodeTooDeep {
			r.Code = space.CodeTooLarge
		}
		if bad.Path != "" {
			r.Path += "." + bad.Path
		}
		r.Message = bad.Code + ": " + bad.Message
	}
	return r
}
