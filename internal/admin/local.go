package admin

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// local reports whether a request names this machine as its host: a page in the
// operator's browser that was led here names another.
func local(r *http.Request) bool {
	name := r.Host
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	a, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return name == "localhost" || err == nil && a.Unmap().IsLoopback()
}
