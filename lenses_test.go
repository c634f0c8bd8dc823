package syncline_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/replica"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/boltstore"
)

// versioned are the definitions of a collection over three years.
func versioned(t *testing.T, year int) *definition.Definition {
	t.Helper()
	of := []string{`
        schema: {type: object, properties: {text: {type: string, maxLength: 40}}}
        fields: {note: {read: auth.uid == "boss"}}`, `
        version: 2
        lenses: [&two {to: 2, steps: [
          {rename: {from: text, to: title.plain}}, {default: {path: due, value: never}},
          {drop: {path: color, value: white}}, {convert: {path: state, table: [[todo, 0], [done, 1]], up: 0, down: todo}}, {wrap: {path: who}}]}]
        schema: {type: object, additionalProperties: false, required: [due], properties: {due: {}, note: {}, state: {type: integer}, who: {type: array}, title: {type: object, properties: {plain: {type: string, maxLength: 40}}}}}
        fields: {note: {read: auth.uid == "boss"}}`, `
        version: 3
        oldest: 2
        lenses: [{to: 2, steps: [
          {rename: {from: text, to: title.plain}}, {default: {path: due, value: never}},
          {drop: {path: color, value: white}}, {convert: {path: state, table: [[todo, 0], [done, 1]], up: 0, down: todo}}, {wrap: {path: who}}]},
          {to: 3, steps: []}]
        fields: {note: {read: auth.uid == "boss"}}`}[year]
	d, err := definition.Parse([]byte(`
spaces:
  team/{team}:
    open: "true"
    collections:
      members: {read: "true", write: "true"}
      cards:
        read: "true"
        write: "true"` + strings.Replace(of, "&two ", "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// appOf is a device whose program speaks a version of cards.
func appOf(t *testing.T, url, file, user string, version uint32, offline bool) (*replica.Replica, *replica.Space, func()) {
	t.Helper()
	st, err := boltstore.Open(file, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := replica.Open(t.Context(), replica.Options{Store: st, URL: url, User: user, Offline: offline, Versions: map[string]uint32{"cards": version}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Space(t.Context(), "team/alpha", space.Part{In: "cards"}, space.Part{In: "members"})
	if err != nil {
		t.Fatal(err)
	}
	end := func() { _ = r.Close(); _ = st.Close() }
	t.Cleanup(end)
	return r, s, end
}

// shows lists what a device shows of cards.
func shows(s *replica.Space) string {
	var all []string
	for e, err := range s.Query(context.Background(), replica.Query{In: "cards"}) {
		if err != nil {
			return err.Error()
		}
		all = append(all, e.Key.ID+string(e.Value))
	}
	return strings.Join(all, " ")
}

func putOn(t *testing.T, s *replica.Space, id, record string) *replica.Pending {
	t.Helper()
	p, err := s.Put(t.Context(), "cards", id, jsontext.Value(record))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestLenses: clients of two versions write and read side by side, each in its own form.
func TestLenses(t *testing.T) {
	s, url := serve(t, syncline.Options{Definition: versioned(t, 0)})
	dir := t.TempDir()
	oldApp, old, _ := appOf(t, url, filepath.Join(dir, "old"), "ann", 1, false)
	_, boss, _ := appOf(t, url, filepath.Join(dir, "boss"), "boss", 1, false)
	putOn(t, old, "a", `{"color":"red","state":"done","text":"A","who":"ann"}`)
	putOn(t, boss, "b", `{"note":"hush","text":"B"}`)
	first := `a{"color":"red","state":"done","text":"A","who":"ann"} b{"text":"B"}`
	eventually(t, "what was written", func() string { return shows(old) }, first)

	// A program that is ahead of the server waits, and keeps what it makes.
	newApp, next, endNew := appOf(t, url, filepath.Join(dir, "new"), "cy", 2, false)
	early := putOn(t, next, "c", `{"due":"soon","state":1,"title":{"plain":"C"},"who":["cy","dee"]}`)
	eventually(t, "ahead", func() string {
		return fmt.Sprint(errors.Is(next.Status().Err, replica.ErrServerOutdated), next.Status().Pending)
	}, "true 1")

	if _, err := s.SetDefinition(versioned(t, 1)); err != nil {
		t.Fatal(err)
	}
	newApp.GoOffline()
	newApp.GoOnline()
	if _, err := early.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new one's", func() string { return shows(next) },
		`a{"due":"never","state":1,"title":{"plain":"A"},"who":["ann"]} b{"due":"never","title":{"plain":"B"}} c{"due":"soon","state":1,"title":{"plain":"C"},"who":["cy","dee"]}`)
	eventually(t, "the old one's", func() string { return shows(old) },
		strings.Replace(first, `b{"`, `b{"color":"white","`, 1)+` c{"color":"white","state":"done","text":"C","who":"cy"}`)

	// Each changes what it sees; the other's stays.
	oldApp.GoOffline()
	if _, err := old.Patch(t.Context(), "cards", "c", jsontext.Value(`{"$set":{"text":"C2","color":"blue"}}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Patch(t.Context(), "cards", "b", jsontext.Value(`{"$set":{"text":"B2"}}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := next.Patch(t.Context(), "cards", "c", jsontext.Value(`{"$add":{"who":["eve"]},"$set":{"due":"later"}}`)); err != nil {
		t.Fatal(err)
	}
	long := putOn(t, old, "d", `{"text":"`+strings.Repeat("x", 41)+`"}`)
	oldApp.GoOnline()
	var refused *replica.RejectedError
	if _, err := long.Wait(t.Context()); !errors.As(err, &refused) || refused.Outcome.Path != "text" {
		t.Errorf("%v %+v", err, refused)
	}
	eventually(t, "both at the new", func() string { return shows(next) },
		`a{"due":"never","state":1,"title":{"plain":"A"},"who":["ann"]} b{"due":"never","title":{"plain":"B2"}} c{"due":"later","state":1,"title":{"plain":"C2"},"who":["cy","dee","eve"]}`)
	eventually(t, "both at the old", func() string { return shows(old) },
		`a{"color":"red","state":"done","text":"A","who":"ann"} b{"color":"white","text":"B2"} c{"color":"blue","state":"done","text":"C2","who":"cy"}`)
	eventually(t, "what others may not see", func() string {
		return fmt.Sprint(slices.Contains(strings.Split(shows(boss), " "), `b{"color":"white","note":"hush","text":"B2"}`))
	}, "true")

	// REST, by the parameter v.
	for query, want := range map[string]string{"": `{"color":"blue","state":"done","text":"C2","who":"cy"}`, "?v=2": `{"due":"later","state":1,"title":{"plain":"C2"},"who":["cy","dee","eve"]}`} {
		if status, text := restAs(t, http.MethodGet, url+"/v1/spaces/team/alpha/-/cards/c"+query, ""); status != 200 || text != want {
			t.Errorf("%q: %d %s", query, status, text)
		}
	}
	if status, text := restAs(t, http.MethodGet, url+`/v1/spaces/team/alpha/-/cards?where={"text":"C2"}`, ""); status != 200 || !strings.Contains(text, `"id":"c"`) {
		t.Errorf("%d %s", status, text)
	}
	for v, want := range map[int]int{3: 503, 0: 400} {
		if status, text := restAs(t, http.MethodGet, fmt.Sprintf("%s/v1/spaces/team/alpha/-/cards/c?v=%d", url, v), ""); status != want {
			t.Errorf("%d %s", status, text)
		}
	}

	// The old version ends: its program keeps what it has and makes, and is told.
	held := shows(old)
	if _, err := s.SetDefinition(versioned(t, 2)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "too old", func() string {
		return fmt.Sprint(errors.Is(old.Status().Err, replica.ErrUpgradeRequired), old.Status().State)
	}, "truestopped")
	putOn(t, old, "e", `{"text":"E"}`)
	if got := shows(old); got != held+` e{"text":"E"}` || old.Status().Pending != 1 {
		t.Errorf("%s, %+v", got, old.Status())
	}
	if status, _ := restAs(t, http.MethodPut, url+"/v1/spaces/team/alpha/-/cards/f", `{}`); status != http.StatusUpgradeRequired {
		t.Errorf("status %d", status)
	}
	if err := oldApp.Close(); err != nil {
		t.Fatal(err)
	}
	// A device of version 2 that goes over to 3 sends what it made before.
	newApp.GoOffline()
	putOn(t, next, "g", `{"due":1,"title":{"plain":"G"}}`)
	endNew()
	_, next, _ = appOf(t, url, filepath.Join(dir, "new"), "cy", 3, false)
	eventually(t, "what version 2 made", func() string {
		return fmt.Sprint(strings.Contains(shows(next), `g{"due":1,"title":{"plain":"G"}}`), next.Status().Pending)
	}, "true 0")
}

// TestOutdatedQueue: what was made at a version that has ended goes to the rejected list once the program is another.
func TestOutdatedQueue(t *testing.T) {
	s, url := serve(t, syncline.Options{Definition: versioned(t, 0)})
	file := filepath.Join(t.TempDir(), "device")
	_, old, end := appOf(t, url, file, "ann", 1, false)
	if _, err := putOn(t, old, "a", `{"text":"A"}`).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	end()
	_, old, end = appOf(t, url, file, "ann", 1, true)
	putOn(t, old, "b", `{"text":"B"}`)
	end()
	if _, err := s.SetDefinition(versioned(t, 2)); err != nil {
		t.Fatal(err)
	}
	app, next, _ := appOf(t, url, file, "ann", 3, true)
	if got := shows(next); got != "" {
		t.Errorf("what is of another version shows as %s", got)
	}
	app.GoOnline()
	eventually(t, "it is rejected", func() string { return fmt.Sprint(next.Status().Pending, next.Status().Rejected) }, "0 1")
	for _, m := range next.Rejected() {
		if m.Outcome.Code != space.CodeOutdated || string(m.Ops[0].Value) != `{"text":"B"}` {
			t.Errorf("%+v", m)
		}
	}
	eventually(t, "the rest", func() string { return shows(next) }, `a{"due":"never","title":{"plain":"A"}}`)
}

func restAs(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	return request(t, method, url, body, "Syncline-User", "ann")
}
