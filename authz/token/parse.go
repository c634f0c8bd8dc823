package token

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"

	"github.com/syncline/syncline/value"
)

// maxDepth bounds the nesting of a header and of claims, the outermost object
// included.
const maxDepth = 16

// maxText bounds key ids, user ids and token ids, in bytes. For user ids it is
// authz.MaxUser, which this package cannot import.
const maxText = 256

// A parsed token is well-formed, and nothing in it is known to be true.
type parsed struct {
	signed    string // what the signature is over
	signature []byte
	alg, kid  string // of the header; kid is "" if it names none
	claims    map[string]any
}

// headerNames are the members of a header that mean something here.
var headerNames = []string{"alg", "typ", "kid", "jwk", "jku", "x5u", "x5c", "crit"}

// parse takes a token apart without believing any of it.
func parse(token string) (parsed, error) {
	if len(token) > MaxBytes {
		return parsed{}, refuse(fmt.Sprintf("the token is longer than %d bytes", MaxBytes))
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return parsed{}, refuse("the token does not have the three parts of a JSON Web Token")
	}
	t := parsed{signed: token[:len(parts[0])+1+len(parts[1])]}
	header, err := object(parts[0], "header")
	if err != nil {
		return parsed{}, err
	}
	if t.alg, t.kid, err = readHeader(header); err != nil {
		return parsed{}, err
	}
	if t.claims, err = object(parts[1], "claims"); err != nil {
		return parsed{}, err
	}
	var ok bool
	if t.signature, ok = segment(parts[2]); !ok || len(t.signature) == 0 {
		return parsed{}, refuse("the token has no signature, or one that is not base64url")
	}
	return t, nil
}

func readHeader(h map[string]any) (alg, kid string, err error) {
	if !exact(h, headerNames...) {
		return "", "", refuse("a member of the token's header is written in another case")
	}
	for _, name := range []string{"jwk", "jku", "x5u", "x5c"} {
		if _, there := h[name]; there {
			return "", "", refuse("the token brings or names a key of its own")
		}
	}
	if _, there := h["crit"]; there {
		return "", "", refuse("the token demands an extension (crit)")
	}
	if typ, there := h["typ"]; there {
		if s, ok := typ.(string); !ok || !strings.EqualFold(s, "JWT") && !strings.EqualFold(s, "at+jwt") {
			return "", "", refuse("the token is of another type than JWT")
		}
	}
	if id, there := h["kid"]; there {
		if kid, _ = id.(string); kid == "" || len(kid) > maxText {
			return "", "", refuse(fmt.Sprintf("a key id is a string of 1 to %d bytes", maxText))
		}
	}
	if alg, _ = h["alg"].(string); alg == "" {
		return "", "", refuse("the token does not say how it is signed")
	}
	return alg, kid, nil
}

// object reads a part of a token that is JSON. No two names of the object may be
// the same but for case: those who read them otherwise would see another token.
func object(part, what string) (map[string]any, error) {
	raw, ok := segment(part)
	if !ok {
		return nil, refuse("the token's " + what + " is not base64url")
	}
	canonical, err := value.Canonical(raw, value.Limits{Depth: maxDepth})
	if err != nil {
		return nil, refuse("the token's " + what + " is not a JSON object with names used once, UTF-8, safe numbers and little depth")
	}
	tree, err := value.Parse(canonical)
	if err != nil {
		return nil, refuse("the token's " + what + " is not a JSON object")
	}
	seen := make(map[string]struct{}, len(tree))
	for name := range tree {
		seen[fold(name)] = struct{}{}
	}
	if len(seen) < len(tree) {
		return nil, refuse("two names in the token's " + what + " differ in case only")
	}
	return tree, nil
}

// segment decodes a part in its only spelling: without padding, line breaks
// (which Go's decoder skips) and stray bits at the end.
func segment(part string) ([]byte, bool) {
	if strings.ContainsAny(part, "\r\n") {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return raw, err == nil
}

// exact reports whether no name in tree is one of those given but for case.
func exact(tree map[string]any, names ...string) bool {
	for name := range tree {
		for _, own := range names {
			if name != own && strings.EqualFold(name, own) {
				return false
			}
		}
	}
	return true
}

// fold maps names that strings.EqualFold finds equal to one and the same: each
// rune becomes the least of those it equals.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}
