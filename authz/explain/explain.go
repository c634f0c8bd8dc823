// Package explain answers an operator's question why somebody may or may not see
// or write an entry: it reads a store, and asks the same rules in the same way as
// a server does. It decides nothing itself, changes nothing, and its answers hold
// what the rules looked at: no client may ever get one.
package explain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/wire"
)

// A Question is about one entry, or about one write to it.
type Question struct {
	Space space.Path
	Key   space.Key
	At    space.Seq // as of which commit; 0 is the head
	// Version is the version of the collection that the client speaks; 0 is the present one.
	Version uint32
	// Write is the operation in question, nil if it is only about seeing. Its names are those of Key.
	Write *space.Op
	Now   time.Time // what rules of writes see as now
}

// An Answer is an explanation and what it speaks of.
type Answer struct {
	Space              space.Path `json:"path"`
	Key                string     `json:"key"`
	At                 space.Seq  `json:"at"`
	Asked              string     `json:"asked"`            // "see", or the write
	Version            uint32     `json:"version,omitzero"` // of the collection, if it has had several
	*authz.Explanation `json:",inline"`
}

// Text is the answer for people.
func (a *Answer) Text() string {
	who := a.User
	if who == "" {
		who = "nobody"
	}
	version := ""
	if a.Version != 0 {
		version = fmt.Sprintf(", by a client of version %d of %s", a.Version, strings.SplitN(a.Key, "/", 2)[0])
	}
	return fmt.Sprintf("may %s %s %s in %s, as of commit %d%s?\n", who, a.Asked, a.Key, a.Space, a.At, version) + a.Explanation.Text()
}

// Ask answers a question for a principal under a policy. The error says what
// makes the question one that cannot be answered, or is the store's.
func Ask(ctx context.Context, st store.Store, p *authz.Policy, who *authz.Session, q Question) (*Answer, error) {
	head, err := st.Head(ctx, q.Space)
	if err != nil {
		return nil, err
	}
	at := head.Cursor
	if q.At != 0 {
		at.Seq = q.At // the digest is of no account: nothing is appended
	}
	view, err := st.View(ctx, q.Space, at.Seq)
	switch {
	case errors.Is(err, store.ErrFuture):
		return nil, fmt.Errorf("space %s has had no commit %d yet; the last is %d", q.Space, q.At, head.Cursor.Seq)
	case errors.Is(err, store.ErrTrimmed):
		return nil, fmt.Errorf("space %s keeps its history from commit %d on; %d is before that", q.Space, head.Horizon.Seq, q.At)
	case err != nil:
		return nil, err
	}
	rules := p.Rules(q.Space)
	view = rules.Lifted(view)
	defer view.Close()
	spoken := rules.Versions()
	if q.Version != 0 {
		spoken[q.Key.Collection] = q.Version
		if err := rules.Spoken([]string{q.Key.Collection}, spoken); err != nil {
			return nil, err
		}
	}
	x, err := who.In(rules).Speaking(spoken).Explain(view)
	if err != nil {
		return nil, err
	}
	v, err := view.Get(q.Key)
	if err != nil {
		return nil, err
	}
	if err := x.Read(q.Key, v); err != nil {
		return nil, err
	}
	a := &Answer{Space: q.Space, Key: q.Key.String(), At: at.Seq, Asked: "see", Explanation: x.Done()}
	if rules.Versions().Of(q.Key.Collection) > 1 {
		a.Version = spoken.Of(q.Key.Collection)
	}
	if q.Write != nil {
		a.Asked = q.Write.Op
		op := *q.Write
		op.In, op.ID = q.Key.Collection, q.Key.ID
		plan := kernel.NewPlan(at, q.Now, store.Reader{Context: ctx, Store: st, Space: q.Space, Through: rules.Lifted}, wire.DefaultLimits)
		outcome, err := plan.Submit(kernel.Writer{User: who.User()}, x.Guard(q.Now), &space.Mutation{Ops: []space.Op{op}, V: spoken})
		if err != nil {
			return nil, err
		}
		x.Outcome(outcome)
	}
	return a, nil
}
