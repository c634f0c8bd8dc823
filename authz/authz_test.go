package authz_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// TestZeroSession: whoever was not identified may do nothing.
func TestZeroSession(t *testing.T) {
	var s authz.Session
	for name, rules := range map[string]*authz.Rules{"development": authz.Development{}.Rules("a"), "a policy": policy(t, `{}`).Rules("a")} {
		g := s.In(rules).Guard(nil, time.Time{})
		refusal, err := g.Write(nil, space.Key{Collection: "c", ID: "x"}, func() (space.Version, error) { return space.Version{}, nil }, space.Version{Seq: 1, Payload: []byte(`{}`)})
		_, _, read := g.Sight("c").See("c", map[string]any{})
		scope := s.In(rules).Scope([]string{"c"}, nil)
		if scope.Open() || sees(scope, "c") || refusal == nil || err != nil || read {
			t.Errorf("%s: %+v, write %v, %v, read %v", name, scope, refusal, err, read)
		}
	}
}

// sees reports whether a scope shows an empty entry of a collection.
func sees(s *authz.Scope, collection string) bool {
	_, _, visible := s.See(collection, map[string]any{})
	return visible
}

// TestDevelopment believes any name that can be stored and sent.
func TestDevelopment(t *testing.T) {
	for user, want := range map[string]bool{
		"": true, "ada": true, "ünï 🎉": true, strings.Repeat("a", 256): true,
		strings.Repeat("a", 257): false, "\xff": false, "a\nb": false, "\x00": false, "\u0085": false,
	} {
		s, err := authz.Development{}.Identify(t.Context(), authz.Credentials{User: user})
		var e *wire.Error
		if want && (err != nil || s.User() != user || !s.In(authz.Development{}.Rules("a")).Scope(nil, nil).Everything()) || !want && (!errors.As(err, &e) || e.Code != wire.CodeUnauthorized) {
			t.Errorf("%q: %v, %v", user, s, err)
		}
	}
}

func policy(t *testing.T, text string) *authz.Policy {
	t.Helper()
	d, err := definition.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := authz.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
