package token_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline/syncline/authz/token"
)

// These tests run in bubbles, whose clock begins in 2000; the tokens live longer.

func rsToken(kid string) string {
	return mint(rs256, rsaOne(), fmt.Sprintf(`{"alg":"RS256","kid":%q}`, kid), good)
}

func rsTokenTwo(kid string) string {
	return mint(rs256, rsaTwo(), fmt.Sprintf(`{"alg":"RS256","kid":%q}`, kid), good)
}

const unnamed = `{"alg":"RS256"}`

var setOne = sync.OnceValue(func() string { return jwks(jwk("one", rsaOne().Public(), `,"alg":"RS256","use":"sig"`)) })

// bubble runs a test with a Verifier of an RS256 issuer, and its log.
func bubble(t *testing.T, s *site, run func(t *testing.T, v *token.Verifier, log func() string)) {
	t.Helper()
	rsaOne()
	rsaTwo()
	synctest.Test(t, func(t *testing.T) {
		written := &bytes.Buffer{}
		log := func() string {
			synctest.Wait() // nobody writes
			return written.String()
		}
		v, err := token.New(t.Context(), token.Config{Issuers: []token.Issuer{issuerOf("RS256")}}, token.Options{Transport: s, Logger: slog.New(slog.NewTextHandler(written, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		run(t, v, log)
	})
}

func requests(t *testing.T, s *site, want int) {
	t.Helper()
	synctest.Wait()
	if n := s.requests(); n != want {
		t.Fatalf("%d requests, not %d", n, want)
	}
}

// TestRotation: a new key is fetched when the first token names it, once however
// many come at a time; the old one is gone when the set no longer has it.
func TestRotation(t *testing.T) {
	s := serving(setOne())
	bubble(t, s, func(t *testing.T, v *token.Verifier, _ func() string) {
		accepts(t, v, rsToken("one"))
		requests(t, s, 1)
		s.answer(200, jwks(jwk("two", rsaTwo().Public(), ``)))
		accepts(t, v, rsToken("one")) // nobody knows yet
		var all sync.WaitGroup
		tok := rsTokenTwo("two")
		for range 100 {
			all.Go(func() {
				if _, err := v.Verify(t.Context(), tok); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		requests(t, s, 2)
		refuses(t, v, rsToken("one"), "that its issuer does not have")
		requests(t, s, 2)
	})
}

// TestUnknownKeyLimit: a thousand key ids out of nowhere are one request a
// minute, and known keys are served all the same.
func TestUnknownKeyLimit(t *testing.T) {
	s := serving(setOne())
	bubble(t, s, func(t *testing.T, v *token.Verifier, _ func() string) {
		tokens := make([]string, 1000)
		for n := range tokens {
			tokens[n] = mint(rs256, rsaTwo(), fmt.Sprintf(`{"alg":"RS256","kid":"random-%d"}`, n), good)
		}
		accepts(t, v, rsToken("one"))
		for minute := range 3 {
			begin := time.Now()
			var all sync.WaitGroup
			for _, tok := range tokens {
				all.Go(func() {
					if _, err := v.Verify(t.Context(), tok); err == nil {
						t.Error("accepted")
					}
				})
			}
			all.Wait()
			accepts(t, v, rsToken("one"))
			requests(t, s, 2+minute)
			time.Sleep(59*time.Second - time.Since(begin))
			refuses(t, v, tokens[0], "does not have")
			requests(t, s, 2+minute)
			time.Sleep(time.Second)
		}
	})
}

// TestBackground: the set is fetched every hour without anybody asking, so that
// a key which was withdrawn stops to be believed.
func TestBackground(t *testing.T) {
	s := serving(setOne())
	bubble(t, s, func(t *testing.T, v *token.Verifier, _ func() string) {
		accepts(t, v, rsToken("one"))
		s.answer(200, jwks())
		time.Sleep(time.Hour - time.Second)
		requests(t, s, 1)
		accepts(t, v, rsToken("one"))
		time.Sleep(time.Second)
		requests(t, s, 2)
		refuses(t, v, rsToken("one"), "has no key for its algorithm")
		time.Sleep(24 * time.Hour)
		requests(t, s, 2+1+24) // the token asked once more
	})
}

var broken = map[string]func(*site){
	"500":             func(s *site) { s.answer(500, setOne()) },
	"404":             func(s *site) { s.answer(404, "") },
	"204":             func(s *site) { s.answer(204, "") },
	"HTML":            func(s *site) { s.answer(200, "<!doctype html><title>Log in</title>") },
	"nothing":         func(s *site) { s.answer(200, "") },
	"redirect":        func(s *site) { s.answer(302, setOne(), "Location", "https://mallory.example/keys") },
	"redirect to own": func(s *site) { s.answer(307, setOne(), "Location", url) },
	"2 MiB":           func(s *site) { s.answer(200, strings.Repeat(" ", 2<<20)+setOne()) },
	"1 MiB and 1":     func(s *site) { s.answer(200, setOne()+strings.Repeat(" ", 1<<20+1-len(setOne()))) },
	"endless":         func(s *site) { s.answer(200, `{"keys":[`+strings.Repeat("[", 100_000)) },
	"hangs":           (*site).hang,
	"error": func(s *site) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.do = func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }
	},
	"no keys member":      func(s *site) { s.answer(200, `{"error":"try later"}`) },
	"keys are null":       func(s *site) { s.answer(200, `{"keys":null}`) },
	"keys are an object":  func(s *site) { s.answer(200, `{"keys":{}}`) },
	"Keys":                func(s *site) { s.answer(200, strings.Replace(setOne(), "keys", "Keys", 1)) },
	"keys twice":          func(s *site) { s.answer(200, `{"keys":[],`+setOne()[1:]) },
	"a tail":              func(s *site) { s.answer(200, setOne()+"{}") },
	"one id for two keys": func(s *site) { s.answer(200, jwks(jwk("a", rsaOne().Public(), ""), jwk("a", rsaTwo().Public(), ""))) },
	"member twice in a key": func(s *site) {
		s.answer(200, jwks(jwk("one", rsaOne().Public(), `,"kid":"two"`)))
	},
}

// TestBrokenFromStart: without a key set New succeeds, tokens are refused, and
// once the issuer is back they are accepted.
func TestBrokenFromStart(t *testing.T) {
	for name, breaks := range broken {
		t.Run(name, func(t *testing.T) {
			s := &site{}
			breaks(s)
			bubble(t, s, func(t *testing.T, v *token.Verifier, log func() string) {
				began := time.Now()
				refuses(t, v, rsToken("one"), "could not be fetched")
				if d := time.Since(began); d > 10*time.Second {
					t.Errorf("the token waited for %v", d)
				}
				refuses(t, v, mint(rs256, rsaOne(), unnamed, good), "could not be fetched")
				time.Sleep(10 * time.Minute)
				refuses(t, v, rsToken("one"), "could not be fetched")
				s.answer(200, setOne())
				time.Sleep(75 * time.Second) // without a token asking: one more request hangs at most
				requests := s.requests()
				accepts(t, v, rsToken("one"))
				if s.requests() != requests || requests > 30 {
					t.Errorf("%d requests, then %d", requests, s.requests())
				}
				if n := strings.Count(log(), "could not be fetched"); n != 1 || strings.Count(log(), "has been fetched") != 1 {
					t.Errorf("the log is\n%s", log())
				}
				for _, u := range s.asked {
					if u != url {
						t.Errorf("%s was fetched", u)
					}
				}
			})
		})
	}
}

// TestBrokenLater: the last good keys stay, new ones are not believed, and the
// log has one line for each change.
func TestBrokenLater(t *testing.T) {
	for name, breaks := range broken {
		t.Run(name, func(t *testing.T) {
			s := serving(setOne())
			bubble(t, s, func(t *testing.T, v *token.Verifier, log func() string) {
				for range 2 {
					accepts(t, v, rsToken("one"))
					breaks(s)
					time.Sleep(time.Hour + 5*time.Minute)
					accepts(t, v, rsToken("one"))
					accepts(t, v, mint(rs256, rsaOne(), unnamed, good))
					refuses(t, v, rsToken("two"), "does not have")
					refuses(t, v, rsTokenTwo("one"), "signature")
					s.answer(200, setOne())
					time.Sleep(75 * time.Second)
				}
				lines := strings.Split(strings.TrimSpace(log()), "\n")
				if len(lines) != 5 || !strings.Contains(lines[1], "WARN") || !strings.Contains(lines[2], "INFO") {
					t.Errorf("the log is\n%s", log())
				}
			})
		})
	}
}

// TestKeysOfASet: which keys of a set are used, each both ways. The token names
// the key that the case is about.
func TestKeysOfASet(t *testing.T) {
	for _, c := range []struct {
		name, algorithm, key string
		used                 bool
	}{
		{"bare", "RS256", jwk("k", rsaOne().Public(), ``), true},
		{"all said", "RS256", jwk("k", rsaOne().Public(), `,"alg":"RS256","use":"sig","key_ops":["verify"]`), true},
		{"members nobody knows", "RS256", jwk("k", rsaOne().Public(), `,"x5t":"a","x5c":["not a certificate"],"x5u":"https://mallory.example","foo":1`), true},
		{"alg of another hash", "RS256", jwk("k", rsaOne().Public(), `,"alg":"RS512"`), false},
		{"alg of another padding", "RS256", jwk("k", rsaOne().Public(), `,"alg":"PS256"`), false},
		{"alg in another case", "RS256", jwk("k", rsaOne().Public(), `,"alg":"rs256"`), false},
		{"for encryption", "RS256", jwk("k", rsaOne().Public(), `,"use":"enc"`), false},
		{"operations without verify", "RS256", jwk("k", rsaOne().Public(), `,"key_ops":["encrypt","sign"]`), false},
		{"no operations", "RS256", jwk("k", rsaOne().Public(), `,"key_ops":[]`), false},
		{"private half published", "RS256", jwk("k", rsaOne().Public(), `,"d":"AQAB"`), false},
		{"RSA of 1024 bits", "RS256", jwk("k", rsaSmall().Public(), ``), false},
		{"RSA with exponent 1", "RS256", strings.Replace(jwk("k", rsaOne().Public(), ``), `"AQAB"`, `"AQ"`, 1), false},
		{"RSA with an even exponent", "RS256", strings.Replace(jwk("k", rsaOne().Public(), ``), `"AQAB"`, `"AQAC"`, 1), false},
		{"RSA with a huge exponent", "RS256", strings.Replace(jwk("k", rsaOne().Public(), ``), `"AQAB"`, `"AQAAAAAAAAAAAQAB"`, 1), false},
		{"RSA without modulus", "RS256", `{"kty":"RSA","kid":"k","e":"AQAB"}`, false},
		{"kty in another case", "RS256", strings.Replace(jwk("k", rsaOne().Public(), ``), `"RSA"`, `"rsa"`, 1), false},
		{"kty is a number", "RS256", `{"kty":1,"kid":"k"}`, false},
		{"secret key", "RS256", `{"kty":"oct","kid":"k","k":"` + b64(secret) + `"}`, false},
		{"EC for RSA", "RS256", jwk("k", ecP256().Public(), ``), false},
		{"kid of 257 bytes", "RS256", jwk(strings.Repeat("k", 257), rsaOne().Public(), ``), false},
		{"not an object", "RS256", `"k"`, false},
		{"P-256", "ES256", jwk("k", ecP256().Public(), ``), true},
		{"P-384 for ES256", "ES256", jwk("k", ecP384().Public(), ``), false},
		{"P-256 called P-384", "ES256", strings.Replace(jwk("k", ecP256().Public(), ``), `"P-256"`, `"P-384"`, 1), false},
		{"not on the curve", "ES256", `{"kty":"EC","crv":"P-256","kid":"k","x":"AQ","y":"AQ"}`, false},
		{"at infinity", "ES256", `{"kty":"EC","crv":"P-256","kid":"k","x":"AA","y":"AA"}`, false},
		{"RSA for EC", "ES256", jwk("k", rsaOne().Public(), ``), false},
		{"Ed25519", "EdDSA", jwk("k", edKey().Public(), ``), true},
		{"Ed25519, short", "EdDSA", `{"kty":"OKP","crv":"Ed25519","kid":"k","x":"AQ"}`, false},
		{"X25519", "EdDSA", strings.Replace(jwk("k", edKey().Public(), ``), "Ed25519", "X25519", 1), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serving(jwks(c.key))
			v := verifier(t, token.Options{Transport: s}, issuerOf(c.algorithm))
			header := fmt.Sprintf(`{"alg":%q,"kid":"k"}`, c.algorithm)
			tok := map[string]string{
				"RS256": mint(rs256, rsaOne(), header, good),
				"ES256": mint(es256, ecP256(), header, good),
				"EdDSA": mint(edDSA, edKey(), header, good),
			}[c.algorithm]
			if c.used {
				accepts(t, v, tok)
			} else {
				refuses(t, v, tok, "no key for its algorithm")
			}
			if n := s.requests(); n > 2 || s.asked[0] != url || s.asked[n-1] != url {
				t.Errorf("asked for %q", s.asked)
			}
		})
	}
}

// TestWithoutKeyID: a token that names no key is believed if there is one only.
func TestWithoutKeyID(t *testing.T) {
	tok := mint(rs256, rsaOne(), unnamed, good)
	other := jwk("e", ecP256().Public(), "")
	v := verifier(t, token.Options{Transport: serving(jwks(other, jwk("one", rsaOne().Public(), "")))}, issuerOf("RS256"))
	accepts(t, v, tok)
	v = verifier(t, token.Options{Transport: serving(jwks(jwk("", rsaOne().Public(), ""), other))}, issuerOf("RS256"))
	accepts(t, v, tok)
	refuses(t, v, rsToken("one"), "does not have")
	s := serving(jwks(jwk("one", rsaOne().Public(), ""), jwk("two", rsaTwo().Public(), "")))
	v = verifier(t, token.Options{Transport: s}, issuerOf("RS256"))
	refuses(t, v, tok, "which of its issuer's keys")
	refuses(t, v, tok, "which of its issuer's keys")
	if n := s.requests(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestTwoIssuers: keys belong to their issuer, also where they share an id, and
// one issuer that is down does not touch the other.
func TestTwoIssuers(t *testing.T) {
	s := &site{do: func(r *http.Request) (*http.Response, error) {
		key := rsaOne()
		switch r.URL.Host {
		case "two.example":
			key = rsaTwo()
		case "three.example":
			return nil, errors.New("down")
		}
		return serving(jwks(jwk("k", key.Public(), ""))).do(r)
	}}
	issuers := make([]token.Issuer, 3)
	for n, host := range []string{"one.example", "two.example", "three.example"} {
		issuers[n] = issuerOf("RS256")
		issuers[n].Name, issuers[n].JWKS = "https://"+host, "https://"+host+"/keys"
	}
	v := verifier(t, token.Options{Transport: s}, issuers...)
	of := func(n int) string { return strings.Replace(good, iss, issuers[n].Name, 1) }
	header := `{"alg":"RS256","kid":"k"}`
	if c := accepts(t, v, mint(rs256, rsaOne(), header, of(0))); c.Issuer != issuers[0].Name {
		t.Errorf("%v", c)
	}
	accepts(t, v, mint(rs256, rsaTwo(), header, of(1)))
	refuses(t, v, mint(rs256, rsaOne(), header, of(1)), "signature")
	refuses(t, v, mint(rs256, rsaTwo(), header, of(0)), "signature")
	refuses(t, v, mint(rs256, rsaOne(), header, of(2)), "could not be fetched")
}

// TestContext: who waits for a key set stops waiting when its context ends.
func TestContext(t *testing.T) {
	s := &site{}
	s.hang()
	bubble(t, s, func(t *testing.T, v *token.Verifier, _ func() string) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := v.Verify(ctx, rsToken("one")); err == nil || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// TestClose: Close ends a fetch and lets go who waits for it, which is nothing to
// log; keys that are there are used further.
func TestClose(t *testing.T) {
	s := &site{}
	s.hang()
	bubble(t, s, func(t *testing.T, v *token.Verifier, log func() string) {
		var all sync.WaitGroup
		tok := rsToken("one")
		for range 10 {
			all.Go(func() {
				if _, err := v.Verify(t.Context(), tok); err == nil {
					t.Error("accepted")
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		v.Close()
		v.Close()
		all.Wait()
		refuses(t, v, tok, "could not be fetched")
		if time.Since(began) != 0 || log() != "" {
			t.Errorf("it took %v, and the log is %s", time.Since(began), log())
		}
	})
	s = serving(setOne())
	bubble(t, s, func(t *testing.T, v *token.Verifier, _ func() string) {
		accepts(t, v, rsToken("one"))
		v.Close()
		accepts(t, v, rsToken("one"))
		refuses(t, v, rsToken("two"), "does not have")
		time.Sleep(5 * time.Hour)
		requests(t, s, 1)
	})
}

// TestConcurrent is for the race detector: tokens are verified while the set
// changes under them.
func TestConcurrent(t *testing.T) {
	var odd atomic.Bool
	one, two := setOne(), jwks(jwk("one", rsaOne().Public(), ""), jwk("two", rsaTwo().Public(), ""))
	s := &site{do: func(r *http.Request) (*http.Response, error) {
		if odd.Store(!odd.Load()); odd.Load() {
			return serving(one).do(r)
		}
		return serving(two).do(r)
	}}
	o := token.Options{Transport: s, Refresh: 100 * time.Microsecond, RefreshUnknown: time.Microsecond}
	v := verifier(t, o, issuerOf("RS256"))
	tokens := []string{rsToken("one"), rsTokenTwo("two"), rsTokenTwo("one"), rsToken("three"), "x"}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for n := range 200 {
				c, err := v.Verify(t.Context(), tokens[n%len(tokens)])
				if n%len(tokens) == 0 && (err != nil || c.User != "ada") || n%len(tokens) > 1 && err == nil {
					t.Errorf("token %d: %v, %v", n%len(tokens), c.User, err)
				}
			}
		})
	}
	all.Wait()
}

// TestOwnTransport fetches from a server over the network.
func TestOwnTransport(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/keys", http.StatusFound)
			return
		}
		fmt.Fprint(w, setOne())
	}))
	defer server.Close()
	i := issuerOf("RS256")
	i.JWKS = server.URL + "/keys"
	accepts(t, verifier(t, token.Options{}, i), rsToken("one"))
	i.JWKS = server.URL + "/away"
	v := verifier(t, token.Options{}, i)
	refuses(t, v, rsToken("one"), "could not be fetched")
	v.Close()
	server.Close()
	for n, got := range asked {
		if want := "GET /away"; n > 0 && got != want || n == 0 && got != "GET /keys" {
			t.Errorf("request %d is %s", n, got)
		}
	}
}
