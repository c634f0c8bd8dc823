package token

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Config says which tokens are believed.
type Config struct {
	Issuers []Issuer `json:"issuers"`
	// Leeway is how far the clocks of issuers may be off: exp, nbf and iat are
	// held against the time with so much to spare. 0 is 30 s; at most 2 min. JSON
	// has it as text, "30s".
	Leeway time.Duration `json:"leeway,omitzero"`
}

// jsonConfig is the JSON of a Config: durations have no default form there.
type jsonConfig struct {
	Issuers []Issuer `json:"issuers"`
	Leeway  string   `json:"leeway,omitzero"`
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (c *Config) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	var j jsonConfig
	if err := json.UnmarshalDecode(d, &j); err != nil {
		return err
	}
	c.Issuers, c.Leeway = j.Issuers, 0
	if j.Leeway == "" {
		return nil
	}
	var err error
	c.Leeway, err = time.ParseDuration(j.Leeway)
	return err
}

// MarshalJSONTo implements json.MarshalerTo.
func (c Config) MarshalJSONTo(e *jsontext.Encoder) error {
	j := jsonConfig{Issuers: c.Issuers}
	if c.Leeway != 0 {
		j.Leeway = c.Leeway.String()
	}
	return json.MarshalEncode(e, j)
}

// An Issuer is one who signs tokens. Two issuers never share a name.
type Issuer struct {
	// Name is the "iss" of its tokens, to the letter.
	Name string `json:"name"`
	// Audience is what this server may be called in "aud": a token must be for
	// one of these. At least one.
	Audience []string `json:"audience"`
	// Algorithm is the one that its tokens are signed with: HS256, HS384, HS512,
	// RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA
	// (with Ed25519).
	Algorithm string `json:"algorithm"`
	// Secret is the key for HS*, at least as long as the hash (32, 48 or 64
	// bytes) and taken as it is. It has no place in a file of settings, so JSON
	// does not carry it: the caller reads it from a file of its own or from the
	// environment.
	Secret string `json:"-"`
	// JWKS is the URL of the issuer's key set for the other algorithms: https,
	// or http on a loopback address. A token that names no key (kid) is verified
	// only while the set has exactly one for the algorithm.
	JWKS string `json:"jwks,omitzero"`
	// User is the claim that holds the user id; "" is "sub".
	User string `json:"user,omitzero"`
}

const (
	defaultLeeway = 30 * time.Second
	maxLeeway     = 2 * time.Minute
)

func (c Config) leeway() time.Duration {
	if c.Leeway == 0 {
		return defaultLeeway
	}
	return c.Leeway
}

// check says what is wrong with the configuration, without any secret in it.
func (c Config) check() error {
	if len(c.Issuers) == 0 {
		return errors.New("no issuer is configured")
	}
	if c.Leeway < 0 || c.Leeway > maxLeeway {
		return fmt.Errorf("a leeway of %v: it is at most %v", c.Leeway, maxLeeway)
	}
	names := map[string]bool{}
	for n, i := range c.Issuers {
		if err := i.check(); err != nil {
			return fmt.Errorf("issuer %d (%q): %w", n, i.Name, err)
		}
		if names[i.Name] {
			return fmt.Errorf("issuer %d (%q): this name is configured twice", n, i.Name)
		}
		names[i.Name] = true
	}
	return nil
}

func (i Issuer) check() error {
	alg, known := algorithms[i.Algorithm]
	switch {
	case i.Name == "" || !utf8.ValidString(i.Name):
		return errors.New("its name is empty or not UTF-8")
	case !utf8.ValidString(i.User) || !exact(map[string]any{i.User: nil}, claimNames...):
		return fmt.Errorf("%q cannot be the claim of the user", i.User)
	case len(i.Audience) == 0 || slices.Contains(i.Audience, ""):
		return errors.New("its audience is empty: what is this server called in \"aud\"?")
	case !known:
		return fmt.Errorf("%q is no algorithm that is known here", i.Algorithm)
	case alg.symmetric() && i.JWKS != "":
		return fmt.Errorf("%s has a secret, not a key set", i.Algorithm)
	case alg.symmetric() && len(i.Secret) < alg.secret:
		return fmt.Errorf("the secret has %d bytes, %s demands at least %d", len(i.Secret), i.Algorithm, alg.secret)
	case alg.symmetric() && strings.HasPrefix(strings.TrimSpace(i.Secret), "-----BEGIN"):
		// Whoever has the public key could sign tokens.
		return fmt.Errorf("the secret is a key or certificate in PEM, which is no secret for %s", i.Algorithm)
	case !alg.symmetric() && i.Secret != "":
		return fmt.Errorf("%s has a key set, not a secret", i.Algorithm)
	case !alg.symmetric():
		return checkURL(i.JWKS)
	}
	return nil
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("the address of the key set is not a URL")
	case u.Hostname() == "" || u.Opaque != "" || u.User != nil || u.Fragment != "":
		return errors.New("the address of the key set has to be a URL with a host and without user name and fragment")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("the address of the key set has to begin with https:// (http:// on a loopback address only)")
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
