package authz

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/lens"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/value"
	"github.com/syncline/syncline/wire"
)

// Entries are stored in the form of the version that their collection had when they were
// written, and lifted to the present one as they are read (Rules.Lifted): rules, constraints and
// schemas know no other. A client of an older version is shown what it may see, and that
// goes down the lens; what it writes goes up before anybody decides on it.

// reading names what of a kind of space decides on what is seen, so that a replica need not
// begin anew for a change of anything else. Versions and lenses are no part of it: to those
// who stay on their version another one changes nothing.
func reading(pattern string, d definition.Space) string {
	type seen struct {
		Read   string            `json:"read"`
		Fields map[string]string `json:"fields"`
		Lease  definition.Lease  `json:"lease,omitzero"` // is told with the name
	}
	of := map[string]seen{}
	for name, c := range d.Collections {
		fields := map[string]string{}
		for path, f := range c.Fields {
			if f.Read != "" {
				fields[path] = f.Read
			}
		}
		of[name] = seen{c.Read, fields, c.Lease}
	}
	text, err := json.Marshal([]any{pattern, d.Open, d.Relations, of}, json.Deterministic(true))
	if err != nil {
		panic(fmt.Sprintf("authz: %v", err)) // it was made of JSON
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// lens is what is between the versions of a collection, nil if it has had but one.
func (r *Rules) lens(name string) *lens.Lens {
	if r.kind == nil || !r.kind.lensed {
		return nil
	}
	if c := r.kind.collections[name]; c != nil {
		return c.lens
	}
	return nil
}

// Versions are the present versions of the collections.
func (r *Rules) Versions() space.Versions {
	out := space.Versions{}
	for _, name := range r.Collections() {
		if v := r.lens(name).Version(); v > 1 {
			out[name] = v
		}
	}
	return out
}

// Spoken reports, by a *wire.Error, that clients may not speak these versions of some
// collections. Where no rules are there are no versions: all are the same.
func (r *Rules) Spoken(collections []string, v space.Versions) error {
	for _, name := range collections {
		if err := r.spoken(name, v.Of(name)); err != nil {
			return err
		}
	}
	return nil
}

// outdatedRetryMS is after how long somebody asks again who is ahead of the server.
const outdatedRetryMS = 30_000

func (r *Rules) spoken(name string, version uint32) error {
	if r.anything || r.collection(name) == nil {
		return nil
	}
	l := r.lens(name)
	if l.Supports(version) {
		return nil
	}
	e := &wire.Error{In: name, Versions: []int{int(l.Oldest()), int(l.Version())}}
	if version < l.Oldest() {
		e.Code = wire.CodeUpgradeRequired
		e.Message = fmt.Sprintf("this client speaks version %d of %s; the oldest that is spoken here is %d", version, name, l.Oldest())
	} else {
		e.Code, e.RetryMS = wire.CodeServerOutdated, outdatedRetryMS
		e.Message = fmt.Sprintf("this client speaks version %d of %s; the server knows none later than %d yet", version, name, l.Version())
	}
	return e
}

// Reaches reports whether it is known what replicas held that spoke these versions.
func (r *Rules) Reaches(collections []string, v space.Versions) bool {
	for _, name := range collections {
		if !r.anything && r.collection(name) != nil && !r.lens(name).Reaches(v.Of(name)) {
			return false
		}
	}
	return true
}

// Speaking are the rights of a client of these versions: what it may see it is shown as
// they have it. Without Speaking that is as the present versions do.
func (r Rights) Speaking(v space.Versions) Rights {
	if v == nil {
		v = space.Versions{}
	}
	r.versions = v
	return r
}

// version is the version of a collection that the client speaks.
func (r Rights) version(name string) uint32 {
	if r.versions == nil {
		return r.rules.lens(name).Version()
	}
	return r.versions.Of(name)
}

// Lift makes a stored version of an entry one of the present version of its collection.
func (r *Rules) Lift(key space.Key, v space.Version) (space.Version, error) {
	l := r.lens(key.Collection)
	if l == nil || !v.Live() || max(1, v.Of) >= l.Version() {
		return v, nil
	}
	doc, err := kernel.Doc(key, v)
	if err != nil {
		return v, err
	}
	v.Payload, v.Of = value.Encode(l.Lift(doc, max(1, v.Of))), l.Version()
	return v, nil
}

// Present is Lift, without what is kept for older clients alone: an entry as those
// outside are told of it.
func (r *Rules) Present(key space.Key, v space.Version) (space.Version, error) {
	v, err := r.Lift(key, v)
	l := r.lens(key.Collection)
	if err != nil || !v.Live() || !l.Alters(l.Version()) {
		return v, err
	}
	doc, err := kernel.Doc(key, v)
	if err != nil {
		return v, err
	}
	if shown, same := l.Down(doc, l.Version()); !same {
		v.Payload = value.Encode(shown)
	}
	return v, nil
}

// Lifted is a view of a space that reads through Lift. It takes the place of view, which is closed with it.
func (r *Rules) Lifted(view store.View) store.View {
	if r.kind == nil || !r.kind.lensed {
		return view
	}
	return store.Through(view, r.Lift)
}

// Lifted is that of the rules.
func (r Rights) Lifted(view store.View) store.View { return r.rules.Lifted(view) }

// Speak implements kernel.Guard.
func (g *guard) Speak(m *space.Mutation, by kernel.Speaker) error {
	if k := g.rights.rules.kind; k == nil || !k.lensed && len(m.V) == 0 {
		return nil
	}
	g.rights = g.rights.Speaking(m.V)
	check := func(name string) error {
		err := g.rights.rules.spoken(name, m.V.Of(name))
		if e := (*wire.Error)(nil); !errors.As(err, &e) || e.Code != wire.CodeUpgradeRequired || by == nil {
			return err
		}
		if now, said := by.Speaks(name); said && g.rights.rules.spoken(name, now) == nil {
			// The app has come to speak another version since, so that this one will never be taken.
			return &space.Refusal{Code: space.CodeOutdated, Message: fmt.Sprintf("this was made at version %d of %s, which is no longer spoken", m.V.Of(name), name)}
		}
		return err
	}
	for collection := range m.Collections() {
		if err := check(collection); err != nil {
			return err
		}
	}
	return nil
}

func (unguarded) Speak(*space.Mutation, kernel.Speaker) error { return nil }
func (unguarded) Version(string) uint32                       { return 0 }

// Version implements kernel.Guard.
func (g *guard) Version(name string) uint32 { return g.rights.rules.lens(name).Version() }

// known puts the path of a refusal as the writer knows it.
func (g *guard) known(r *space.Refusal) *space.Refusal {
	if r == nil || r.Path == "" {
		return r
	}
	l := g.rights.rules.lens(r.Key.Collection)
	if path, err := value.ParsePath(r.Path); l != nil && err == nil {
		r.Path = l.Path(path, g.rights.version(r.Key.Collection)).String()
	}
	return r
}

// fits holds a record against a schema. What is kept for older clients is no part of what it speaks of.
func (c *collection) fits(doc map[string]any) (path, what string, ok bool) {
	if c.schema == nil {
		return "", "", true
	}
	doc, _ = c.lens.Down(doc, c.lens.Version())
	return c.schema.Check(doc)
}
