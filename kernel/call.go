package kernel

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
	"github.com/syncline/syncline/wire"
)

// A Call is a mutation by call as its mutator sees it.
type Call struct {
	Space  space.Path // filled in by whoever holds the plan, as are Claims
	Name   string
	Args   jsontext.Value // canonical
	Now    time.Time      // the commit's time, or when somebody was first asked to agree
	User   string
	Claims map[string]any // JSON; not to be altered
	// Client and Mutation seed random numbers. For a writer without ids they are
	// the digest of the commit before and the seq of the one to be.
	Client   space.ClientID
	Mutation space.MutationID
}

// A Caller carries out calls. Package mutator has it; a replica uses the same one.
type Caller interface {
	// Call runs the mutator on tx, which it does not use after it has returned. The
	// error is ErrNoMutator, a *space.Refusal, a *Fault, a *wire.Error (it is to be tried again later), or what tx returned.
	Call(c *Call, tx Tx) error
}

// ErrNoMutator is the answer to a call of what does not exist.
var ErrNoMutator = errors.New("there is no such mutator")

// A Tx is what a mutator does to a space. Errors of writes are *space.Refusal for
// what cannot be carried out: the mutator may go on and do something else. Others,
// and too_large, end the mutation whatever the mutator makes of them. It is used by one goroutine.
type Tx interface {
	// Get returns an entry's record, nil if there is none. It must not be altered.
	Get(collection, id string) (jsontext.Value, error)
	// Find answers a query over one collection, whose limit must be set.
	Find(collection string, q *selector.Query) ([]Found, error)
	// Write carries out one operation, of which If is not used.
	Write(op *space.Op) error
}

// A Fault is a mutator that broke down: through no fault that the client could mend.
type Fault struct {
	Reason  string // "panic", "time", "memory", "error"
	Detail  string // for the operator
	Version string // of the code
}

func (f *Fault) Error() string { return f.Reason + ": " + f.Detail }

// A Faulted is a mutation that was set aside, with what it takes to run it again.
type Faulted struct {
	Fault    Fault
	User     string
	Client   space.ClientID
	Mutation space.Mutation
	Base     space.Cursor // the state that it ran on
	Seq      space.Seq    // the commit that records it
	Time     time.Time
}

// Faulted is the last mutation submitted, if it was set aside because its mutator broke down.
func (p *Plan) Faulted() *Faulted { return p.faulted }

// tries is how often a mutator is run that breaks down: once more, for the first time may have been bad luck.
const tries = 2

// Bounds of what one call may read; of what it writes the limits ops, entry and mutation are the bounds.
const (
	maxCallGets  = 10_000   // entries by id
	maxCallScans = 100_000  // entries looked at by queries
	maxCallBytes = 16 << 20 // of the records read
)

// call carries out a mutation by call. What it changes takes the same way as operations do.
func (p *Plan) call(w Writer, m *space.Mutation, seq space.Seq) ([]space.Change, error) {
	args, err := Args(m.Args, p.limits.Value())
	if err != nil {
		return nil, err
	}
	if space.CheckCollection(m.Call) != nil || p.Mutators == nil {
		return nil, noMutator()
	}
	if refusal, err := p.guard.Call(state{p}, m.Call, args); err != nil || refusal != nil {
		if err == nil {
			err = refusal
		}
		return nil, err
	}
	c := &Call{Name: m.Call, Args: args, Now: p.now, User: w.User, Client: w.Client, Mutation: m.ID}
	if w.Client.IsZero() {
		c.Client, c.Mutation = space.ClientID(p.head.Digest.String()), space.MutationID(seq)
	}
	if !p.CallTime.IsZero() {
		c.Now = p.CallTime
	}
	if p.Bugs.OtherSeed {
		c.Mutation++
	}
	for n := 1; ; n++ {
		tx := &callTx{execution: execution{plan: p, seq: seq, at: "writes", mutation: m}}
		err := p.Mutators.Call(c, tx)
		tx.over = true
		if tx.err != nil {
			return nil, tx.err
		}
		var refusal *space.Refusal
		var fault *Fault
		var busy *wire.Error
		switch {
		case err == nil && p.Bugs.UnguardedCalls:
			p.guard = free{p.guard}
			return tx.finish()
		case err == nil:
			return tx.finish()
		case errors.As(err, &busy):
			return nil, err
		case errors.Is(err, ErrNoMutator):
			return nil, noMutator()
		case errors.As(err, &refusal):
			return nil, tidy(refusal)
		case !errors.As(err, &fault):
			fault = &Fault{Reason: "error", Detail: err.Error()}
		}
		if n < tries {
			continue
		}
		p.faulted = &Faulted{
			Fault: *fault, User: w.User, Client: w.Client, Mutation: *m, Base: p.head, Seq: seq, Time: p.now,
		}
		return nil, setAside(seq)
	}
}

// noMutator is what is said of a mutator that does not exist: the same as of one that may not be called.
func noMutator() *space.Refusal {
	return &space.Refusal{Code: space.CodeForbidden, Message: "the rules do not allow this"}
}

// tidy makes what a mutator says something that can be kept.
func tidy(r *space.Refusal) *space.Refusal {
	if r.Code == "" || len(r.Code) > 64 || r.Code == space.CodeQuarantined || space.CheckCollection(r.Code) != nil {
		r = &space.Refusal{Code: space.CodeRefused, Path: r.Path, Message: r.Message}
	}
	return &space.Refusal{Code: r.Code, Path: Clip(r.Path), Message: Clip(r.Message)}
}

// Args is the canonical form of the arguments of a call, null if there are none.
// The error is a *space.Refusal.
func Args(args jsontext.Value, limits value.Limits) (jsontext.Value, error) {
	if len(args) == 0 {
		return jsontext.Value("null"), nil
	}
	// As a member of a record: so that the same values are taken as there.
	limits.Bytes += len(`{"args":}`)
	limits.Depth++
	record, err := value.Canonical(fmt.Appendf(nil, `{"args":%s}`, args), limits)
	if err != nil {
		var bad *value.Error
		if !errors.As(err, &bad) {
			return nil, err
		}
		r := &space.Refusal{Code: space.CodeInvalid, Path: Clip(bad.Path), Message: Clip(bad.Code + ": " + bad.Message)}
		if bad.Code == value.CodeTooLarge || bad.Code == value.CodeTooDeep {
			r.Code = space.CodeTooLarge
		}
		return nil, r
	}
	return record[len(`{"args":`) : len(record)-1], nil
}
