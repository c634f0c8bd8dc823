package token_test

import (
	"crypto"
	"crypto/rsa"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/token"
)

// TestAlgorithms: a token of each algorithm is accepted where that algorithm is
// pinned and nowhere else, even if the key would fit.
func TestAlgorithms(t *testing.T) {
	type signer struct {
		method jwt.SigningMethod
		key    any // []byte or crypto.Signer
	}
	signers := map[string]signer{}
	for _, s := range []signer{
		{jwt.SigningMethodHS256, []byte(secret)},
		{jwt.SigningMethodHS384, []byte(secret)},
		{jwt.SigningMethodHS512, []byte(secret)},
		{jwt.SigningMethodRS256, rsaOne()},
		{jwt.SigningMethodRS384, rsaOne()},
		{jwt.SigningMethodRS512, rsaOne()},
		{jwt.SigningMethodPS256, rsaOne()},
		{jwt.SigningMethodPS384, rsaOne()},
		{jwt.SigningMethodPS512, rsaOne()},
		{jwt.SigningMethodES256, ecP256()},
		{jwt.SigningMethodES384, ecP384()},
		{jwt.SigningMethodES512, ecP521()},
		{jwt.SigningMethodEdDSA, edKey()},
	} {
		signers[s.method.Alg()] = s
	}
	for pinned, owner := range signers {
		t.Run(pinned, func(t *testing.T) {
			i := issuerOf(pinned)
			o := token.Options{}
			if s, public := owner.key.(crypto.Signer); public {
				o.Transport = serving(jwks(jwk("k", s.Public(), "")))
			} else {
				i.JWKS, i.Secret = "", secret
			}
			v := verifier(t, o, i)
			for alg, s := range signers {
				tok := mint(s.method, s.key, fmt.Sprintf(`{"alg":%q,"kid":"k"}`, alg), good)
				if alg == pinned {
					accepts(t, v, tok)
				} else {
					refuses(t, v, tok, "the algorithm of its issuer")
				}
				// The same signature under the name of the pinned algorithm.
				tok = mint(s.method, s.key, fmt.Sprintf(`{"alg":%q,"kid":"k"}`, pinned), good)
				if alg != pinned {
					refuses(t, v, tok, "signature")
				}
			}
		})
	}
}

// TestSalt: RFC 7518 (3.5) has one length of salt for PS256, that of the hash.
func TestSalt(t *testing.T) {
	v := verifier(t, token.Options{Transport: serving(jwks(jwk("k", rsaOne().Public(), "")))}, issuerOf("PS256"))
	for salt, fine := range map[int]bool{rsa.PSSSaltLengthEqualsHash: true, 32: true, 20: false, 31: false, rsa.PSSSaltLengthAuto: false} {
		method := &jwt.SigningMethodRSAPSS{SigningMethodRSA: jwt.SigningMethodPS256.SigningMethodRSA, Options: &rsa.PSSOptions{SaltLength: salt}}
		tok := mint(method, rsaOne(), `{"alg":"PS256","kid":"k"}`, good)
		if fine {
			accepts(t, v, tok)
		} else {
			refuses(t, v, tok, "signature")
		}
	}
}

// TestClaims: what a valid token says is returned.
func TestClaims(t *testing.T) {
	v := verifier(t, token.Options{}, hsIssuer())
	got := accepts(t, v, hs(`{"iss":"https://id.example","aud":["else","syncline"],"sub":"ünï 🎉","exp":1700000600.5,"nbf":1,"iat":1699999999,"jti":"t1","roles":["a",{"b":null}],"n":1e2}`))
	want := token.Claims{
		User: "ünï 🎉", Issuer: iss, ID: "t1", Expires: time.Unix(1700000600, 5e8).UTC(),
		All: map[string]any{
			"iss": iss, "aud": []any{"else", "syncline"}, "sub": "ünï 🎉", "exp": 1700000600.5, "nbf": 1.0, "iat": 1699999999.0, "jti": "t1",
			"roles": []any{"a", map[string]any{"b": nil}}, "n": 100.0,
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAccepted(t *testing.T) {
	long := hs(claims(`"pad":"` + strings.Repeat("x", 5900) + `"`))
	for len(long) < token.MaxBytes { // to the byte, as far as base64 lets one
		long = hs(claims(`"pad":"` + strings.Repeat("x", 5900+(token.MaxBytes-len(long))*3/4) + `"`))
		if token.MaxBytes-len(long) <= 1 {
			break
		}
	}
	if len(long) < token.MaxBytes-2 || len(long) > token.MaxBytes {
		t.Fatalf("the long token has %d bytes", len(long))
	}
	mail := hsIssuer()
	mail.Name, mail.User = "https://mail.example", "email"
	v := verifier(t, token.Options{}, hsIssuer(), mail)
	for name, tok := range map[string]string{
		"typ JWT":                   hsHeader(`{"alg":"HS256","typ":"JWT"}`),
		"typ jwt":                   hsHeader(`{"alg":"HS256","typ":"jwt"}`),
		"typ at+jwt":                hsHeader(`{"alg":"HS256","typ":"AT+jwt"}`),
		"kid of a secret":           hsHeader(`{"alg":"HS256","kid":"../../dev/null"}`),
		"kid of 256 bytes":          hsHeader(`{"alg":"HS256","kid":"` + strings.Repeat("k", 256) + `"}`),
		"other members of headers":  hsHeader(`{"alg":"HS256","x5t":"a","x5t#S256":"b","foo":[1]}`),
		"header with white space":   hsHeader(" {\n\"alg\" : \"HS256\" }\t"),
		"header with escapes":       hsHeader(`{"\u0061lg":"HS\u003256"}`),
		"another claim of the user": hs(`{"iss":"https://mail.example","aud":"syncline","email":"ada","exp":1700000600}`),
		"case of nested names":      hs(claims(`"a":{"b":1,"B":2}`)),
		"depth 16":                  hs(claims(`"a":` + strings.Repeat("[", 15) + strings.Repeat("]", 15))),
		"largest number":            hs(claims(`"n":9007199254740991`)),
		"user of 256 bytes":         hs(strings.Replace(good, "ada", strings.Repeat("a", authz.MaxUser), 1)),
		"last date":                 hs(strings.Replace(good, "1700000600", "253402300799", 1)),
		"8 KiB":                     long,
	} {
		t.Run(name, func(t *testing.T) { accepts(t, v, tok) })
	}
}

// claims are good ones and more.
func claims(more string) string { return good[:len(good)-1] + "," + more + "}" }

// TestTimes: each date is held against the clock with the leeway to spare, and
// to the second.
func TestTimes(t *testing.T) {
	const leeway = 60 * time.Second
	clock := now
	v, err := token.New(t.Context(), token.Config{Issuers: []token.Issuer{hsIssuer()}, Leeway: leeway}, token.Options{Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	at := now.Unix()
	form := `{"iss":"https://id.example","aud":"syncline","sub":"ada",%s}`
	for _, c := range []struct {
		claim string
		clock time.Duration // after the date of the claim
		why   string
	}{
		{`"exp":%d`, leeway - time.Second, ""},
		{`"exp":%d`, leeway - time.Nanosecond, ""},
		{`"exp":%d`, leeway, "expired"},
		{`"exp":%d`, leeway + time.Second, "expired"},
		{`"exp":%d.5`, leeway + time.Second/4, ""},
		{`"exp":%d.5`, leeway + time.Second/2, "expired"},
		{`"exp":1800000000,"nbf":%d`, -leeway + time.Second, ""},
		{`"exp":1800000000,"nbf":%d`, -leeway, ""},
		{`"exp":1800000000,"nbf":%d`, -leeway - time.Second, "(nbf)"},
		{`"exp":1800000000,"iat":%d`, -leeway + time.Second, ""},
		{`"exp":1800000000,"iat":%d`, -leeway, ""},
		{`"exp":1800000000,"iat":%d`, -leeway - time.Second, "(iat)"},
	} {
		clock = now.Add(c.clock)
		tok := hs(fmt.Sprintf(form, fmt.Sprintf(c.claim, at)))
		_, err := v.Verify(t.Context(), tok)
		if c.why == "" && err != nil || c.why != "" && (err == nil || !strings.Contains(refused(t, err), c.why)) {
			t.Errorf("%s, %v after it: %v", c.claim, c.clock, err)
		}
	}
	// The default is 30 s.
	v = verifier(t, token.Options{Now: func() time.Time { return clock }}, hsIssuer())
	tok := hs(fmt.Sprintf(form, fmt.Sprintf(`"exp":%d`, at)))
	clock = now.Add(29 * time.Second)
	accepts(t, v, tok)
	clock = now.Add(30 * time.Second)
	refuses(t, v, tok, "expired")
}
