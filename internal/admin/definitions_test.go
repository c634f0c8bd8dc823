package admin

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/definition"
)

// defined is a Definer without files.
type defined struct {
	*syncline.Server
	reloads int
}

func (d *defined) Reload(ctx context.Context, how syncline.How) (*syncline.Switched, error) {
	d.reloads++
	return d.Switch(ctx, syncline.App{Definition: d.Definition()}, how)
}

func (d *defined) Restore(ctx context.Context, _ int, how syncline.How) (*syncline.Switched, error) {
	return d.Reload(ctx, how)
}

// TestDefinitionsAreOurs: no page in a browser on the operator's machine learns what rules look at, or changes them, and what is asked is read strictly.
func TestDefinitionsAreOurs(t *testing.T) {
	said, err := definition.Parse([]byte(`{"spaces":{"team/{t}":{"open":"true","collections":{"c":{"read":"doc.owner == auth.uid"}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := syncline.Open(t.Context(), syncline.Options{Dir: t.TempDir(), Definition: said})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	d := &defined{Server: s}
	handler := New(d, slog.New(slog.DiscardHandler))
	const here = "http://127.0.0.1:4601"
	why := `{"space":"team/a","collection":"c","id":"1","as":{"uid":"ada"}}`
	for _, c := range []struct {
		method, url, header, body string
		want                      int
		says                      string
	}{
		{"GET", here + "/definitions", "1", "", 200, `"number":1`},
		{"GET", here + "/definitions/1", "1", "", 200, `"definition":{"spaces"`},
		{"POST", here + "/definitions/reload", "1", `{"dryRun":true}`, 200, `"same":true`},
		{"POST", here + "/definitions/1/restore", "1", `{}`, 200, `"version"`},
		{"POST", here + "/explain", "1", why, 200, `"entry":"absent"`},
		{"POST", here + "/compare", "1", `{"new":{"spaces":{}}}`, 200, `"shifts":[]`},
		{"GET", here + "/definitions", "", "", 403, ""},
		{"POST", here + "/definitions/reload", "", `{}`, 403, ""},
		{"POST", here + "/explain", "", why, 403, ""},
		{"POST", "http://rebound.example.com/definitions/reload", "1", `{}`, 403, ""},
		{"GET", "http://127.0.0.1.example.com/definitions/1", "1", "", 403, ""},
		{"GET", here + "/definitions/reload", "1", "", 422, "no definition 0"},
		{"GET", here + "/definitions/99", "1", "", 422, "no definition 99"},
		{"GET", here + "/explain", "1", "", 405, ""},
		{"POST", here + "/definitions/reload?dryRun=true", "1", `{}`, 400, "query"},
		{"POST", here + "/definitions/reload", "1", ``, 400, ""},
		{"POST", here + "/definitions/reload", "1", `{"dryrun":true}`, 400, "dryrun"},
		{"POST", here + "/definitions/reload", "1", `{"dryRun":true,"dryRun":false}`, 400, "duplicate"},
		{"POST", here + "/definitions/reload", "1", `{"as":[{"uid":1}]}`, 400, "uid is a string"},
		{"POST", here + "/explain", "1", strings.Replace(why, "team/a", "_definitions", 1), 422, "space"},
		{"POST", here + "/explain", "1", strings.Replace(why, `"1"`, `""`, 1), 422, "id"},
		{"POST", here + "/explain", "1", strings.Replace(why, "{", `{"definition":{"spaces":{"x/{":{}}},`, 1), 422, "x/{"},
		{"POST", here + "/compare", "1", `{}`, 422, "which definition"},
		{"POST", here + "/compare", "1", `{"new":{"spaces":` + strings.Repeat("[", 20000) + `}}`, 400, ""},
		{"POST", here + "/compare", "1", `{"new":"` + strings.Repeat("x", MaxBody) + `"}`, 400, "large"},
	} {
		r := httptest.NewRequest(c.method, c.url, bytes.NewReader([]byte(c.body)))
		if c.header != "" {
			r.Header.Set(Header, c.header)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != c.want || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s with %q and %.80s: %d %.300s, want %d %s", c.method, c.url, c.header, c.body, w.Code, w.Body, c.want, c.says)
		}
	}
	if d.reloads != 2 {
		t.Errorf("the definition was changed %d times", d.reloads)
	}
	// Of a server without a definition there is nothing to ask.
	bare, err := syncline.Open(t.Context(), syncline.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close(t.Context())
	r := httptest.NewRequest(http.MethodGet, here+"/definitions", http.NoBody)
	r.Header.Set(Header, "1")
	w := httptest.NewRecorder()
	if New(&defined{Server: bare}, slog.New(slog.DiscardHandler)).ServeHTTP(w, r); w.Code != 404 || !strings.Contains(w.Body.String(), "without a definition") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
