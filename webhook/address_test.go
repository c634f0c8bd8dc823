package webhook

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

var secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))

func TestCheckAddress(t *testing.T) {
	const public, private, never = "public", "private", "never"
	for address, want := range map[string]string{
		"93.184.216.34": public, "2606:2800:220:1::1": public, "8.8.8.8": public, "::ffff:8.8.8.8": public, "172.32.0.1": public, "100.128.0.1": public,
		"127.0.0.1": private, "127.8.9.1": private, "10.1.2.3": private, "172.16.0.1": private, "172.31.255.255": private, "192.168.1.1": private,
		"100.64.0.1": private, "100.127.255.255": private, "::1": private, "fd12::1": private, "fc00::1": private,
		"::ffff:127.0.0.1": private, "::ffff:10.0.0.1": private, "192.0.2.1": private, "198.18.0.1": private, "203.0.113.7": private, "192.0.0.8": private,
		"0.0.0.0": never, "0.1.2.3": never, "::": never, "::ffff:0.0.0.0": never, "169.254.169.254": never, "::ffff:169.254.169.254": never,
		"169.254.1.1": never, "168.63.129.16": never, "100.100.100.200": never, "fd00:ec2::254": never, "224.0.0.1": never, "239.1.1.1": never,
		"240.0.0.1": never, "255.255.255.255": never, "fe80::1": never, "fe80::1%eth0": never, "ff02::1": never,
		"::127.0.0.1": never, "64:ff9b::7f00:1": never, "64:ff9b:1::1": never, "fec0::1": never, "100::1": never,
		"2002:7f00:1::": "set aside", "2001::1": "set aside", "2001:db8::1": "set aside", "3fff::1": "set aside",
	} {
		a := netip.MustParseAddr(address)
		plain, allowed := CheckAddress(a, false), CheckAddress(a, true)
		got := never
		switch {
		case plain == nil && allowed == nil:
			got = public
		case plain != nil && allowed == nil:
			got = private
		}
		if want == "set aside" {
			want = private // an operator may use documentation addresses in a network of their own
		}
		if got != want {
			t.Errorf("%s is %s, want %s: %v", address, got, want, plain)
		}
		if plain != nil && !errors.Is(plain, ErrInward) {
			t.Errorf("%s: %v", address, plain)
		}
	}
	if CheckAddress(netip.Addr{}, true) == nil {
		t.Error("no address is one")
	}
}

// TestHostileURLs: none of them makes an endpoint, and none is in the error.
func TestHostileURLs(t *testing.T) {
	for _, url := range []string{
		"", "https://", "https:///path", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com", "http://example.com/", "javascript:alert(1)",
		"https://127.0.0.1/", "https://127.1/", "https://127.0.0.1.", "https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0177.0.0.1/",
		"https://017700000001/", "https://0/", "https://0.0.0.0/", "https://[::]/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
		"https://[fe80::1%25eth0]/", "https://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", "https://[fd00::1]/", "https://100.64.0.1/",
		"https://user:password@example.com/", "https://example.com/#fragment", "https://exa mple.com/", "https://example.com\r\nhost: x/", "https://127。0。0。1/%zz",
		"https://[64:ff9b::7f00:1]/", "https://./",
	} {
		_, err := New(Endpoint{URL: url, Secrets: []string{secret}})
		if err == nil {
			t.Errorf("%q is taken", url)
			continue
		}
		if len(url) > 12 && strings.Contains(err.Error(), url) || strings.Contains(err.Error(), "password@") || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%q: the error tells too much: %q", url, err)
		}
	}
	for _, url := range []string{"http://127.0.0.1:8080/x", "http://10.0.0.1", "https://internal/", "https://[fd00::1]:1/"} {
		if _, err := New(Endpoint{URL: url, Secrets: []string{secret}, Private: true}); err != nil {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, url := range []string{"http://169.254.169.254/", "http://0.0.0.0/", "http://[::]/", "http://224.0.0.1/"} {
		if _, err := New(Endpoint{URL: url, Secrets: []string{secret}, Private: true}); err == nil {
			t.Errorf("%q is taken where private addresses are", url)
		}
	}
}

func TestSecrets(t *testing.T) {
	for _, s := range []string{"", "whsec_", "whsec_!!!", secret[6:], "whsec_c2hvcnQ=", "whsec_" + strings.Repeat("QUFB", 30)} {
		_, err := New(Endpoint{URL: "https://example.com/", Secrets: []string{s}})
		if err == nil || s != "" && s != "whsec_" && strings.Contains(err.Error(), s) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := New(Endpoint{URL: "https://example.com/"}); err == nil {
		t.Error("an endpoint without a secret")
	}
}

// names is a resolver that says something else each time, as long as it has more to say.
type names struct {
	answers [][]string
	asked   int
}

func (n *names) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	now := n.answers[min(n.asked, len(n.answers)-1)]
	n.asked++
	var all []netip.Addr
	for _, a := range now {
		all = append(all, netip.MustParseAddr(a))
	}
	return all, nil
}

// TestNamesThatPointInward: a connection is made to none of them, however often
// the name has been good before.
func TestNamesThatPointInward(t *testing.T) {
	for what, answers := range map[string][][]string{
		"loopback":            {{"127.0.0.1"}},
		"one of two":          {{"93.184.216.34", "10.0.0.1"}},
		"mapped":              {{"::ffff:127.0.0.1"}},
		"metadata":            {{"169.254.169.254"}},
		"unspecified":         {{"0.0.0.0"}},
		"nothing":             {{}},
		"good the first time": {{"93.184.216.34"}, {"127.0.0.1"}},
	} {
		t.Run(what, func(t *testing.T) {
			n := &names{answers: answers}
			var dialled []string
			c, err := newClient(Endpoint{URL: "https://example.com/?token=geheim", Secrets: []string{secret}}, n,
				func(_ context.Context, to netip.AddrPort, _ bool) (net.Conn, error) {
					dialled = append(dialled, to.Addr().String())
					return nil, errors.New("nobody there")
				})
			if err != nil {
				t.Fatal(err)
			}
			for range answers {
				if _, err = c.Send(t.Context(), "msg_1", []byte("{}")); err == nil {
					t.Fatal("it was sent")
				}
				if strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "example.com") {
					t.Errorf("the error tells the URL: %v", err)
				}
			}
			if what != "nothing" && !errors.Is(err, ErrInward) {
				t.Errorf("%v", err)
			}
			for _, a := range dialled {
				if a != "93.184.216.34" {
					t.Errorf("a connection is made to %s", a)
				}
			}
		})
	}
}

// TestDialLooksAgain: what a connection is really made to is checked, too.
func TestDialLooksAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	to := netip.MustParseAddrPort(l.Addr().String())
	if conn, err := dial(t.Context(), to, false); !errors.Is(err, ErrInward) {
		t.Errorf("%v %v", conn, err)
	}
	conn, err := dial(t.Context(), to, true)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// TestNoProxy: the environment cannot say where requests go.
func TestNoProxy(t *testing.T) {
	c, err := New(Endpoint{URL: "https://example.com/", Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	if c.http.Transport.(*http.Transport).Proxy != nil {
		t.Error("a proxy is looked for")
	}
}
