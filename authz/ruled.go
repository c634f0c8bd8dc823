package authz

import (
	"context"
	"sync/atomic"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// Ruled is an Authority that asks a policy. Its methods may be called from any goroutine.
type Ruled struct {
	verify func(context.Context, string) (Principal, error)
	policy atomic.Pointer[Policy]
}

// NewRuled returns an Authority that asks p. verify says whose a token is; its
// error is a *wire.Error with code unauthorized. Without verify whoever says
// who they are is believed, which is for trying rules out on a loopback address.
func NewRuled(p *Policy, verify func(ctx context.Context, token string) (Principal, error)) *Ruled {
	r := &Ruled{verify: verify}
	r.policy.Store(p)
	return r
}

// Identify implements Authority. A client that says who it is must be who its
// token says: a queue is never taken for another user's.
func (r *Ruled) Identify(ctx context.Context, c Credentials) (*Session, error) {
	if r.verify == nil {
		return NewSession(Principal{User: c.User})
	}
	if c.Token == "" {
		return nil, &wire.Error{Code: wire.CodeUnauthorized, Message: "this server wants a token"}
	}
	p, err := r.verify(ctx, c.Token)
	if err != nil {
		return nil, err
	}
	if c.User != "" && c.User != p.User {
		return nil, &wire.Error{Code: wire.CodeUnauthorized, Message: "the token is another user's"}
	}
	return NewSession(p)
}

// Rules implements Authority.
func (r *Ruled) Rules(path space.Path) *Rules { return r.policy.Load().Rules(path) }

// SetPolicy puts another policy in the place of the present one. Spaces that are
// active have to be told: see host.Host.Reload.
func (r *Ruled) SetPolicy(p *Policy) { r.policy.Store(p) }

// Policy is the present policy.
func (r *Ruled) Policy() *Policy { return r.policy.Load() }
