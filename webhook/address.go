package webhook

import (
	"errors"
	"fmt"
	"net/netip"
)

// ErrInward is wrapped by the refusal of an address that is not on the public internet.
var ErrInward = errors.New("the address is not a public one")

// never are the networks that no endpoint may be in, private or not: what is not
// one host, and what tells a machine in a cloud its own credentials.
var never = prefixes(
	"0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32", "100.100.100.200/32",
	"::/128", "fe80::/10", "ff00::/8", "fd00:ec2::254/128",
)

// inward are the networks that only a private endpoint may be in.
var inward = prefixes(
	"10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
	"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "::1/128", "fc00::/7",
)

// Of IPv6 only global unicast is public, less what stands for an IPv4 address (whose
// gateway may be anywhere) and what is set aside.
var (
	global   = netip.MustParsePrefix("2000::/3")
	setAside = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

func prefixes(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(all))
	for i, text := range all {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

func within(a netip.Addr, all []netip.Prefix) bool {
	for _, p := range all {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// CheckAddress reports whether something may be sent to an address. private allows
// those of private networks and of this machine. The error wraps ErrInward.
func CheckAddress(a netip.Addr, private bool) error {
	plain := a.Unmap().WithZone("")
	switch {
	case !a.IsValid() || a.Zone() != "" || within(plain, never):
		return fmt.Errorf("%w, nor may it ever be used: %s", ErrInward, plain)
	case private && (plain.Is4() || within(plain, inward) || global.Contains(plain)):
		return nil
	case plain.Is4() && !within(plain, inward):
		return nil
	case plain.Is6() && global.Contains(plain) && !within(plain, setAside):
		return nil
	}
	return fmt.Errorf("%w; an endpoint that is to be reached there needs private: true: %s", ErrInward, plain)
}
