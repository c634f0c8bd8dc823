package transport_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/zstd"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

const rest = "/v1/spaces/" + name + "/-/"

// TestREST is a conversation: each request, in order, and what it answers.
func TestREST(t *testing.T) {
	const x, y = rest + "cards/x", rest + "cards/y"
	const client = "rest-0123456789abcdef"
	once := func(id string) []string { return []string{"Syncline-Client", client, "Syncline-Mutation", id} }
	s := serve(t, options{offline: true, host: host.Options{Limits: wire.Limits{Entry: 100}}})
	for i, c := range []struct {
		method, path, body string
		headers            []string
		status             int
		etag               string
		contains           string
	}{
		{"GET", x, "", nil, 404, "", `"code":"not_found"`},
		{"PUT", x, `{"n": 1}`, nil, 204, `"1"`, ""},
		{"GET", x, "", nil, 200, `"1"`, `{"n":1}`},
		{"HEAD", x, "", nil, 200, `"1"`, ""},
		{"GET", x, "", []string{"If-None-Match", `"1"`}, 304, `"1"`, ""},
		{"GET", x, "", []string{"If-None-Match", `W/"1"`}, 304, `"1"`, ""},
		{"GET", x, "", []string{"If-None-Match", `"7", "1"`}, 304, `"1"`, ""},
		{"GET", x, "", []string{"If-None-Match", `*`}, 304, `"1"`, ""},
		{"GET", x, "", []string{"If-None-Match", `"2"`}, 200, `"1"`, `{"n":1}`},

		{"PUT", x, `{"n":2}`, []string{"If-Match", `"1"`}, 204, `"2"`, ""},
		{"PUT", x, `{"n":3}`, []string{"If-Match", `"1"`}, 412, `"2"`, `"value":{"n":2}`},
		{"PUT", x, `{"n":3}`, []string{"If-None-Match", `*`}, 412, `"2"`, `"version":2`},
		{"PUT", y, `{}`, []string{"If-None-Match", `*`}, 204, `"5"`, ""},
		{"PUT", rest + "cards/z", `{}`, []string{"If-Match", `*`}, 412, "", `"stale"`},
		{"PUT", rest + "cards/z", `{}`, []string{"If-Match", `"1"`}, 412, "", `"version":0`},
		{"PUT", x, `{"n":3}`, []string{"If-Match", `*`}, 204, `"7"`, ""},
		{"PUT", x, `{}`, []string{"If-Match", `7`}, 400, "", "malformed"},
		{"PUT", x, `{}`, []string{"If-Match", `"0"`}, 400, "", "malformed"},
		{"PUT", x, `{}`, []string{"If-Match", `"7", "8"`}, 400, "", "malformed"},
		{"PUT", x, `{}`, []string{"If-Match", `"7"`, "If-None-Match", `*`}, 400, "", "malformed"},
		{"PUT", x, `{}`, []string{"If-None-Match", `"7"`}, 400, "", "malformed"},

		{"PATCH", x, `{"$inc":{"n":2}}`, nil, 204, `"8"`, ""},
		{"GET", x, "", nil, 200, `"8"`, `{"n":5}`},
		{"PATCH", x, `{"$inc":{"n":2}}`, []string{"If-Match", `"7"`}, 412, `"8"`, `"stale"`},
		{"PATCH", rest + "cards/none", `{"$inc":{"n":2}}`, nil, 404, "", `"not_found"`},
		{"PATCH", x, `{"n":2}`, nil, 422, "", `"path":"ops[0].patch"`},
		{"PUT", x, `[]`, nil, 422, "", `"invalid"`},
		{"PUT", x, ``, nil, 422, "", `"invalid"`},
		{"PUT", x, `{"a":"` + strings.Repeat("x", 100) + `"}`, nil, 413, "", `"too_large"`},
		{"DELETE", y, "", []string{"If-Match", `"4"`}, 412, `"5"`, ""},
		{"DELETE", y, "", []string{"If-Match", `"5"`}, 204, "", ""},
		{"GET", y, "", nil, 404, "", ""},
		{"DELETE", y, "", nil, 204, "", ""},

		{"PUT", y, `{"n":1}`, once("1"), 204, `"18"`, ""},
		{"PUT", y, `{"n":1}`, once("1"), 204, `"18"`, ""},
		{"PUT", y, `{"n":2}`, once("1"), 409, "", "client_forked"},
		{"PUT", y, `{"n":2}`, once("3"), 409, "", `"expected":2`},
		{"PATCH", y, `{"$inc":{"n":1}}`, once("2"), 204, `"19"`, ""},
		{"PATCH", y, `{"$inc":{"n":1}}`, once("2"), 204, `"19"`, ""},
		{"GET", y, "", nil, 200, `"19"`, `{"n":2}`},
		{"DELETE", y, "", once("0"), 400, "", "malformed"},
		{"DELETE", y, "", []string{"Syncline-Client", "short", "Syncline-Mutation", "1"}, 400, "", "bad_name"},
		{"DELETE", y, "", []string{"Syncline-Mutation", "3"}, 400, "", "bad_name"},
		{"DELETE", y, "", append(once("3"), "Syncline-User", "eve"), 403, "", "client_mismatch"},

		{"POST", rest + "_push", `{"muts":[{"ops":[{"op":"put","in":"cards","id":"a","value":{"n":9}}]},{"ops":[{"op":"patch","in":"cards","id":"none","patch":{"$inc":{"n":1}}}]}]}`, nil, 200, "", `"code":"not_found"`},
		{"POST", rest + "_push", `{"client":"push-0123456789abcdef","muts":[{"id":1,"ops":[{"op":"put","in":"cards","id":"a","value":{"n":9},"if":0}]}]}`, nil, 200, "", `"current":{"in":"cards","id":"a","version":20,"value":{"n":9}}`},
		{"POST", rest + "_push", `{"client":"push-0123456789abcdef","muts":[{"id":1,"ops":[{"op":"put","in":"cards","id":"a","value":{"n":9},"if":0}]}]}`, nil, 200, "", `"seq":22`},
		{"POST", rest + "_push", `{"muts":[{"id":4,"ops":[{"op":"delete","in":"cards","id":"a"}]}]}`, nil, 400, "", "no_client"},
		{"POST", rest + "_push", `{"muts":[{"ops":[{"op":"delete","in":"cards","id":"a","if":null}]}]}`, nil, 400, "", "malformed"},
		{"POST", rest + "_push", `{"client":"short","muts":[{"ops":[]}]}`, nil, 400, "", "bad_name"},
		{"POST", rest + "_push", `{"muts":[]}`, nil, 400, "", `"limit":"pushed"`},
		{"GET", rest + "_push", "", nil, 405, "", ""},
		{"GET", x, "", nil, 200, `"8"`, `{"n":5}`},

		{"POST", rest + "_find", `{"in":"cards","where":{"n":{"$gt":1}},"sort":[{"n":"desc"}],"limit":2,"fields":["n"]}`, nil, 200, "", `"entries":[{"id":"a","version":20,"value":{"n":9}},{"id":"x","version":8,"value":{"n":5}}]`},
		{"GET", rest + `cards?where={"n":{"$gt":1}}&sort=["n"]&skip=1&limit=1`, "", nil, 200, "", `"entries":[{"id":"x","version":8,"value":{"n":5}}]`},
		{"GET", rest + `cards`, "", nil, 200, "", `{"id":"y"`},
		{"GET", rest + `none`, "", nil, 200, "", `"entries":[]`},
		{"HEAD", rest + `cards`, "", nil, 200, "", ``},
		{"GET", rest + `cards?limit=10001`, "", nil, 400, "", "too_many"},
		{"GET", rest + `cards?limit=0`, "", nil, 400, "", "bad_view"},
		{"GET", rest + `cards?limit=1&limit=2`, "", nil, 400, "", "malformed"},
		{"GET", rest + `cards?were={}`, "", nil, 400, "", "malformed"},
		{"GET", rest + `cards?where={},"limit":1`, "", nil, 400, "", "bad_view"},
		{"GET", rest + `_cards`, "", nil, 400, "", "bad_name"},
		{"POST", rest + "_find", `{"in":"cards","where":null}`, nil, 400, "", "bad_view"},
		{"POST", rest + "_find", `{"where":{}}`, nil, 400, "", "bad_name"},
		{"POST", rest + "_find", `{"in":"cards","in":"people"}`, nil, 400, "", "malformed"},

		{"PUT", x, `{"n":1,"n":2}`, nil, 422, "", `"path":"ops[0].value`},
		{"PUT", x, `{"a":{"n":1,"\u006e":2}}`, nil, 422, "", `"path":"ops[0].value`},
		{"PUT", x, `{"__proto__":{"n":1}}`, nil, 422, "", `"path":"ops[0].value`},
		{"PATCH", x, `{"$inc":{"n":1},"$inc":{"n":1}}`, nil, 422, "", `"path":"ops[0].patch`},
		{"PATCH", x, `{"$set":{"n":1,"n":2}}`, nil, 422, "", `"path":"ops[0].patch`},
		{"POST", rest + "_push", `{"muts":[],"muts":[{"ops":[{"op":"delete","in":"cards","id":"x"}]}]}`, nil, 400, "", "malformed"},
		{"POST", rest + "_push", `{"muts":[{"ops":[{"op":"put","in":"cards","id":"x","id":"y","value":{}}]}]}`, nil, 400, "", "malformed"},
		{"GET", x, "", nil, 200, `"8"`, `{"n":5}`},

		{"GET", rest + "_head", "", nil, 200, "", `"horizon":"0"`},
		{"POST", rest + "_head", "", nil, 405, "", ""},
		{"POST", x, "", nil, 405, "", ""},
		{"GET", rest, "", nil, 400, "", "bad_name"},
		{"GET", rest + "cards/x/y", "", nil, 400, "", "malformed"},
		{"GET", "/v1/spaces/" + name, "", nil, 400, "", "malformed"},
		{"GET", "/v1/spaces/A/-/cards/x", "", nil, 400, "", "bad_name"},
		{"GET", "/v1/spaces/-/-/cards/x", "", nil, 400, "", "bad_name"},
		{"GET", x, "", []string{"Syncline-User", "\xff"}, 401, "", "unauthorized"},
		{"GET", rest + "%ff/x", "", nil, 400, "", "bad_name"},
		{"GET", rest + "cards/%ff", "", nil, 400, "", "bad_name"},
		{"PUT", rest + "cards/%00", "{}", nil, 400, "", "bad_name"},
		{"POST", rest + "_head%ff", "", nil, 405, "", ""},
		{"GET", "/v2/", "", nil, 404, "", ""},
	} {
		a := s.do(c.method, strings.NewReplacer(`"`, "%22", "{", "%7B", "}", "%7D", "[", "%5B", "]", "%5D", "$", "%24", " ", "%20").Replace(c.path), c.body, c.headers...)
		if a.status != c.status || a.header.Get("ETag") != c.etag && (c.etag != "" || c.status < 300) && !strings.HasPrefix(a.header.Get("ETag"), "W/") || !strings.Contains(a.body, c.contains) {
			t.Errorf("%d: %s %s %v: %+v\nwant %d, ETag %s, …%s…", i, c.method, c.path, c.headers, a, c.status, c.etag, c.contains)
		}
		if c.status >= 400 && c.status != 404 && c.method != "HEAD" {
			var e struct {
				Error struct{ Code, Message string } `json:"error"`
			}
			if err := json.Unmarshal([]byte(a.body), &e, json.MatchCaseInsensitiveNames(true)); err != nil || e.Error.Code == "" || e.Error.Message == "" {
				t.Errorf("%d: %s %s: the error is no error: %s", i, c.method, c.path, a.body)
			}
		}
	}
	if a := s.do("GET", x, ""); a.header.Get("Cache-Control") != "private, max-age=0, stale-while-revalidate=60" || a.header.Get("Content-Type") != "application/json" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", a.header)
	}
}

// TestRefusals: what rules, a schema or constraints refuse is told by a fitting status.
func TestRefusals(t *testing.T) {
	d, err := definition.Parse([]byte(`
spaces:
  ` + name + `:
    open: "true"
    collections:
      projects: {read: "true", write: "true"}
      cards:
        read: "true"
        write: auth.uid != "eve"
        schema: {properties: {n: {type: integer}}}
        references: [{path: project, to: projects}]
        unique: [[slug]]
        quota: {entries: 2}
        maxBytes: 100
      log: {read: "true", write: "true", strategy: serializable}
`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := authz.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, options{offline: true, host: host.Options{Authority: authz.NewRuled(p, nil)}})
	const client = "rest-0123456789abcdef"
	for i, c := range []struct {
		method, path, body string
		headers            []string
		status             int
		contains           []string
	}{
		{"PUT", "projects/p", `{}`, nil, 204, nil},
		{"PUT", "cards/a", `{"project":"p","slug":"s"}`, nil, 204, nil},
		{"PUT", "cards/b", `{"slug":"s"}`, nil, 409, []string{`"code":"unique"`, `"path":"slug"`, `"outcome":"rejected"`}},
		{"PUT", "cards/b", `{"project":"q"}`, nil, 409, []string{`"code":"reference"`, `"path":"project"`}},
		{"PATCH", "cards/a", `{"$set":{"project":"q"}}`, []string{"Syncline-Client", client, "Syncline-Mutation", "1"}, 409, []string{`"code":"reference"`}},
		{"PATCH", "cards/a", `{"$set":{"project":"q"}}`, []string{"Syncline-Client", client, "Syncline-Mutation", "1"}, 409, []string{`"code":"reference"`}}, // as before
		{"DELETE", "projects/p", "", nil, 409, []string{`"code":"in_use"`}},
		{"PUT", "cards/b", `{}`, nil, 204, nil},
		{"PUT", "cards/c", `{}`, nil, 403, []string{`"code":"quota"`, "the limit entries of cards is 2"}},
		{"PUT", "cards/b", `{"x":"` + strings.Repeat("x", 100) + `"}`, nil, 413, []string{`"code":"too_large"`, "maxBytes"}},
		{"PUT", "cards/b", `{"n":"x"}`, nil, 422, []string{`"code":"invalid"`}},
		{"PUT", "log/a", `{}`, nil, 422, []string{`"code":"invalid"`, "serializable"}},
		{"PUT", "log/a", `{}`, []string{"If-None-Match", "*"}, 204, nil},
		{"PUT", "log/a", `{}`, []string{"If-None-Match", "*"}, 412, []string{`"code":"stale"`}},
		{"PUT", "cards/b", `{"slug":"s"}`, []string{"Syncline-User", "eve"}, 403, []string{`"code":"forbidden"`}},
	} {
		a := s.do(c.method, rest+c.path, c.body, c.headers...)
		fits := a.status == c.status
		for _, text := range c.contains {
			fits = fits && strings.Contains(a.body, text)
		}
		if !fits {
			t.Errorf("%d: %s %s %s: %d %s\nwant %d %v", i, c.method, c.path, c.body, a.status, a.body, c.status, c.contains)
		}
	}
}

// TestListETag: a list is revalidated by the space's head.
func TestListETag(t *testing.T) {
	s := serve(t, options{offline: true})
	a := s.do("GET", rest+"cards", "")
	tag := a.header.Get("ETag")
	if a := s.do("GET", rest+"cards", "", "If-None-Match", tag); tag == "" || a.status != http.StatusNotModified || a.body != "" {
		t.Errorf("%q: %+v", tag, a)
	}
	s.do("PUT", rest+"cards/x", "{}")
	if a := s.do("GET", rest+"cards", "", "If-None-Match", tag); a.status != http.StatusOK || a.header.Get("ETag") == tag {
		t.Errorf("%q: %+v", tag, a)
	}
}

// TestStrangeIDs: whatever an entry may be called, it can be put, read and deleted
// under that name.
func TestStrangeIDs(t *testing.T) {
	s := serve(t, options{})
	for _, id := range []string{"a/b", "/", "//", "/-/", "-", "..", ".", "../../x", "ünï…🎉", "%2F", "%", "a b", "a+b", "?x=1", "#x", `"`, `\`, "\u2028", "<script>", ";", ":", "a,b", "_head", "_push"} {
		path := rest + "cards/" + strings.ReplaceAll(url.PathEscape(id), ".", "%2E")
		if a := s.do("PUT", path, `{"id":1}`); a.status != 204 {
			t.Errorf("PUT %q: %+v", id, a)
		}
		if a := s.do("GET", path, ""); a.status != 200 || a.body != `{"id":1}` {
			t.Errorf("GET %q: %+v", id, a)
		}
		var found struct {
			Entries []struct{ ID string }
		}
		if a := s.do("GET", rest+"cards", ""); json.Unmarshal([]byte(a.body), &found, json.MatchCaseInsensitiveNames(true)) != nil || len(found.Entries) != 1 || found.Entries[0].ID != id {
			t.Errorf("GET of the list of %q: %+v", id, a)
		}
		if a := s.do("DELETE", path, ""); a.status != 204 {
			t.Errorf("DELETE %q: %+v", id, a)
		}
		if a := s.do("GET", path, ""); a.status != 404 {
			t.Errorf("GET %q after all: %+v", id, a)
		}
	}
}

// whole reads newline-separated diffs and returns the ids that they leave.
func whole(t *testing.T, text string) (ids string, to space.Cursor) {
	t.Helper()
	held := map[string]bool{}
	for line := range strings.Lines(text) {
		d := want[*wire.Diff](t, decode(t, strings.TrimSuffix(line, "\n")))
		for _, row := range d.Put {
			held[row.Key.ID] = true
		}
		for _, pair := range d.Del {
			delete(held, pair[1])
		}
		to = d.To
	}
	for i := range 10 {
		if held[fmt.Sprint(i)] {
			ids += fmt.Sprint(i)
		}
	}
	return ids, to
}

// TestSnapshot: a redirect to what never changes, compressed as is wanted.
func TestSnapshot(t *testing.T) {
	s := serve(t, options{})
	for i := range 3 {
		s.do("PUT", rest+"cards/"+fmt.Sprint(i), `{}`)
	}
	view := "view=" + url.QueryEscape(`[{"in":"cards"}]`)
	a := s.do("GET", rest+"_snapshot?"+view, "")
	at := a.header.Get("Location")
	if a.status != http.StatusTemporaryRedirect || a.header.Get("Cache-Control") != "no-store" || !strings.Contains(at, "at=3-") {
		t.Fatalf("%+v", a)
	}
	s.do("PUT", rest+"cards/3", `{}`) // of which that knows nothing
	for encoding, open := range map[string]func(io.Reader) (io.Reader, error){
		"":     func(r io.Reader) (io.Reader, error) { return r, nil },
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) {
			z, err := zstd.NewReader(r)
			if err == nil {
				t.Cleanup(z.Close)
			}
			return z, err
		},
	} {
		a := s.do("GET", at, "", "Accept-Encoding", map[string]string{"": "identity", "gzip": "gzip, br;q=0.9", "zstd": "gzip, zstd"}[encoding])
		if a.status != 200 || a.header.Get("Content-Encoding") != encoding || !strings.Contains(a.header.Get("Cache-Control"), "immutable") || a.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %+v", encoding, a)
			continue
		}
		r, err := open(strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if ids, to := whole(t, string(text)); ids != "012" || to.Seq != 3 {
			t.Errorf("%q: %s at %s", encoding, ids, to)
		}
	}
	a = s.do("GET", at, "", "Accept-Encoding", "identity")
	if a := s.do("GET", at, "", "If-None-Match", a.header.Get("ETag")); a.status != http.StatusNotModified {
		t.Errorf("%+v", a)
	}
	for query, status := range map[string]int{
		"": 400, "view=x": 400, "view=[]": 400, "view=null": 400, view + "&at=x": 400, view + "&at=4-AAAAAAAAAAAAAAAAAAAAAA": 409, view + "&at=9-AAAAAAAAAAAAAAAAAAAAAA": 409,
		"view=" + url.QueryEscape(`[{"in":"cards","x":1}]`): 400, "view=" + url.QueryEscape(`[{"in":"_c"}]`): 400,
	} {
		if a := s.do("GET", rest+"_snapshot?"+query, ""); a.status != status {
			t.Errorf("%s: %+v", query, a)
		}
	}
}

// TestChanges since a cursor, and why there are none.
func TestChanges(t *testing.T) {
	s := serve(t, options{})
	view := "view=" + url.QueryEscape(`[{"in":"cards"}]`)
	cursors := []string{"0"}
	for i := range 5 {
		s.do("PUT", rest+"cards/"+fmt.Sprint(i), `{}`)
		var head struct{ Head string }
		if err := json.Unmarshal([]byte(s.do("GET", rest+"_head", "").body), &head, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatal(err)
		}
		cursors = append(cursors, head.Head)
	}
	if err := s.store.Trim(t.Context(), name, 2); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		since  string
		status int
		ids    string
	}{
		{cursors[2], 200, "234"},
		{cursors[4], 200, "4"},
		{cursors[5], 200, ""},
		{"", 200, "01234"},
		{cursors[1], 410, ""},
		{cursors[0], 410, ""},
		{"4-AAAAAAAAAAAAAAAAAAAAAA", 409, ""},
		{"6-AAAAAAAAAAAAAAAAAAAAAA", 409, ""},
		{"x", 400, ""},
	} {
		a := s.do("GET", rest+"_changes?"+view+"&since="+c.since, "")
		if a.status != c.status {
			t.Errorf("since %s: %+v", c.since, a)
		} else if a.status == 200 {
			if ids, to := whole(t, a.body); ids != c.ids || c.ids != "" && to.String() != cursors[5] {
				t.Errorf("since %s: %s to %s", c.since, ids, to)
			}
		}
	}
	if a := s.do("GET", rest+"_log?after=2", ""); strings.Count(a.body, "\n") != 3 || !strings.Contains(a.body, `["cards","4","put"]`) {
		t.Errorf("%+v", a)
	}
	if a := s.do("GET", rest+"_log?after=1", ""); a.status != http.StatusGone {
		t.Errorf("%+v", a)
	}
	for _, query := range []string{"after=x", "after=-1", "wait=x"} {
		if a := s.do("GET", rest+"_log?"+query, ""); a.status != http.StatusBadRequest {
			t.Errorf("%s: %+v", query, a)
		}
	}
}

// TestLogWaits for a commit, and not for ever.
func TestLogWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, options{offline: true})
		begun := time.Now()
		if a := s.do("GET", rest+"_log?wait=5000", ""); a.status != 200 || a.body != "" || time.Since(begun) != 5*time.Second {
			t.Errorf("%+v after %v", a, time.Since(begun))
		}
		got := make(chan answer)
		go func() { got <- s.do("GET", rest+"_log?wait=20000", "") }()
		synctest.Wait()
		begun = time.Now()
		s.do("PUT", "/v1/spaces/another/-/cards/x", `{}`)
		s.do("PUT", rest+"cards/x", `{}`)
		if a := <-got; strings.Count(a.body, "\n") != 1 || time.Since(begun) != 0 {
			t.Errorf("%+v after %v", a, time.Since(begun))
		}
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzREST: no request makes the server panic or say that it is its own fault, and
// every refusal is JSON.
func FuzzREST(f *testing.F) {
	for _, path := range []string{"cards/x", "_push", "_find", "_snapshot?view=%5B%7B%22in%22:%22cards%22%7D%5D", "_changes?view=x&since=0", "_head", "_log?after=1", "cards?where=%7B%7D", "cards/%2F", "cards/%ff", "../../ws"} {
		for _, method := range []string{"GET", "PUT", "PATCH", "POST", "DELETE"} {
			f.Add(method, rest+path, `{"n":1}`, `"1"`)
		}
	}
	f.Add("POST", rest+"_push", `{"muts":[{"ops":[{"op":"put","in":"cards","id":"x","value":{}}]}]}`, "")
	f.Add("POST", rest+"_find", `{"in":"cards","sort":["n"],"fields":["a.b"]}`, "")
	f.Add("PUT", "/v1/spaces/%2F/-/a/b", "\xff", "\xff")
	s := serve(f, options{offline: true})
	f.Fuzz(func(t *testing.T, method, path, body, match string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		if q := u.Query(); q.Has("wait") {
			return // it would
		}
		r := &http.Request{Method: method, URL: u, Host: "localhost", Header: http.Header{"If-Match": {match}}, Body: io.NopCloser(strings.NewReader(body))}
		w := &recorder{header: http.Header{}}
		s.handler.ServeHTTP(w, r.WithContext(t.Context()))
		if w.status >= 500 {
			t.Errorf("%s %q: %d %s", method, path, w.status, w.body.String())
		}
		if w.status >= 400 && strings.HasPrefix(u.EscapedPath(), "/v1/spaces/") && method != "HEAD" && strings.HasPrefix(w.header.Get("Content-Type"), "application/json") {
			var e map[string]any
			if err := json.Unmarshal([]byte(w.body.String()), &e); err != nil {
				t.Errorf("%s %q: %s: %v", method, path, w.body.String(), err)
			}
		}
	})
}

// A recorder is a ResponseWriter that keeps all.
type recorder struct {
	header http.Header
	status int
	body   strings.Builder
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
