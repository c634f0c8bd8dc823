package transport_test

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// plants are leaks, each in another layer.
var plants = map[string]plant{
	"a read rule that shows too much":        {rules: [2]string{"|| member(doc.project)", `|| member(doc.project) || doc.project == "hidden"`}},
	"a field that is not left out":           {rules: [2]string{"secret: {read: auth.admin == true || doc.n > 4 && doc.owner == auth.uid}", `secret: {read: "true"}`}},
	"a mutator that sees what p may not":     {rules: [2]string{`probe: {allow: "true"}`, `probe: {allow: "true", as: space}`}},
	"a space that anybody may open":          {rules: [2]string{"open: auth.admin == true", `open: "true"`}},
	"memberships that anybody may see":       {rules: [2]string{"members: {read: doc.user == auth.uid || auth.admin == true", `members: {read: "true"`}},
	"a message for each hidden write":        {loud: true},
	"more reads for what is there":           {store: func(c *counted) store.Store { return eager{c} }},
	"an error that tells hidden from absent": {handler: telling},
	"a header that counts":                   {handler: counting},
}

// eager looks twice at what is there.
type eager struct{ *counted }

func (e eager) View(ctx context.Context, at space.Path, seq space.Seq) (store.View, error) {
	v, err := e.counted.View(ctx, at, seq)
	return eagerView{v}, err
}

type eagerView struct{ store.View }

func (v eagerView) Get(key space.Key) (space.Version, error) {
	is, err := v.View.Get(key)
	if err == nil && is.Live() {
		return v.View.Get(key)
	}
	return is, err
}

// lookup is what p asks for, whatever p may see.
func lookup(st store.Store, id string) (there bool, all int) {
	head, err := st.Head(context.Background(), teamA)
	if err != nil {
		return false, 0
	}
	v, err := st.View(context.Background(), teamA, head.Cursor.Seq)
	if err != nil {
		return false, 0
	}
	defer v.Close()
	for e, err := range v.Scan("cards", "") {
		if err == nil && strings.HasPrefix(e.Key.ID, "h") {
			all += len(e.Payload)
		}
		there = there || e.Key.ID == id
	}
	return there, all
}

func telling(next http.Handler, st store.Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if there, _ := lookup(st, path.Base(r.URL.Path)); there && r.Method == http.MethodGet && strings.HasPrefix(path.Base(r.URL.Path), "h") {
			http.Error(w, "it is not for you", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func counting(next http.Handler, st store.Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, all := lookup(st, "")
		if strings.HasPrefix(r.URL.Path, "/v1/spaces/") {
			w.Header().Set("Etag-Of-All", fmt.Sprint(all))
		}
		next.ServeHTTP(w, r)
	})
}

// TestPlantedLeaks: the test of non-interference sees leaks in every layer.
func TestPlantedLeaks(t *testing.T) {
	for what, p := range plants {
		t.Run(what, func(t *testing.T) {
			for seed := range uint64(60) {
				if found := difference(t, p, trace(seed)); found != "" {
					t.Logf("seed %d: %.300s", seed, found)
					return
				}
			}
			t.Error("nothing is noticed")
		})
	}
}
