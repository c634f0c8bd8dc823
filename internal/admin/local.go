package admin

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Header must be in each request for what users wrote or for a change of anything: a page in a
// browser cannot set it for another origin.
const Header = "Syncline-Admin"

// ours refuses what a page in a browser of the operator's could have sent: one
// that has no right to the header, or that took the address by a name of its own.
func ours(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !local(r) || r.Header.Get(Header) != "1" {
			answer(w, http.StatusForbidden, "this is told on a loopback name, to requests with the header "+Header+": 1")
			return
		}
		h(w, r)
	}
}

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
