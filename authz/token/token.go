// Package token verifies JSON Web Tokens: it says who signed one, for whom and
// until when, and refuses whatever is not beyond doubt. What that user may do
// is package authz's to say, and where a token comes from (a frame, a header) is
// its caller's.
//
// A token is signed (JWS, compact form) with the one algorithm that its issuer
// is configured to use, and lives until its "exp". A secret is configured; public
// keys come from the issuer's key set, which is fetched from the configured URL
// and from nowhere else: a token chooses among the configured keys and can never
// bring or name one of its own.
//
// All JSON in a token is read by package value, which is strict: no name twice,
// no invalid UTF-8, no number that JavaScript would read differently. On top of
// that no two claims may differ in case alone. Libraries that read JSON more
// kindly have seen another user than the one that was signed; of golang-jwt only
// the signature methods are used here, which see no JSON at all.
package token

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/syncline/syncline/wire"
)

// MaxBytes bounds a token.
const MaxBytes = 8 << 10

// Options are what a Verifier needs of the world. The zero value is right for a
// server.
type Options struct {
	// Transport carries the requests for key sets; nil is a transport that
	// keeps no connection open. Redirects are never followed.
	Transport http.RoundTripper
	// Now is the clock that tokens are held against; nil is time.Now.
	Now func() time.Time
	// Logger gets a line when an issuer's key set becomes unavailable and when
	// it is back; nil discards it.
	Logger *slog.Logger
	// Refresh is the time between two fetches of a key set; 0 is an hour. After
	// a failed fetch the next one comes after RefreshUnknown.
	Refresh time.Duration
	// RefreshUnknown is the shortest time between two fetches which unknown key
	// ids set off; 0 is a minute.
	RefreshUnknown time.Duration
}

// A Verifier verifies tokens. Its methods may be called from any goroutine.
type Verifier struct {
	issuers map[string]*issuer
	leeway  time.Duration
	now     func() time.Time
	cancel  context.CancelFunc
	tasks   sync.WaitGroup // one for each key set
}

// An issuer is one that was configured, with its keys: a secret or a set.
type issuer struct {
	Issuer
	alg    algorithm
	secret []byte
	set    *keySet
}

// New returns a Verifier and starts to fetch the key sets, for which it does not
// wait: an issuer that is down does not keep a server from starting. Fetching
// goes on until Close or until ctx ends. The error says what is wrong with c.
func New(ctx context.Context, c Config, o Options) (*Verifier, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	o = o.withDefaults()
	ctx, cancel := context.WithCancel(ctx)
	v := &Verifier{issuers: map[string]*issuer{}, leeway: c.leeway(), now: o.Now, cancel: cancel}
	for _, i := range c.Issuers {
		if i.User == "" {
			i.User = "sub"
		}
		one := &issuer{Issuer: i, alg: algorithms[i.Algorithm], secret: []byte(i.Secret)}
		if i.JWKS != "" {
			one.set = newKeySet(i, o)
			v.tasks.Go(func() { one.set.run(ctx) })
		}
		v.issuers[i.Name] = one
	}
	return v, nil
}

func (o Options) withDefaults() Options {
	if o.Transport == nil {
		o.Transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DisableKeepAlives:      true, // one request an hour
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Refresh <= 0 {
		o.Refresh = time.Hour
	}
	if o.RefreshUnknown <= 0 {
		o.RefreshUnknown = time.Minute
	}
	return o
}

// Close ends the fetching of key sets and returns when it has ended. It may be
// called again. A closed Verifier goes on with the keys it has.
func (v *Verifier) Close() {
	v.cancel()
	v.tasks.Wait()
}

// Verify returns what a token claims if the token is valid now. A token that
// names a key which is not known waits for its issuer's key set if that is being
// fetched, for ten seconds or until ctx ends.
//
// The error is a *wire.Error with code unauthorized. Its message is fixed text:
// nothing of the token is in it.
func (v *Verifier) Verify(ctx context.Context, token string) (Claims, error) {
	t, err := parse(token)
	if err != nil {
		return Claims{}, err
	}
	// The issuer is only a claim until the signature says that it is true. It
	// picks a key that was configured, as anybody may.
	name, _ := t.claims["iss"].(string)
	i := v.issuers[name]
	if i == nil {
		return Claims{}, refuse("the token does not come from an issuer that this server believes")
	}
	if t.alg != i.Algorithm {
		return Claims{}, refuse("the token is not signed with the algorithm of its issuer")
	}
	key, err := i.key(ctx, t.kid)
	if err != nil {
		return Claims{}, err
	}
	if i.alg.method.Verify(t.signed, t.signature, key) != nil {
		return Claims{}, refuse("the token's signature is not valid")
	}
	return i.judge(t.claims, v.now(), v.leeway)
}

// key returns the key that a token of this issuer must be signed with. Where
// there is a single secret, a key id chooses nothing.
func (i *issuer) key(ctx context.Context, kid string) (any, error) {
	if i.set == nil {
		return i.secret, nil
	}
	return i.set.find(ctx, kid)
}

func refuse(message string) error {
	return &wire.Error{Code: wire.CodeUnauthorized, Message: message}
}
