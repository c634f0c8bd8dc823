package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/syncline/syncline/authz/token"
	"github.com/syncline/syncline/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret = "a secret of sixty-four bytes, which is enough for any HS* there is"
	iss    = "https://id.example"
	url    = "https://id.example/keys"
	good   = `{"iss":"https://id.example","aud":"syncline","sub":"ada","exp":1700000600}`
)

var now = time.Unix(1_700_000_000, 0)

func rsaKey(bits int) func() *rsa.PrivateKey {
	return sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		return key
	})
}

func ecKey(c elliptic.Curve) func() *ecdsa.PrivateKey {
	return sync.OnceValue(func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			panic(err)
		}
		return key
	})
}

var (
	rsaOne, rsaTwo, rsaSmall   = rsaKey(2048), rsaKey(2048), rsaKey(1024)
	ecP256, ecOther            = ecKey(elliptic.P256()), ecKey(elliptic.P256())
	ecP384, ecP521             = ecKey(elliptic.P384()), ecKey(elliptic.P521())
	edKey                      = sync.OnceValue(func() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, 32)) })
	hs256, rs256, es256, edDSA = jwt.SigningMethodHS256, jwt.SigningMethodRS256, jwt.SigningMethodES256, jwt.SigningMethodEdDSA
)

func b64[T string | []byte](raw T) string { return base64.RawURLEncoding.EncodeToString([]byte(raw)) }

// mint signs a header and claims as they are, whatever they are.
func mint(method jwt.SigningMethod, key any, header, claims string) string {
	signed := b64(header) + "." + b64(claims)
	signature, err := method.Sign(signed, key)
	if err != nil {
		panic(err)
	}
	return signed + "." + b64(signature)
}

// hs mints what the issuer with a secret would.
func hs(claims string) string { return mint(hs256, []byte(secret), `{"alg":"HS256"}`, claims) }

// hsHeader mints with a header of the caller's.
func hsHeader(header string) string { return mint(hs256, []byte(secret), header, good) }

func hsIssuer() token.Issuer {
	return token.Issuer{Name: iss, Audience: []string{"syncline"}, Algorithm: "HS256", Secret: secret}
}

func issuerOf(algorithm string) token.Issuer {
	return token.Issuer{Name: iss, Audience: []string{"syncline"}, Algorithm: algorithm, JWKS: url}
}

// jwk is a public key as a key set has it. More is what else is in it: ,"use":"sig".
func jwk(kid string, key crypto.PublicKey, more string) string {
	body := ""
	switch key := key.(type) {
	case *rsa.PublicKey:
		body = fmt.Sprintf(`"kty":"RSA","n":%q,"e":%q`, b64(key.N.Bytes()), b64(big.NewInt(int64(key.E)).Bytes()))
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			panic(err)
		}
		n := len(point) / 2
		body = fmt.Sprintf(`"kty":"EC","crv":%q,"x":%q,"y":%q`, key.Params().Name, b64(point[1:1+n]), b64(point[1+n:]))
	case ed25519.PublicKey:
		body = fmt.Sprintf(`"kty":"OKP","crv":"Ed25519","x":%q`, b64([]byte(key)))
	default:
		panic("no such key")
	}
	if kid != "" {
		body += fmt.Sprintf(`,"kid":%q`, kid)
	}
	return "{" + body + more + "}"
}

func jwks(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// A site answers all requests. Its answer may be exchanged.
type site struct {
	mu    sync.Mutex
	asked []string // the URLs
	do    func(*http.Request) (*http.Response, error)
}

func (s *site) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.String())
	do := s.do
	s.mu.Unlock()
	return do(r)
}

func (s *site) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func (s *site) answer(status int, body string, header ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.do = func(r *http.Request) (*http.Response, error) {
		resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
		if len(header) == 2 {
			resp.Header.Set(header[0], header[1])
		}
		return resp, nil
	}
}

// hang keeps requests waiting until their time is up.
func (s *site) hang() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.do = func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
}

func serving(body string) *site {
	s := &site{}
	s.answer(200, body)
	return s
}

// verifier returns a Verifier whose clock stands still, unless o says otherwise.
func verifier(t testing.TB, o token.Options, issuers ...token.Issuer) *token.Verifier {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return now }
	}
	v, err := token.New(t.Context(), token.Config{Issuers: issuers}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// refused checks an error of Verify and returns its message.
func refused(t testing.TB, err error) string {
	t.Helper()
	var e *wire.Error
	if !errors.As(err, &e) || e.Code != wire.CodeUnauthorized {
		t.Fatalf("the error is %v", err)
	}
	return e.Message
}

// refuses checks that a token is refused with a message that says why.
func refuses(t testing.TB, v *token.Verifier, tok, why string) {
	t.Helper()
	c, err := v.Verify(t.Context(), tok)
	if err == nil {
		t.Fatalf("accepted for %q", c.User)
	}
	if m := refused(t, err); !strings.Contains(m, why) {
		t.Fatalf("refused with %q, not because of %q", m, why)
	}
}

func accepts(t testing.TB, v *token.Verifier, tok string) token.Claims {
	t.Helper()
	c, err := v.Verify(t.Context(), tok)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
