package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	maxKeySet    = 1 << 20 // bytes
	fetchTimeout = 10 * time.Second
)

// A keySet is the key set of one issuer, as it was last fetched. One goroutine
// (run) fetches it; any may look for keys in it.
//
// What a token can set off is a fetch of the configured URL, once in a while: all
// who look for unknown keys share one, and further ones have to wait their turn.
type keySet struct {
	issuer Issuer
	client http.Client
	now    func() time.Time
	log    *slog.Logger
	every  time.Duration // between fetches
	pause  time.Duration // between those that unknown keys set off, and after a failed one
	wake   chan struct{} // tells run that flight waits for it; holds one
	logged state         // run's own

	mu     sync.Mutex
	keys   *keys         // the last good ones, nil if there have never been any
	asked  time.Time     // when an unknown key last set off a fetch
	flight chan struct{} // of the fetch that runs or is about to: closed at its end; nil if none
	closed bool          // run has returned
}

// A state of a key set is what can be logged about it.
type state int

const (
	_ state = iota // nothing was logged
	good
	empty  // it was fetched, and no key in it is of use
	failed // it could not be fetched or read
)

func newKeySet(i Issuer, o Options) *keySet {
	return &keySet{
		issuer: i,
		client: http.Client{
			Transport: o.Transport,
			// An answer from elsewhere is not the configured issuer's.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		now: o.Now, log: o.Logger, every: o.Refresh, pause: o.RefreshUnknown,
		wake:   make(chan struct{}, 1),
		flight: make(chan struct{}), // tokens that come before the first fetch is done wait for it
	}
}

// find returns the key that a token names ("" if it names none). The error is
// for the token's owner.
func (s *keySet) find(ctx context.Context, kid string) (any, error) {
	key, flight := s.look(kid, true)
	if key == nil && flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
		}
		key, _ = s.look(kid, false)
	}
	if key != nil {
		return key, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.keys == nil:
		return nil, refuse("the key set of the token's issuer could not be fetched")
	case s.keys.count == 0:
		return nil, refuse("the key set of the token's issuer has no key for its algorithm")
	case kid == "":
		return nil, refuse("the token does not say which of its issuer's keys it is signed with (kid)")
	}
	return nil, refuse("the token is signed with a key that its issuer does not have (kid)")
}

// look returns the key if it is here, and otherwise, if ask is set, the fetch
// that may bring it: the one which runs, or a new one if it is time for one.
func (s *keySet) look(kid string, ask bool) (key any, flight <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := s.keys.pick(kid); key != nil || !ask || s.closed {
		return key, nil
	}
	if s.flight != nil {
		return nil, s.flight
	}
	if kid == "" && s.keys != nil && s.keys.count > 0 {
		return nil, nil // there are keys, the token only does not say which
	}
	now := s.now()
	if !s.asked.IsZero() && now.Sub(s.asked) < s.pause {
		return nil, nil
	}
	s.asked = now
	s.flight = make(chan struct{})
	s.wake <- struct{}{} // never waits: without a flight it is empty
	return nil, s.flight
}

// run fetches the set now, from time to time and when woken, until ctx ends.
func (s *keySet) run(ctx context.Context) {
	defer s.end()
	for {
		s.begin()
		k, err := s.fetch(ctx)
		if ctx.Err() != nil {
			return
		}
		s.land(k, err)
		s.report(k, err)
		wait := s.every
		if err != nil {
			wait = min(s.every, s.pause)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		case <-s.wake:
		}
	}
}

// begin makes the flight of a fetch that nobody asked for. What was asked for in
// the same moment is this fetch too.
func (s *keySet) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight == nil {
		s.flight = make(chan struct{})
	}
	select {
	case <-s.wake:
	default:
	}
}

// land takes what a fetch brought and lets go those who wait for it.
func (s *keySet) land(k *keys, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil { // otherwise the last good ones stay
		s.keys = k
	}
	close(s.flight)
	s.flight = nil
}

// report logs what a fetch brought if that is not what was logged last.
func (s *keySet) report(k *keys, err error) {
	now := good
	switch {
	case err != nil:
		now = failed
	case k.count == 0:
		now = empty
	}
	if now == s.logged {
		return
	}
	s.logged = now
	log := s.log.With("issuer", s.issuer.Name, "jwks", s.issuer.JWKS)
	switch now {
	case good:
		log.Info("the key set of an issuer has been fetched", "keys", k.count)
	case empty:
		log.Warn("the key set of an issuer has no key for its algorithm: its tokens are refused", "algorithm", s.issuer.Algorithm)
	case failed:
		log.Warn("the key set of an issuer could not be fetched: what was fetched before stays in use", "err", err)
	}
}

func (s *keySet) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.flight != nil {
		close(s.flight)
		s.flight = nil
	}
}

// fetch gets the set from its URL.
func (s *keySet) fetch(ctx context.Context) (*keys, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.issuer.JWKS, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered with status %d", resp.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	if err != nil {
		return nil, fmt.Errorf("while it was read: %w", err)
	}
	if len(raw) > maxKeySet {
		return nil, errors.New("it is larger than 1 MiB")
	}
	return parseKeys(raw, s.issuer.Algorithm)
}
