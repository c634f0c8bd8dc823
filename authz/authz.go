// Package authz decides who may do what: it is the one decision point.
//
// What others hold is the result of a decision: a Session cannot be made but by
// an Authority, and host opens spaces, writes and reads through the Rights that
// a Session has in a space only. There are two authorities: Development lets
// everybody do everything, which the server does on a loopback address only;
// Ruled believes signed tokens and asks a Policy.
//
// The language of rules is package rule's, the form of definitions package
// definition's, tokens are package token's.
package authz

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
	"github.com/syncline/syncline/wire"
)

// Credentials are what a client says of itself before it is believed.
type Credentials struct {
	Token string
	User  string
}

// An Authority accepts or refuses credentials, and says what holds in a space.
type Authority interface {
	// Identify returns the session that the credentials give. The error is a
	// *wire.Error with code unauthorized.
	Identify(ctx context.Context, c Credentials) (*Session, error)
	// Rules are those of a space, as of now.
	Rules(path space.Path) *Rules
}

// A Session is an accepted principal. Its zero value may do nothing.
type Session struct {
	user    string
	known   bool
	claims  map[string]any // what rules see as auth
	expires time.Time
}

// User is the principal's user id, "" where nobody is known.
func (s *Session) User() string { return s.user }

// Expires is when the session must end, unless it is renewed before; zero: never.
func (s *Session) Expires() time.Time { return s.expires }

// A Principal is who somebody was found to be.
type Principal struct {
	User    string
	Claims  map[string]any // JSON; rules see them as auth, beside uid
	Expires time.Time      // zero: never
}

// NewSession makes the session of a principal. The error is a *wire.Error with
// code unauthorized.
func NewSession(p Principal) (*Session, error) {
	if err := CheckUser(p.User); err != nil {
		return nil, err
	}
	claims := make(map[string]any, len(p.Claims)+1)
	maps.Copy(claims, p.Claims)
	claims["uid"] = p.User
	return &Session{user: p.User, known: true, claims: claims, expires: p.Expires}, nil
}

// ParsePrincipal makes a session of who somebody is as rules see them: a JSON object with uid, and claims; none is nobody.
func ParsePrincipal(text []byte) (*Session, error) {
	if len(text) == 0 {
		return NewSession(Principal{})
	}
	claims, err := value.Parse(text)
	if err != nil {
		return nil, err
	}
	user, ok := claims["uid"].(string)
	if _, has := claims["uid"]; has && !ok {
		return nil, errors.New("uid is a string")
	}
	return NewSession(Principal{User: user, Claims: claims})
}

// Development is an Authority that believes whatever user name it is told and
// allows everything.
type Development struct{}

// MaxUser bounds a user id, in bytes: it is kept in every commit.
const MaxUser = 256

// Identify implements Authority.
func (Development) Identify(_ context.Context, c Credentials) (*Session, error) {
	return NewSession(Principal{User: c.User})
}

// Rules implements Authority.
func (Development) Rules(space.Path) *Rules { return &Rules{anything: true} }

// CheckUser reports whether a user id can be one. The error is a *wire.Error.
func CheckUser(user string) error {
	if len(user) > MaxUser || !utf8.ValidString(user) || strings.ContainsFunc(user, unicode.IsControl) {
		return &wire.Error{Code: wire.CodeUnauthorized, Message: fmt.Sprintf("a user id is UTF-8 without control characters and has at most %d bytes", MaxUser)}
	}
	return nil
}
