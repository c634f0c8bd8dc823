package authz_test

import (
	"strings"
	"testing"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/space"
)

// FuzzDefinition: whatever stands in a definition, it is taken or refused with a reason, and one that is
// taken lets nobody in who is not known.
func FuzzDefinition(f *testing.F) {
	f.Add("spaces: {}")
	f.Add(`{"spaces":{"a/{b}":{"open":"true","collections":{"c":{"read":"doc.x == auth.uid","write":"true","schema":{"type":"object"},"unique":[["a"]],"fields":{"a.b":{"read":"false"}}}}}}}`)
	f.Add("spaces:\n  team/{t}:\n    open: member(space.t)\n    relations: {member: {in: m, subject: u, object: t, where: {a: 1}}}\n    mutators: {m: {allow: \"true\", args: {type: object}}}\n")
	f.Add("a: &a [*a, *a]\nspaces: *a")
	f.Add("spaces: {x: {open: \"[1,2,3].all(a, a > 0)\", quota: {bytes: 1KiB}}}")
	f.Add(`{"spaces":{"a":{"open":"true"},"a":{"open":"false"}}}`)
	f.Add("spaces:\n  __proto__: {open: \"true\"}")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := definition.Parse([]byte(text))
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("refused without a reason")
			}
			return
		}
		p, err := authz.Compile(d)
		if err != nil {
			if p != nil || strings.TrimSpace(err.Error()) == "" {
				t.Errorf("refused with %q", err)
			}
			return
		}
		for pattern := range d.Spaces {
			if path := space.Path(strings.NewReplacer("{", "", "}", "").Replace(pattern)); new(authz.Session).In(p.Rules(path)).Possible() {
				t.Errorf("nobody at all may open %s", path)
			}
		}
	})
}
