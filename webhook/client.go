package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// MaxAnswer bounds what is read of an answer, in bytes.
const MaxAnswer = 16 << 10

// A Client calls one endpoint. Its methods may be called from any goroutine.
type Client struct {
	to   *parsed
	http *http.Client
	slot chan struct{} // holds a token for each request under way
	now  func() time.Time
}

// A Resolver finds the addresses of a name. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// An Answer is what an endpoint said.
type Answer struct {
	Status     int
	RetryAfter time.Duration // as far as it asked for one
	Body       []byte        // whole, or none where it was over MaxAnswer
}

// OK reports whether the status says that all is well.
func (a Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

// New checks an endpoint. The error holds neither its URL nor a secret.
func New(e Endpoint) (*Client, error) { return newClient(e, net.DefaultResolver, dial) }

// dial connects to an address that has been checked, and looks once more at what
// the connection is really made to.
func dial(ctx context.Context, to netip.AddrPort, private bool) (net.Conn, error) {
	d := net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return CheckAddress(at.Addr(), private)
	}}
	return d.DialContext(ctx, "tcp", to.String())
}

func newClient(e Endpoint, names Resolver, dial func(context.Context, netip.AddrPort, bool) (net.Conn, error)) (*Client, error) {
	to, err := e.parse()
	if err != nil {
		return nil, err
	}
	c := &Client{to: to, slot: make(chan struct{}, to.Parallel), now: time.Now}
	transport := &http.Transport{
		Proxy:                  nil, // one from the environment would be an address that nobody configured
		DisableCompression:     true,
		MaxConnsPerHost:        to.Parallel,
		MaxIdleConnsPerHost:    to.Parallel,
		IdleConnTimeout:        time.Minute,
		TLSHandshakeTimeout:    to.Timeout,
		MaxResponseHeaderBytes: 16 << 10,
		ForceAttemptHTTP2:      true,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			all, err := resolve(ctx, names, host, to.Private)
			if err != nil {
				return nil, err
			}
			number, err := strconv.ParseUint(port, 10, 16)
			if err != nil {
				return nil, errors.New("the URL's port is none")
			}
			for _, a := range all {
				var conn net.Conn
				if conn, err = dial(ctx, netip.AddrPortFrom(a, uint16(number)), to.Private); err == nil {
					return conn, nil
				}
			}
			return nil, err
		},
	}
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

// resolve returns the addresses of a host. One of them that may not be used
// makes all of them suspect.
func resolve(ctx context.Context, names Resolver, host string, private bool) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, CheckAddress(a, private)
	}
	all, err := names.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, errors.New("the host's name could not be resolved") // the error would hold it
	}
	if len(all) == 0 {
		return nil, errors.New("the host's name has no address")
	}
	for _, a := range all {
		if err := CheckAddress(a, private); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Attempts is how often something is sent before it is given up.
func (c *Client) Attempts() int { return c.to.Attempts }

// Parallel is how many requests are under way at once at most.
func (c *Client) Parallel() int { return c.to.Parallel }

// Timeout is how long a request may take.
func (c *Client) Timeout() time.Duration { return c.to.Timeout }

// Send posts a JSON body under an id, which is the same each time that the same
// is sent, and returns the answer, whatever its status. It waits for a place among
// the requests under way. The error holds neither URL nor secret.
func (c *Client) Send(ctx context.Context, id string, body []byte) (Answer, error) {
	select {
	case c.slot <- struct{}{}:
		defer func() { <-c.slot }()
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, c.to.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.to.url.String(), bytes.NewReader(body))
	if err != nil {
		return Answer{}, Clean(err)
	}
	request.GetBody = nil // what sends again is the outbox, not the transport
	at := c.now()
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Syncline")
	request.Header.Set("Webhook-Id", id)
	request.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	request.Header.Set("Webhook-Signature", sign(c.to.keys, id, at, body))
	response, err := c.http.Do(request)
	if err != nil {
		return Answer{}, Clean(err)
	}
	defer response.Body.Close()
	a := Answer{Status: response.StatusCode, RetryAfter: retryAfter(response.Header.Get("Retry-After"), at)}
	if a.Body, err = io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1)); err != nil {
		return Answer{}, Clean(err)
	}
	if len(a.Body) > MaxAnswer {
		a.Body = nil
	}
	return a, nil
}

// Close gives idle connections up.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// retryAfter reads a number of seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// Clean makes an error of a request one that may be logged: without its URL, on one
// line, and short. What it wraps stays so for ErrInward and contexts.
func Clean(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	text := Plain(err.Error(), 200)
	for _, known := range []error{ErrInward, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, known) {
			return fmt.Errorf("%w%s", known, strings.TrimPrefix(text, known.Error()))
		}
	}
	return errors.New(text)
}

// Plain makes a text from outside fit for people and logs: one line of printable
// UTF-8, of about limit bytes.
func Plain(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit] + "…"
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text))
}
