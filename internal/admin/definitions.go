package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/explain"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/history"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/pebblestore"
)

// A Definer is a Server whose definition can be asked about, and changed while it runs.
type Definer interface {
	History() *history.History // nil: it has no definition
	Policy() *authz.Policy
	Store() *pebblestore.Store
	Compare(ctx context.Context, old, next *authz.Policy, who []*authz.Session) (*explain.Compared, error)
	// Reload puts into force what the file of the definition says now; Restore what the
	// history has under a number.
	Reload(ctx context.Context, how syncline.How) (*syncline.Switched, error)
	Restore(ctx context.Context, number int, how syncline.How) (*syncline.Switched, error)
}

// MaxBody bounds the body of a request: two definitions and some more.
const MaxBody = 3 * definition.MaxBytes

// A Switch asks for another definition, in the body of a request.
type Switch struct {
	DryRun       bool             `json:"dryRun,omitzero"`
	DespiteTests bool             `json:"despiteTests,omitzero"`
	Quick        bool             `json:"quick,omitzero"`
	As           []jsontext.Value `json:"as,omitzero"` // whom to look at, too
}

// A Why asks why somebody may or may not see or write an entry.
type Why struct {
	Space      space.Path     `json:"space"`
	Collection string         `json:"collection"`
	ID         string         `json:"id"`
	At         space.Seq      `json:"at,omitzero"`
	As         jsontext.Value `json:"as,omitzero"`
	Write      *space.Op      `json:"write,omitzero"`
	Definition jsontext.Value `json:"definition,omitzero"` // none: what is in force
}

// A Diff asks who gains and loses what.
type Diff struct {
	Old jsontext.Value   `json:"old,omitzero"` // none: what is in force
	New jsontext.Value   `json:"new"`
	As  []jsontext.Value `json:"as,omitzero"` // whom to look at, too
}

// handleDefinitions adds
//
//	GET  /definitions              those that were in force, oldest first, without what they say
//	GET  /definitions/{n}          one of them
//	POST /definitions/{n}/restore  put it into force again
//	POST /definitions/reload       put into force what the file says now
//	POST /explain                  why somebody may or may not
//	POST /compare                  who gains and loses what
func handleDefinitions(mux *http.ServeMux, d Definer) {
	ours := func(h http.HandlerFunc) http.HandlerFunc {
		return ours(func(w http.ResponseWriter, r *http.Request) {
			if d.History() == nil {
				answer(w, http.StatusNotFound, "it was started without a definition")
				return
			}
			h(w, r)
		})
	}
	mux.HandleFunc("GET /definitions", ours(func(w http.ResponseWriter, r *http.Request) {
		all, err := d.History().All(r.Context())
		if err != nil {
			answer(w, http.StatusInternalServerError, err.Error())
			return
		}
		for i := range all {
			all[i].Definition, all[i].Script = nil, ""
		}
		write(w, slices.Concat([]history.Record{}, all))
	}))
	mux.HandleFunc("GET /definitions/{number}", ours(func(w http.ResponseWriter, r *http.Request) {
		record, err := d.History().Get(r.Context(), number(r))
		reply(w, record, err)
	}))
	change := func(do func(r *http.Request, how syncline.How) (*syncline.Switched, error)) http.HandlerFunc {
		return ours(func(w http.ResponseWriter, r *http.Request) {
			var c Switch
			if !read(w, r, &c) {
				return
			}
			who, err := principals(c.As)
			if err != nil {
				answer(w, http.StatusBadRequest, err.Error())
				return
			}
			done, err := do(r, syncline.How{DryRun: c.DryRun, DespiteTests: c.DespiteTests, Quick: c.Quick, Who: who})
			reply(w, done, err)
		})
	}
	mux.HandleFunc("POST /definitions/reload", change(func(r *http.Request, how syncline.How) (*syncline.Switched, error) {
		return d.Reload(r.Context(), how)
	}))
	mux.HandleFunc("POST /definitions/{number}/restore", change(func(r *http.Request, how syncline.How) (*syncline.Switched, error) {
		return d.Restore(r.Context(), number(r), how)
	}))
	mux.HandleFunc("POST /explain", ours(func(w http.ResponseWriter, r *http.Request) {
		var why Why
		if !read(w, r, &why) {
			return
		}
		out, err := ask(r.Context(), d, &why)
		reply(w, out, err)
	}))
	mux.HandleFunc("POST /compare", ours(func(w http.ResponseWriter, r *http.Request) {
		var diff Diff
		if !read(w, r, &diff) {
			return
		}
		out, err := compare(r.Context(), d, &diff)
		reply(w, out, err)
	}))
}

func ask(ctx context.Context, d Definer, why *Why) (*explain.Answer, error) {
	path, err := space.ParsePath(string(why.Space))
	if err != nil {
		return nil, err
	}
	key, err := space.ParseKey(why.Collection, why.ID)
	if err != nil {
		return nil, err
	}
	who, err := authz.ParsePrincipal(why.As)
	if err != nil {
		return nil, err
	}
	p, err := policy(d, why.Definition)
	if err != nil {
		return nil, err
	}
	return explain.Ask(ctx, d.Store(), p, who, explain.Question{Space: path, Key: key, At: why.At, Write: why.Write, Now: time.Now()})
}

func compare(ctx context.Context, d Definer, diff *Diff) (*explain.Compared, error) {
	if diff.New == nil {
		return nil, errors.New("new: which definition?")
	}
	next, err := policy(d, diff.New)
	if err != nil {
		return nil, err
	}
	old, err := policy(d, diff.Old)
	if err != nil {
		return nil, err
	}
	who, err := principals(diff.As)
	if err != nil {
		return nil, err
	}
	return d.Compare(ctx, old, next, who)
}

// policy compiles a definition; none is the one in force.
func policy(d Definer, text jsontext.Value) (*authz.Policy, error) {
	if text == nil {
		return d.Policy(), nil
	}
	said, err := definition.ParseComputed(text)
	if err != nil {
		return nil, err
	}
	return authz.Compile(said)
}

func principals(all []jsontext.Value) (out []*authz.Session, err error) {
	for _, text := range all {
		who, err := authz.ParsePrincipal(text)
		if err != nil {
			return nil, fmt.Errorf("as: %w", err)
		}
		out = append(out, who)
	}
	return out, nil
}

// number is that in the path; 0, which no record has, if it is none.
func number(r *http.Request) int {
	n, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		return 0
	}
	return n
}

// read decodes the body of a request without a query; false if it has answered.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if r.URL.RawQuery != "" {
		answer(w, http.StatusBadRequest, "there is nothing to say in the query: "+url.QueryEscape(r.URL.RawQuery))
		return false
	}
	if err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, MaxBody), into, json.RejectUnknownMembers(true)); err != nil {
		answer(w, http.StatusBadRequest, "the body: "+err.Error())
		return false
	}
	return true
}

// reply answers with what came of a request.
func reply(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, history.ErrDamaged):
		answer(w, http.StatusInternalServerError, err.Error())
	case err != nil:
		answer(w, http.StatusUnprocessableEntity, err.Error())
	default:
		write(w, v)
	}
}
