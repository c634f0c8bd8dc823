package token_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	stdjson "encoding/json"
	"net"
	neturl "net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/authz/token"
)

// FuzzVerify signs what it is given, so that the fuzzer gets behind the
// signature, and passes raw text as well. What is accepted has to look the same
// to other readers of JSON, the kindest included.
func FuzzVerify(f *testing.F) {
	for _, header := range []string{
		`{"alg":"HS256"}`, `{"alg":"HS256","typ":"JWT","kid":"a"}`, `{"alg":"none"}`, `{"alg":"HS256","ALG":"none"}`,
		`{"alg":"HS256","jku":"https://x"}`, `{"alg":"HS256","crit":["b64"],"b64":false}`, `[]`, "\xff",
	} {
		f.Add(header, good, "")
	}
	for _, c := range []string{
		claims(`"sub":"b"`), claims(`"SUB":"b"`), claims(`"\u017Fub":"b"`), claims(`"nbf":1,"iat":1.5,"jti":"x"`), claims(`"a":[[{"b":null}]]`),
		claims(`"n":1e400`), claims(`"n":-0`), claims(`"__proto__":{}`), claims(`"a":"\ud800"`), "{}", "",
		strings.Replace(good, `"syncline"`, `["a","syncline"]`, 1), strings.Replace(good, "1700000600", "1700000600000", 1),
	} {
		f.Add(`{"alg":"HS256"}`, c, hs(c))
	}
	f.Add("", "", hs(good)+"=")
	f.Add("", "", strings.Replace(hs(good), ".", "\n.", 1))
	v, err := token.New(f.Context(), token.Config{Issuers: []token.Issuer{hsIssuer()}}, token.Options{Now: func() time.Time { return now }})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header, claims, raw string) {
		check := func(tok, header, claims string) {
			c, err := v.Verify(t.Context(), tok)
			if err != nil {
				if m := refused(t, err); len(m) > 200 {
					t.Errorf("a long message: %q", m)
				}
				return
			}
			var strict, strictHeader map[string]any
			if err := json.Unmarshal([]byte(claims), &strict); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(header), &strictHeader); err != nil || strictHeader["alg"] != "HS256" || strictHeader["crit"] != nil || strictHeader["jwk"] != nil {
				t.Fatal(err, header)
			}
			var kind struct {
				Issuer  string  `json:"iss"`
				User    string  `json:"sub"`
				Expires float64 `json:"exp"`
			}
			if err := stdjson.Unmarshal([]byte(claims), &kind); err != nil {
				t.Fatal(err)
			}
			if c.User != kind.User || c.User != strict["sub"] || c.Issuer != kind.Issuer || c.Issuer != iss || c.Expires.Unix() != int64(kind.Expires) || !now.Before(c.Expires.Add(30*time.Second)) {
				t.Fatalf("%q is read as %+v and as %+v", claims, c, kind)
			}
		}
		check(mint(hs256, []byte(secret), header, claims), header, claims)

		parts := strings.Split(raw, ".")
		if c, err := v.Verify(t.Context(), raw); err == nil {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(parts[0] + "." + parts[1]))
			if b64(mac.Sum(nil)) != parts[2] {
				t.Fatalf("accepted for %q without a signature", c.User)
			}
		} else {
			refused(t, err)
		}
	})
}

// FuzzKeySet has an issuer answer with anything.
func FuzzKeySet(f *testing.F) {
	f.Add(jwks())
	f.Add(jwks(jwk("k", ecOther().Public(), `,"alg":"ES256","use":"sig","key_ops":["verify"]`), jwk("", ecP384().Public(), "")))
	f.Add(jwks(jwk("k", edKey().Public(), ""), jwk("k", rsaTwo().Public(), ""), `{"kty":"oct","k":"AA"}`))
	f.Add(`{"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":"AA","y":"AA"}]}`)
	f.Add(`{"keys":null}`)
	tok := mint(es256, ecP256(), `{"alg":"ES256","kid":"k"}`, good)
	f.Fuzz(func(t *testing.T, set string) {
		v, err := token.New(t.Context(), token.Config{Issuers: []token.Issuer{issuerOf("ES256")}}, token.Options{Transport: serving(set), Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		if _, err := v.Verify(t.Context(), tok); err == nil {
			t.Fatal("a key out of nowhere has signed the token")
		} else {
			refused(t, err)
		}
	})
}

// FuzzConfig: whatever stands in the file of issuers, it is refused, or it names only algorithms that are known and
// key sets on https or this machine; and no secret is in it.
func FuzzConfig(f *testing.F) {
	f.Add(`{"leeway":"30s","issuers":[{"name":"https://id.example","audience":["a"],"algorithm":"RS256","jwks":"https://id.example/keys"}]}`)
	f.Add(`{"issuers":[{"name":"a","audience":["a"],"algorithm":"none"},{"name":"a","audience":["a"],"algorithm":"HS256","secret":"x"}]}`)
	f.Add(`{"issuers":[{"name":"a","name":"b","audience":["a"],"algorithm":"ES256","jwks":"http://127.0.0.1/k","user":"SUB"}]}`)
	f.Add(`{"issuers":[{"name":"a","audience":["a"],"algorithm":"EdDSA","jwks":"http://localhost.evil.example/k"}],"leeway":"-1h"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var c token.Config
		if json.Unmarshal([]byte(text), &c) != nil {
			return
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nothing is fetched
		v, err := token.New(ctx, c, token.Options{Transport: serving("{}"), Now: func() time.Time { return now }})
		if err != nil {
			return
		}
		defer v.Close()
		for _, i := range c.Issuers {
			at, err := neturl.Parse(i.JWKS)
			if err != nil || i.Secret != "" || strings.HasPrefix(i.Algorithm, "HS") || i.Algorithm == "none" || len(i.Audience) == 0 || i.Name == "" ||
				at.Scheme != "https" && (at.Scheme != "http" || at.Hostname() != "localhost" && !net.ParseIP(at.Hostname()).IsLoopback()) {
				t.Errorf("taken: %+v", i)
			}
		}
		if _, err := v.Verify(t.Context(), hs(good)); err == nil {
			t.Error("a token is believed without a key")
		}
	})
}
