package token_test

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/syncline/syncline/authz/token"
)

// TestConfig: what cannot be meant is refused at the start, and the message has
// no secret in it.
func TestConfig(t *testing.T) {
	der, err := x509.MarshalPKIXPublicKey(rsaOne().Public())
	if err != nil {
		t.Fatal(err)
	}
	pemKey := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	type config = token.Config
	type issuer = token.Issuer
	hs := func(change func(*config, *issuer)) config {
		i := hsIssuer()
		c := config{Issuers: []issuer{i}}
		change(&c, &c.Issuers[0])
		return c
	}
	rs := func(jwks string) config {
		i := issuerOf("RS256")
		i.JWKS = jwks
		return config{Issuers: []issuer{i}}
	}
	for name, c := range map[string]struct {
		config
		why string // "" for those that are right
	}{
		"right":                    {hs(func(*config, *issuer) {}), ""},
		"no issuer":                {config{}, "no issuer"},
		"leeway of 2 min":          {hs(func(c *config, _ *issuer) { c.Leeway = 2 * time.Minute }), ""},
		"leeway beyond 2 min":      {hs(func(c *config, _ *issuer) { c.Leeway = 2*time.Minute + 1 }), "leeway"},
		"leeway below 0":           {hs(func(c *config, _ *issuer) { c.Leeway = -1 }), "leeway"},
		"issuer twice":             {config{Issuers: []issuer{hsIssuer(), issuerOf("RS256")}}, "twice"},
		"no name":                  {hs(func(_ *config, i *issuer) { i.Name = "" }), "name"},
		"name not UTF-8":           {hs(func(_ *config, i *issuer) { i.Name = "\xff" }), "name"},
		"no audience":              {hs(func(_ *config, i *issuer) { i.Audience = nil }), "audience"},
		"empty audience":           {hs(func(_ *config, i *issuer) { i.Audience = []string{"a", ""} }), "audience"},
		"user in another case":     {hs(func(_ *config, i *issuer) { i.User = "Sub" }), "claim of the user"},
		"no algorithm":             {hs(func(_ *config, i *issuer) { i.Algorithm = "" }), "no algorithm"},
		"none":                     {hs(func(_ *config, i *issuer) { i.Algorithm = "none" }), "no algorithm"},
		"hs256":                    {hs(func(_ *config, i *issuer) { i.Algorithm = "hs256" }), "no algorithm"},
		"two algorithms":           {hs(func(_ *config, i *issuer) { i.Algorithm = "HS256,RS256" }), "no algorithm"},
		"no secret":                {hs(func(_ *config, i *issuer) { i.Secret = "" }), "0 bytes"},
		"secret of 31 bytes":       {hs(func(_ *config, i *issuer) { i.Secret = secret[:31] }), "31 bytes"},
		"secret of 32 bytes":       {hs(func(_ *config, i *issuer) { i.Secret = secret[:32] }), ""},
		"HS384 with 47 bytes":      {hs(func(_ *config, i *issuer) { i.Algorithm, i.Secret = "HS384", secret[:47] }), "at least 48"},
		"HS384 with 48 bytes":      {hs(func(_ *config, i *issuer) { i.Algorithm, i.Secret = "HS384", secret[:48] }), ""},
		"HS512 with 63 bytes":      {hs(func(_ *config, i *issuer) { i.Algorithm, i.Secret = "HS512", secret[:63] }), "at least 64"},
		"HS512 with 64 bytes":      {hs(func(_ *config, i *issuer) { i.Algorithm, i.Secret = "HS512", secret[:64] }), ""},
		"public key as a secret":   {hs(func(_ *config, i *issuer) { i.Secret = pemKey }), "PEM"},
		"secret and key set":       {hs(func(_ *config, i *issuer) { i.JWKS = url }), "not a key set"},
		"key set and secret":       {hs(func(_ *config, i *issuer) { i.Algorithm, i.JWKS = "RS256", url }), "not a secret"},
		"no key set":               {rs(""), "URL"},
		"https":                    {rs("https://127.0.0.1:1/keys?a=b"), ""},
		"http, loopback":           {rs("http://127.0.0.1:1/keys"), ""},
		"http, loopback, IPv6":     {rs("http://[::1]:1/keys"), ""},
		"http, localhost":          {rs("http://localhost:1/keys"), ""},
		"http, elsewhere":          {rs("http://id.example/keys"), "https"},
		"http, looks like local":   {rs("http://127.0.0.1.example/keys"), "https"},
		"http, localhost. of DNS":  {rs("http://localhost.example/keys"), "https"},
		"http, any address":        {rs("http://0.0.0.0/keys"), "https"},
		"file":                     {rs("file:///etc/keys"), "URL"},
		"file of a host":           {rs("file://localhost/etc/keys"), "https"},
		"a path":                   {rs("/etc/keys"), "URL"},
		"no host":                  {rs("https:///keys"), "URL"},
		"opaque":                   {rs("https:id.example/keys"), "URL"},
		"user name in the address": {rs("https://a:b@id.example/keys"), "user name"},
		"fragment":                 {rs("https://id.example/keys#a"), "fragment"},
		"not a URL":                {rs("https://id.example:x/%zz"), "not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := token.New(t.Context(), c.config, token.Options{Transport: serving("")})
			if c.why == "" {
				if err != nil {
					t.Fatal(err)
				}
				v.Close()
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.why) {
				t.Errorf("the error is %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), secret[:31]) || strings.Contains(err.Error(), "a:b")) {
				t.Errorf("the error has the secret in it: %v", err)
			}
		})
	}
}

// TestConfigJSON: all but the secret can be written in a file.
func TestConfigJSON(t *testing.T) {
	var got token.Config
	err := json.Unmarshal([]byte(`{"issuers":[{"name":"a","audience":["b"],"algorithm":"RS256","jwks":"https://a/k","user":"c"}],"leeway":"1m0s"}`), &got, json.RejectUnknownMembers(true))
	want := token.Config{Issuers: []token.Issuer{{Name: "a", Audience: []string{"b"}, Algorithm: "RS256", JWKS: "https://a/k", User: "c"}}, Leeway: time.Minute}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(err, d)
	}
	out, err := json.Marshal(want)
	if err != nil || json.Unmarshal(out, &got) != nil || cmp.Diff(want, got) != "" {
		t.Errorf("written and read again it is %s, %v", out, err)
	}
	for _, wrong := range []string{`{"issuers":[{"secret":"a"}]}`, `{"Issuers":[]}`, `{"leeway":30}`, `{"leeway":"30"}`, `{"leeway":"1s","leeway":"2s"}`} {
		if err := json.Unmarshal([]byte(wrong), &got, json.RejectUnknownMembers(true)); err == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
	out, err = json.Marshal(token.Config{Issuers: []token.Issuer{hsIssuer()}})
	if err != nil || strings.Contains(string(out), secret) {
		t.Errorf("%s, %v", out, err)
	}
}
