package transport_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/syncline/syncline/transport"
)

// TestOrigin: which pages may do what. Reads are let through: a page that may not
// read the answer gets nothing from them.
func TestOrigin(t *testing.T) {
	s := serve(t, options{offline: true, transport: transport.Options{Origins: []string{"https://app.example.com"}}})
	const own, allowed, evil = "http://sync.example.com", "https://app.example.com", "https://evil.example"
	record := "/v1/spaces/a/-/cards/x"
	for _, c := range []struct {
		method, path, origin string
		refused, cors        bool
	}{
		{"PUT", record, "", false, false},
		{"PUT", record, own, false, false},
		{"PUT", record, allowed, false, true},
		{"PUT", record, evil, true, false},
		{"PUT", record, "null", true, false},
		{"PUT", record, "https://app.example.com.evil.example", true, false},
		{"PUT", record, "http://app.example.com", true, false},
		{"PUT", record, "http://sync.example.com:81", true, false},
		{"PUT", record, "://", true, false},
		{"POST", "/v1/poll", evil, true, false},
		{"POST", "/v1/stream", evil, true, false},
		{"POST", "/v1/send", evil, true, false},
		{"POST", "/v1/spaces/a/-/_push", evil, true, false},
		{"GET", "/v1/ws", evil, true, false},
		{"GET", "/v1/ws", "null", true, false},
		{"GET", record, evil, false, false},
		{"GET", record, allowed, false, true},
		{"OPTIONS", record, allowed, false, true},
		{"OPTIONS", record, evil, true, false},
	} {
		headers := []string{"Host", "sync.example.com"}
		if c.origin != "" {
			headers = append(headers, "Origin", c.origin)
		}
		a := s.do(c.method, c.path, "{}", headers...)
		if (a.status == http.StatusForbidden) != c.refused || (a.header.Get("Access-Control-Allow-Origin") == c.origin && c.origin != "") != c.cors {
			t.Errorf("%s %s from %q: %+v", c.method, c.path, c.origin, a)
		}
		if c.method == "OPTIONS" && c.cors && (a.status != http.StatusNoContent || !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Syncline-Session") || a.header.Get("Access-Control-Allow-Credentials") != "") {
			t.Errorf("preflight: %+v", a)
		}
	}
}

// TestLoopbackOnly: a name that was made to point here does not get in.
func TestLoopbackOnly(t *testing.T) {
	s := serve(t, options{offline: true, transport: transport.Options{LoopbackOnly: true}})
	for host, ok := range map[string]bool{
		"localhost": true, "localhost:4600": true, "LOCALHOST.:80": true, "app.localhost": true, "127.0.0.1": true, "127.9.9.9:1": true, "[::1]": true, "[::1]:4600": true, "::1": true,
		"example.com": false, "127.0.0.1.example.com": false, "localhost.example.com": false, "notlocalhost": false, "0.0.0.0": false, "10.0.0.1": false, "[::]": false, "": false, "\xff": false,
	} {
		for _, path := range []string{"/v1/spaces/a/-/_head", "/v1/ws", "/nothing"} {
			if a := s.do("GET", path, "", "Host", host); (a.status != http.StatusForbidden) != ok {
				t.Errorf("%q %s: %+v", host, path, a)
			}
		}
	}
}
