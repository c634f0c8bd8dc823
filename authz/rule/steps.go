package rule

import (
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/syncline/syncline/authz/pattern"
)

// CEL's cost of a call is counted when it has been made, and knows neither how large a regular expression gets
// with its counts ("a{1,1000}b") nor how long texts get that are put together. Whoever writes the texts
// could have an evaluation take seconds. So these two are charged for, before and as they run.

// maxSteps bounds one evaluation: bytes of text put together, and what regular expressions take (pattern.Steps).
const maxSteps = 1 << 18

// maxPattern bounds one regular expression, in instructions.
const maxPattern = maxSteps >> 4

// stepsVar is how a call finds what its evaluation has left; no rule can name it.
const stepsVar = "@steps"

var errSteps = types.NewErr("the rule costs too much: its texts or regular expressions take more than %d steps", maxSteps)

// charge takes n steps of what an evaluation has left, and reports whether it had them.
func charge(frame *interpreter.ExecutionFrame, n int) bool {
	found, ok := frame.ResolveName(stepsVar)
	left, is := found.(*int)
	if !ok || !is || n > *left {
		return false
	}
	*left -= n
	return true
}

// bounded is an interpreter.InterpretableDecoratorV2: it puts charged calls in the place of those that need it.
func bounded(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok {
		return i, nil
	}
	switch {
	case call.Function() == "_+_":
		return concatenation{call}, nil
	case call.Function() == overloads.Matches && len(call.Args()) == 2:
		m := matching{InterpretableCall: call}
		if c, ok := call.Args()[1].(interpreter.InterpretableConst); ok {
			text, ok := c.Value().(types.String)
			if !ok {
				return i, nil
			}
			var err error
			if m.fixed, err = pattern.Compile(string(text), maxPattern); err != nil {
				return nil, err
			}
		}
		return m, nil
	}
	return i, nil
}

// concatenation is a + b.
type concatenation struct{ interpreter.InterpretableCall }

func (c concatenation) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	v := c.InterpretableCall.Exec(frame)
	if text, ok := v.(types.String); ok && !charge(frame, len(text)) {
		return errSteps
	}
	return v
}

// matching is s.matches(pattern).
type matching struct {
	interpreter.InterpretableCall
	fixed *pattern.Pattern // nil: it is not known before
}

// Function is not that of the library's, which would put a call of its own in place of this one.
func (matching) Function() string { return "@matches" }

// OverloadID is not that of the library's, either.
func (matching) OverloadID() string { return "" }

func (m matching) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	subject := m.Args()[0].Exec(frame)
	p := m.fixed
	if p == nil {
		is := m.Args()[1].Exec(frame)
		text, ok := is.(types.String)
		if !ok {
			return m.InterpretableCall.Exec(frame) // which says what is wrong with it
		}
		if !charge(frame, 16*len(text)) {
			return errSteps
		}
		var err error
		if p, err = pattern.Compile(string(text), maxPattern); err != nil {
			return types.WrapErr(err)
		}
	}
	text, ok := subject.(types.String)
	if !ok {
		return m.InterpretableCall.Exec(frame)
	}
	if !charge(frame, p.Steps(string(text))) {
		return errSteps
	}
	return types.Bool(p.MatchString(string(text)))
}
