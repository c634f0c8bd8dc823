package syncline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/authz/token"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/internal/testclient"
	"github.com/syncline/syncline/replica"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/boltstore"
	"github.com/syncline/syncline/wire"
)

const secret = "0123456789abcdef0123456789abcdef"

const team = `
spaces:
  team/{team}:
    open: auth.admin == true || member(space.team)
    relations:
      member: {in: members, subject: user, object: team}
      on: {in: members, subject: user, object: project}
    collections:
      members:
        read: doc.user == auth.uid || auth.admin == true
        write: auth.admin == true
      cards:
        read: doc.owner == auth.uid || on(doc.project) || auth.admin == true
        create: new.owner == auth.uid && exists("members", auth.uid)
        update: doc.owner == auth.uid && !("owner" in changed) || auth.admin == true
        schema: {type: object, properties: {text: {type: string, maxLength: 40}}}
        delete: doc.owner == auth.uid && now > timestamp("2020-01-01T00:00:00Z")
`

// ruled serves a definition with tokens.
func ruled(t *testing.T) (*syncline.Server, string) {
	t.Helper()
	d, err := definition.Parse([]byte(team))
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, syncline.Options{
		Definition: d,
		Tokens:     &token.Config{Issuers: []token.Issuer{{Name: "test", Audience: []string{"syncline"}, Algorithm: "HS256", Secret: secret}}},
	})
}

func signed(t testing.TB, user string, life time.Duration, claims map[string]any) string {
	t.Helper()
	all := jwt.MapClaims{"iss": "test", "aud": "syncline", "sub": user, "exp": time.Now().Add(life).Unix()}
	for name, v := range claims {
		all[name] = v
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var admin = map[string]any{"admin": true}

// rest makes a request and returns its status and body.
func rest(t *testing.T, method, url, token, body string) (int, string) {
	t.Helper()
	if token == "" {
		return request(t, method, url, body, "", "")
	}
	return request(t, method, url, body, "Authorization", "Bearer "+token)
}

// request is rest with a header, if that has a name.
func request(t *testing.T, method, url, body, header, value string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != "" {
		r.Header.Set(header, value)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func put200(t *testing.T, url, token, body string) {
	t.Helper()
	if status, text := rest(t, http.MethodPut, url, token, body); status/100 != 2 {
		t.Fatalf("put %s: %d %s", url, status, text)
	}
}

// device opens a replica with a file of its own.
func device(t *testing.T, url, file string, tokens func() string) (*replica.Replica, *replica.Space) {
	t.Helper()
	st, err := boltstore.Open(file, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := replica.Open(t.Context(), replica.Options{Store: st, URL: url, Token: func(context.Context) (string, error) { return tokens(), nil }})
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Space(t.Context(), "team/alpha", space.Part{In: "cards"}, space.Part{In: "members"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(); _ = st.Close() })
	return r, s
}

func cards(t *testing.T, s *replica.Space) string {
	t.Helper()
	var ids []string
	for e, err := range s.Query(t.Context(), replica.Query{In: "cards"}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.Key.ID)
	}
	return strings.Join(ids, " ")
}

func eventually(t *testing.T, what string, get func() string, want string) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		got := get()
		if got == want {
			return time.Since(began)
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("%s: %q, want %q", what, got, want)
		}
		<-time.After(5 * time.Millisecond) // what is waited for is told in several ways, and absence in none
	}
}

// TestRevocation goes through the life of a membership with real devices: granted, taken away while they are
// connected, taken away while they are not, and what each may write meanwhile.
func TestRevocation(t *testing.T) {
	_, url := ruled(t)
	base := url + "/v1/spaces/team/alpha/-/"
	root := signed(t, "root", time.Hour, admin)
	for _, m := range []string{"ada/x", "bob/x", "bob/y"} {
		user, project, _ := strings.Cut(m, "/")
		id := user
		if project == "y" {
			id += "-y"
		}
		put200(t, base+"members/"+id, root, fmt.Sprintf(`{"user":%q,"team":"alpha","project":%q}`, user, project))
	}
	ada := func() string { return signed(t, "ada", time.Hour, nil) }
	bob := func() string { return signed(t, "bob", time.Hour, nil) }
	put200(t, base+"cards/a1", ada(), `{"owner":"ada","project":"x","text":"canary-x"}`)
	put200(t, base+"cards/a2", ada(), `{"owner":"ada","project":"z","text":"mine"}`)
	if status, text := rest(t, http.MethodPut, base+"cards/a3", ada(), `{"owner":"bob","project":"x"}`); status != 403 || strings.Contains(text, "bob") {
		t.Errorf("another's card: %d %s", status, text)
	}
	if status, text := rest(t, http.MethodPut, base+"cards/a3", ada(), `{"owner":"ada","project":"x","text":7}`); status != 422 || !strings.Contains(text, `"path":"text"`) {
		t.Errorf("a text that is none: %d %s", status, text)
	}
	file := filepath.Join(t.TempDir(), "bob.db")
	r, s := device(t, url, file, bob)
	eventually(t, "bob", func() string { return cards(t, s) }, "a1")

	// Bob makes a card of his own, and edits Ada's, which he may not.
	if _, err := s.Put(t.Context(), "cards", "b1", `{"owner":"bob","project":"y"}`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Patch(t.Context(), "cards", "a1", `{"$set":{"text":"bob was here"}}`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "refused", func() string { return fmt.Sprint(len(s.Rejected()), s.Status().Pending) }, "1 0")
	if why := s.Rejected()[0].Outcome; why.Code != "forbidden" {
		t.Errorf("%+v", why)
	}

	// Taken away while connected: the card leaves within a second.
	put200(t, base+"members/bob", root, `{"user":"bob","team":"alpha","project":"none"}`)
	took := eventually(t, "taken away", func() string { return cards(t, s) }, "b1")
	t.Logf("a card left %v after the commit", took)
	// And given back.
	put200(t, base+"members/bob", root, `{"user":"bob","team":"alpha","project":"x"}`)
	eventually(t, "given back", func() string { return cards(t, s) }, "a1 b1")

	// Taken away while the device is off; it had unsent writes.
	_ = r.Close()
	put200(t, base+"members/bob", root, `{"user":"bob","team":"alpha","project":"y"}`)
	if _, s = device(t, url, file+"2", bob); s == nil {
		t.Fatal("no replica")
	}
	eventually(t, "a new device", func() string { return cards(t, s) }, "b1")

	// Out of the team altogether: everything goes, the space is closed.
	for _, id := range []string{"bob", "bob-y"} {
		if status, text := rest(t, http.MethodDelete, base+"members/"+id, root, ""); status/100 != 2 {
			t.Fatalf("%d %s", status, text)
		}
	}
	eventually(t, "out", func() string { return cards(t, s) }, "")
	eventually(t, "told so", func() string {
		var e *wire.Error
		if err := s.Status().Err; errors.As(err, &e) {
			return e.Code
		}
		return ""
	}, wire.CodeForbidden)
	if status, _ := rest(t, http.MethodGet, base+"cards/b1", bob(), ""); status != 403 {
		t.Errorf("by REST: %d", status)
	}
	for _, read := range []string{"?where={}", "_snapshot?view=[{\"in\":\"cards\"}]", "_changes?view=[{\"in\":\"cards\"}]", "_log", ""} {
		path := base + read
		if strings.HasPrefix(read, "?") {
			path = base + "cards" + read
		}
		if status, text := rest(t, http.MethodGet, path, bob(), ""); status == 200 || strings.Contains(text, "canary") {
			t.Errorf("GET %s: %d %s", read, status, text)
		}
	}
	if status, text := rest(t, http.MethodGet, base+"_snapshot?view=[{\"in\":\"cards\"}]", ada(), ""); status != 200 || !strings.Contains(text, "canary-x") {
		t.Errorf("a snapshot for Ada: %d %s", status, text)
	}
	absent, _ := rest(t, http.MethodGet, url+"/v1/spaces/team/none/-/cards/b1", bob(), "")
	other, _ := rest(t, http.MethodGet, url+"/v1/spaces/other/-/cards/b1", bob(), "")
	if absent != 403 || other != 403 {
		t.Errorf("spaces that do not exist: %d and %d", absent, other)
	}
}

// TestAwayWhileRevoked: a device that was away drops what it may no longer see before anything else, and its unsent writes on that
// end in the rejected list.
func TestAwayWhileRevoked(t *testing.T) {
	_, url := ruled(t)
	base := url + "/v1/spaces/team/alpha/-/"
	root := signed(t, "root", time.Hour, admin)
	put200(t, base+"members/ada", root, `{"user":"ada","team":"alpha","project":"x"}`)
	put200(t, base+"members/bob", root, `{"user":"bob","team":"alpha","project":"x"}`)
	put200(t, base+"cards/a1", signed(t, "ada", time.Hour, nil), `{"owner":"ada","project":"x","text":"canary-away"}`)
	var claims atomic.Pointer[map[string]any]
	none := map[string]any{}
	claims.Store(&none)
	file := filepath.Join(t.TempDir(), "bob.db")
	tokens := func() string { return signed(t, "bob", time.Hour, *claims.Load()) }
	st, err := boltstore.Open(file, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	open := func(offline bool) (*replica.Replica, *replica.Space) {
		r, err := replica.Open(t.Context(), replica.Options{Store: st, URL: url, Offline: offline, Token: func(context.Context) (string, error) { return tokens(), nil }})
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.Space(t.Context(), "team/alpha", space.Part{In: "cards"}, space.Part{In: "members"})
		if err != nil {
			t.Fatal(err)
		}
		return r, s
	}
	r, s := open(false)
	eventually(t, "bob", func() string { return cards(t, s) }, "a1")
	_ = r.Close()
	put200(t, base+"members/bob", root, `{"user":"bob","team":"alpha","project":"none"}`)
	r, s = open(true)
	if got := cards(t, s); got != "a1" {
		t.Fatalf("offline: %q", got)
	}
	if _, err := s.Patch(t.Context(), "cards", "a1", `{"$set":{"text":"mine"}}`); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	r, s = open(false)
	eventually(t, "after the revocation", func() string { return fmt.Sprint(cards(t, s), "|", len(s.Rejected()), "|", s.Status().Pending) }, "|1|0")
	if rejected := s.Rejected()[0]; rejected.Outcome.Code != space.CodeNotFound || !bytes.Contains(rejected.Ops[0].Patch, []byte("mine")) {
		t.Errorf("%+v", rejected)
	}
	// Other claims: what was decided by the old ones is decided anew.
	_ = r.Close()
	claims.Store(&admin)
	r, s = open(false)
	eventually(t, "as an admin", func() string { return cards(t, s) }, "a1")
	_ = r.Close()
	claims.Store(&none)
	r, s = open(false)
	eventually(t, "no longer", func() string { return cards(t, s) }, "")
	_ = r.Close()
	_ = st.Close()
	// The bytes of it are gone from the device, too, once the store is compacted; the user's own words are not.
	if text, err := os.ReadFile(file); err != nil || !bytes.Contains(text, []byte("mine")) {
		t.Errorf("the rejected write is not in the file: %v", err)
	}
}

// TestDefinitionChanges while devices are connected.
func TestDefinitionChanges(t *testing.T) {
	server, url := ruled(t)
	base := url + "/v1/spaces/team/alpha/-/"
	root := signed(t, "root", time.Hour, admin)
	put200(t, base+"members/bob", root, `{"user":"bob","team":"alpha","project":"x"}`)
	put200(t, base+"members/root", root, `{"user":"root","team":"alpha","project":"none"}`)
	put200(t, base+"cards/c1", root, `{"owner":"root","project":"x"}`)
	put200(t, base+"cards/c2", root, `{"owner":"root","project":"y"}`)
	_, s := device(t, url, filepath.Join(t.TempDir(), "bob.db"), func() string { return signed(t, "bob", time.Hour, nil) })
	eventually(t, "at first", func() string { return cards(t, s) }, "c1")
	change := func(from, to string) error {
		d, err := definition.Parse([]byte(strings.Replace(team, from, to, 1)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = server.SetDefinition(d)
		return err
	}
	read := `doc.owner == auth.uid || on(doc.project) || auth.admin == true`
	if err := change(read, `"true"`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "everything", func() string { return cards(t, s) }, "c1 c2")
	if err := change(read, `doc.owner == `); err == nil || !strings.Contains(err.Error(), "line 13, column 27: spaces.team/{team}.collections.cards.read: Syntax error") {
		t.Errorf("a definition that does not compile: %v", err)
	}
	put200(t, base+"cards/c3", root, `{"owner":"root","project":"z"}`)
	eventually(t, "still everything", func() string { return cards(t, s) }, "c1 c2 c3")
	if err := change(read, `doc.project == "y"`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another", func() string { return cards(t, s) }, "c2")
	if err := change("auth.admin == true || member(space.team)", "auth.admin == true"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nobody", func() string { return cards(t, s) }, "")
}

// TestTokens: sessions end when their tokens do, and can be renewed before.
func TestTokens(t *testing.T) {
	server, url := ruled(t)
	for name, text := range map[string]string{
		"none": "", "rubbish": "x.y.z", "another secret": strings.TrimSuffix(signed(t, "root", time.Hour, admin), "A") + "AA", "expired": signed(t, "root", -time.Hour, admin),
	} {
		if status, body := rest(t, http.MethodGet, url+"/v1/spaces/team/alpha/-/cards/x", text, ""); status != 401 || strings.Contains(body, "root") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	raw := func() *testclient.Conn {
		c, err := testclient.Dial(url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	conn := raw()
	life := 2 * time.Second
	conn.Send(&wire.Hello{V: []int{1}, Token: signed(t, "root", life, admin), User: "root"})
	welcome := testclient.Expect[*wire.Welcome](t, conn)
	if welcome.User != "root" || welcome.Expires == 0 {
		t.Fatalf("%+v", welcome)
	}
	conn.Send(&wire.Hello{V: []int{1}, Token: signed(t, "root", time.Hour, admin)})
	if again := testclient.Expect[*wire.Welcome](t, conn); again.Expires <= welcome.Expires {
		t.Errorf("%+v", again)
	}
	conn.Send(&wire.Hello{V: []int{1}, Token: signed(t, "eve", time.Hour, nil)})
	if e := testclient.Expect[*wire.Error](t, conn); e.Code != wire.CodeUnauthorized || !e.Fatal {
		t.Errorf("as another user: %+v", e)
	}
	other := raw()
	other.Send(&wire.Hello{V: []int{1}, Token: signed(t, "root", time.Hour, admin)})
	testclient.Expect[*wire.Welcome](t, other)
	short := raw()
	short.Send(&wire.Hello{V: []int{1}, Token: signed(t, "root", life, admin)})
	testclient.Expect[*wire.Welcome](t, short)
	if e := testclient.Expect[*wire.Error](t, short); e.Code != wire.CodeUnauthorized || !e.Fatal || !strings.Contains(e.Message, "expired") {
		t.Errorf("a token that has ended: %+v", e)
	}
	server.Host().EndUser("root")
	if e := testclient.Expect[*wire.Error](t, other); e.Code != wire.CodeUnauthorized || !e.Fatal {
		t.Errorf("ended: %+v", e)
	}
}
