package rule

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"

	"github.com/syncline/syncline/value"
)

// Grants is what a read rule allows one principal: the branches that are open to
// them, and with which keys. It is immutable, and holds for as long as neither
// the token nor the relations change.
type Grants struct {
	id   string
	open []granted
	in   Input
}

type granted struct {
	n    int // of the branch
	b    *branch
	keys Set // nil: no key is needed
}

// A Key is what entries and grants are found by within a collection.
type Key string

// Grants evaluates what of the rule looks at who asks only.
func (r *Read) Grants(in *Input) *Grants {
	auth := make(map[string]any, len(r.whole.claims)) // others would make classes of their own
	for _, name := range r.whole.claims {
		if v, ok := in.Auth[name]; ok {
			auth[name] = v
		}
	}
	g := &Grants{in: Input{Auth: auth, Space: in.Space, Related: in.Related}} // Related must go on to answer the same
	digest := sha256.New()
	for n := range r.branches {
		b := &r.branches[n]
		if !slices.ContainsFunc(b.session, func(c *Rule) bool { ok, err := c.Eval(&g.in); return !ok || err != nil }) {
			g.add(n, b, digest)
		}
	}
	g.id = base64.RawURLEncoding.EncodeToString(digest.Sum(nil)[:12])
	return g
}

func (g *Grants) add(n int, b *branch, digest hash.Hash) {
	var keys Set
	if b.atom != nil {
		var err error
		if keys, err = b.atom.keys(&g.in); err != nil || len(keys) == 0 {
			return
		}
	}
	g.open = append(g.open, granted{n, b, keys})
	fmt.Fprintf(digest, "%d %t\n", n, keys == nil)
	write := func(set Set) {
		for _, text := range slices.Sorted(maps.Keys(set)) {
			fmt.Fprintf(digest, "%q\n", text)
		}
	}
	write(keys)
	// What else the rest looks at of who asks makes a class of its own.
	for _, c := range b.rest {
		if c.Uses("auth") {
			if claims, err := value.EncodeAny(g.in.Auth); err == nil {
				fmt.Fprintf(digest, "auth %s\n", claims)
			} else {
				fmt.Fprintf(digest, "auth %p\n", g) // no class but this one
			}
		}
		for _, name := range relationsOf(c.free) {
			fmt.Fprintf(digest, "relation %q\n", name)
			if g.in.Related != nil {
				write(g.in.Related(name))
			}
		}
	}
}

// ID is short, and equal for grants that allow the same.
func (g *Grants) ID() string { return g.id }

// None reports whether nothing is allowed, whatever the entry.
func (g *Grants) None() bool { return len(g.open) == 0 }

// All reports whether everything is allowed, whatever the entry.
func (g *Grants) All() bool {
	return slices.ContainsFunc(g.open, func(o granted) bool { return o.keys == nil && len(o.b.rest) == 0 })
}

// Allows reports whether an entry may be seen.
func (g *Grants) Allows(doc map[string]any) bool {
	for i := range g.open {
		if g.open[i].allows(&g.in, doc) {
			return true
		}
	}
	return false
}

func (o *granted) allows(in *Input, doc map[string]any) bool {
	if o.keys != nil {
		found := false
		o.b.atom.texts(doc, func(text string) bool {
			_, found = o.keys[text]
			return !found
		})
		if !found {
			return false
		}
	}
	if len(o.b.rest) == 0 {
		return true
	}
	with := *in
	with.Doc = doc
	for _, c := range o.b.rest {
		if ok, err := c.Eval(&with); !ok || err != nil {
			return false
		}
	}
	return true
}

// Keys yields the keys that the grants hold.
func (g *Grants) Keys(yield func(Key) bool) {
	for _, o := range g.open {
		if o.keys == nil && !yield(keyOf(o.n, "")) {
			return
		}
		for text := range o.keys {
			if !yield(keyOf(o.n, text)) {
				return
			}
		}
	}
}

// Keys yields the keys that an entry has, some of them perhaps twice: whoever
// may see it holds one of them.
func (r *Read) Keys(doc map[string]any, yield func(Key) bool) {
	for n := range r.branches {
		more := true
		if a := r.branches[n].atom; a == nil {
			more = yield(keyOf(n, ""))
		} else {
			a.texts(doc, func(text string) bool {
				more = yield(keyOf(n, text))
				return more
			})
		}
		if !more {
			return
		}
	}
}

func keyOf(branch int, text string) Key { return Key(strconv.Itoa(branch) + ":" + text) }
