package webhook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Bounds and defaults of endpoints.
const (
	MinSecret       = 24 // bytes of a key
	MaxSecret       = 64
	maxSecrets      = 4
	DefaultTimeout  = 10 * time.Second
	MaxTimeout      = time.Minute
	DefaultAttempts = 16
	DefaultParallel = 8
)

// An Endpoint is an address that the operator allows the server to call. URL and
// Secrets must be set; other fields that are zero take their defaults.
type Endpoint struct {
	URL string
	// Secrets are the keys that each request is signed with, as in "whsec_" and
	// base64: one, or several while receivers change from one to the next.
	Secrets []string
	// Timeout is how long a request may take, 10 s by default, at most a minute.
	Timeout time.Duration
	// Attempts is after how many a delivery is set aside as a dead letter, 16 by
	// default, which are some three hours.
	Attempts int
	// Parallel bounds the requests under way, 8 by default.
	Parallel int
	// Private allows addresses of private networks and of this machine, and http.
	Private bool
}

// parsed is an endpoint that has been checked.
type parsed struct {
	Endpoint
	url  *url.URL
	keys [][]byte
}

// parse checks an endpoint. The error holds neither its URL nor a secret.
func (e Endpoint) parse() (*parsed, error) {
	u, err := parseURL(e.URL, e.Private)
	if err != nil {
		return nil, err
	}
	p := &parsed{Endpoint: e, url: u}
	if len(e.Secrets) == 0 || len(e.Secrets) > maxSecrets {
		return nil, fmt.Errorf("an endpoint has one to %d secrets", maxSecrets)
	}
	for _, text := range e.Secrets {
		key, err := parseSecret(text)
		if err != nil {
			return nil, err
		}
		p.keys = append(p.keys, key)
	}
	defaults(&p.Timeout, DefaultTimeout)
	defaults(&p.Attempts, DefaultAttempts)
	defaults(&p.Parallel, DefaultParallel)
	switch {
	case p.Timeout < 0 || p.Timeout > MaxTimeout:
		return nil, fmt.Errorf("timeout: want at most %s", MaxTimeout)
	case p.Attempts < 1 || p.Attempts > 64:
		return nil, errors.New("attempts: want 1 to 64")
	case p.Parallel < 1 || p.Parallel > 256:
		return nil, errors.New("parallel: want 1 to 256")
	}
	return p, nil
}

func defaults[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

func parseURL(text string, private bool) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("url: not a URL") // the error would hold it
	}
	host := u.Hostname()
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !private):
		return nil, errors.New("url: want https, or http with private: true")
	case host == "" || u.Opaque != "":
		return nil, errors.New("url: names no host")
	case u.User != nil:
		return nil, errors.New("url: holds a user or password: requests are signed instead")
	case u.Fragment != "":
		return nil, errors.New("url: has a fragment, which is never sent")
	case strings.ContainsAny(host, "%"):
		return nil, errors.New("url: an address with a zone")
	}
	a, err := netip.ParseAddr(host)
	if err == nil {
		if err := CheckAddress(a, private); err != nil {
			return nil, fmt.Errorf("url: %w", err)
		}
		return u, nil
	}
	// 2130706433, 0x7f.1 and 127.1 are addresses to some resolvers and names to others.
	last := strings.TrimSuffix(host, ".")
	last = last[strings.LastIndexByte(last, '.')+1:]
	if last == "" || strings.HasPrefix(strings.ToLower(last), "0x") || strings.Trim(last, "0123456789") == "" {
		return nil, errors.New("url: the host is neither a name nor an address in its usual form")
	}
	return u, nil
}

func parseSecret(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < MinSecret || len(key) > MaxSecret {
		return nil, fmt.Errorf("a secret is whsec_ and the base64 of %d to %d random bytes", MinSecret, MaxSecret)
	}
	return key, nil
}
