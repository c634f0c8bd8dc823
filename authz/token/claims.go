package token

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Claims are what a valid token says.
type Claims struct {
	User    string         // 1 to 256 bytes of UTF-8 without control characters
	Issuer  string         // the name of a configured issuer
	Expires time.Time      // "exp", without leeway; never zero
	ID      string         // "jti", "" if the token has none; as long as User at most
	All     map[string]any // all claims, as package value reads records; immutable
}

// claimNames are the claims that mean something here, beside the user's.
var claimNames = []string{"iss", "aud", "exp", "nbf", "iat", "jti", "sub"}

// judge holds the claims of a token with a valid signature against the time and
// the configuration. The issuer was found by its name already.
func (i *issuer) judge(all map[string]any, now time.Time, leeway time.Duration) (Claims, error) {
	if !exact(all, claimNames...) || !exact(all, i.User) {
		return Claims{}, refuse("a claim is written in another case")
	}
	if !i.isFor(all["aud"]) {
		return Claims{}, refuse("the token is not meant for this server (aud)")
	}
	c := Claims{Issuer: i.Name, All: all}
	if err := c.judgeTimes(now, leeway); err != nil {
		return Claims{}, err
	}
	var ok bool
	if c.User, ok = text(all[i.User]); !ok {
		return Claims{}, refuse(fmt.Sprintf("the token names no user: a user id is UTF-8 without control characters and has 1 to %d bytes", maxText))
	}
	if id, there := all["jti"]; there {
		if c.ID, ok = text(id); !ok {
			return Claims{}, refuse(fmt.Sprintf("a token's id is UTF-8 without control characters and has 1 to %d bytes", maxText))
		}
	}
	return c, nil
}

// isFor reports whether "aud", a string or a list of strings, holds a name of
// this server.
func (i *issuer) isFor(aud any) bool {
	list, ok := aud.([]any)
	if !ok {
		list = []any{aud}
	}
	found := false
	for _, one := range list {
		name, ok := one.(string)
		if !ok {
			return false
		}
		found = found || slices.Contains(i.Audience, name)
	}
	return found
}

func (c *Claims) judgeTimes(now time.Time, leeway time.Duration) error {
	expires, ok := date(c.All["exp"])
	if !ok {
		return refuse("the token does not say when it expires (exp, in seconds)")
	}
	if !now.Before(expires.Add(leeway)) {
		return refuse("the token has expired")
	}
	c.Expires = expires
	for _, name := range []string{"nbf", "iat"} {
		claim, there := c.All[name]
		if !there {
			continue
		}
		since, ok := date(claim)
		if !ok {
			return refuse("the token's " + name + " is not a date in seconds")
		}
		if now.Add(leeway).Before(since) {
			return refuse("the token is not valid yet (" + name + ")")
		}
	}
	return nil
}

// maxDate is the end of the year 9999. A date in milliseconds is beyond it, which
// otherwise would be a token that does not expire.
const maxDate = 253402300799

// date reads seconds since 1970, which may have a fraction.
func date(claim any) (time.Time, bool) {
	f, ok := claim.(float64)
	if !ok || f < 0 || f > maxDate {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), true
}

func text(claim any) (string, bool) {
	s, ok := claim.(string)
	return s, ok && s != "" && len(s) <= maxText && !strings.ContainsFunc(s, unicode.IsControl)
}
