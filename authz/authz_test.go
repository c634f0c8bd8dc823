package authz_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// TestZeroSession: whoever was not identified may do nothing.
func TestZeroSession(t *testing.T) {
	var s authz.Session
	g := s.Guard("a")
	refusal, err := g.Write(kernel.Writer{}, space.Key{Collection: "c", ID: "x"}, nil, space.Version{})
	if s.Open("a") || refusal == nil || err != nil || g.Read(kernel.Writer{}, space.Key{}, space.Version{Seq: 1}) {
		t.Errorf("open %v, write %v, %v", s.Open("a"), refusal, err)
	}
}

// TestDevelopment believes any name that can be stored and sent.
func TestDevelopment(t *testing.T) {
	for user, want := range map[string]bool{
		"": true, "ada": true, "ünï 🎉": true, strings.Repeat("a", 256): true,
		strings.Repeat("a", 257): false, "\xff": false, "a\nb": false, "\x00": false, "\u0085": false,
	} {
		s, err := authz.Development{}.Identify(t.Context(), authz.Credentials{User: user})
		var e *wire.Error
		if want && (err != nil || s.User() != user || !s.Open("a")) || !want && (!errors.As(err, &e) || e.Code != wire.CodeUnauthorized) {
			t.Errorf("%q: %v, %v", user, s, err)
		}
	}
}
