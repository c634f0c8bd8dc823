// Package authz decides who may do what: it is the one decision point. Until
// rules exist it knows a single policy, Development, which lets everybody do
// everything and which the server only uses on a loopback address.
//
// What others hold is the result of a decision: a Session cannot be made but by
// an Authority, and host opens spaces, writes and reads through it only.
package authz

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// Credentials are what a client says of itself before it is believed.
type Credentials struct {
	Token string
	User  string
}

// An Authority accepts or refuses credentials.
type Authority interface {
	// Identify returns the session that the credentials give. The error is a
	// *wire.Error with code unauthorized.
	Identify(ctx context.Context, c Credentials) (*Session, error)
}

// A Session is an accepted principal with its rights. Its zero value may do
// nothing.
type Session struct {
	user  string
	allow bool
}

// User is the principal's user id, "" where nobody is known.
func (s *Session) User() string { return s.user }

// Open decides whether the principal may open a space. A space that one may not
// open looks like any other that one may not open, existing or not.
func (s *Session) Open(space.Path) bool { return s.allow }

// Guard decides on the entries of a space that Open allowed.
func (s *Session) Guard(space.Path) kernel.Guard { return guard{s.allow} }

type guard struct{ allow bool }

func (g guard) Write(kernel.Writer, space.Key, func() (space.Version, error), space.Version) (*space.Refusal, error) {
	if g.allow {
		return nil, nil
	}
	return &space.Refusal{Code: "forbidden", Message: "not allowed"}, nil
}

func (g guard) Read(kernel.Writer, space.Key, space.Version) bool { return g.allow }

// Development is an Authority that believes whatever user name it is told and
// allows everything.
type Development struct{}

// MaxUser bounds a user id, in bytes: it is kept in every commit.
const MaxUser = 256

// Identify implements Authority.
func (Development) Identify(_ context.Context, c Credentials) (*Session, error) {
	if len(c.User) > MaxUser || !utf8.ValidString(c.User) || strings.ContainsFunc(c.User, unicode.IsControl) {
		return nil, &wire.Error{Code: wire.CodeUnauthorized, Message: fmt.Sprintf("a user id is UTF-8 without control characters and has at most %d bytes", MaxUser)}
	}
	return &Session{user: c.User, allow: true}, nil
}
