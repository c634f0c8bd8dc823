package authz

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/syncline/syncline/authz/constraint"
	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/authz/schema"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/lens"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// A Policy is a definition ready to decide. It is immutable.
type Policy struct {
	version  string
	kinds    []*kind // the more special first
	warnings []string
}

// A kind is one kind of space.
type kind struct {
	said        definition.Space
	pattern     space.Pattern
	open        *rule.Rule // nil: nobody
	relations   map[string]*relation
	collections map[string]*collection
	mutators    map[string]*callable
	claims      []string // those that its rules of reading look at
	constraints *constraint.Set
	lensed      bool    // some of its collections have had several versions
	reading     string  // names what decides on what is seen
	deliver     []*Hook // by name
	ask         []*Hook // by name
}

type relation struct {
	in              string
	subject, object value.Path
	where           *selector.Selector
}

type collection struct {
	read                   *rule.Read     // nil: nobody
	create, update, remove *rule.Rule     // nil: nobody
	schema                 *schema.Schema // nil: any record
	fields                 []field
	lease                  int64      // milliseconds; 0: none
	lens                   *lens.Lens // nil: it has had one version
}

// Compile makes a policy of a definition. The error lists everything that is
// wrong, a line each, with where it stands.
func Compile(d *definition.Definition) (*Policy, error) {
	p := &Policy{version: d.Version()}
	c := compiler{definition: d}
	shapes := map[string]string{}
	for _, pattern := range slices.Sorted(maps.Keys(d.Spaces)) {
		c.at = []string{"spaces", pattern}
		k := &kind{said: d.Spaces[pattern], relations: map[string]*relation{}, collections: map[string]*collection{}}
		var err error
		if k.pattern, err = space.ParsePattern(pattern); c.check(err) {
			shape := k.pattern.Shape()
			if other, dup := shapes[shape]; dup {
				c.fail(fmt.Errorf("fits the same paths as %s", other))
			}
			shapes[shape] = pattern
		}
		c.space(k, d.Spaces[pattern])
		k.reading = reading(pattern, d.Spaces[pattern])
		p.kinds = append(p.kinds, k)
	}
	slices.SortFunc(p.kinds, func(a, b *kind) int { return a.pattern.Compare(b.pattern) })
	p.warnings = c.warnings
	if len(c.errors) > 0 {
		return nil, fmt.Errorf("the definition does not compile:\n  %s", strings.Join(c.errors, "\n  "))
	}
	return p, nil
}

// Version is that of the definition.
func (p *Policy) Version() string { return p.version }

// Warnings says which read rules cost more than they need to, a line each.
func (p *Policy) Warnings() []string { return p.warnings }

// match returns the variables of a path that the pattern fits.
func (k *kind) match(path space.Path) (vars map[string]any, ok bool) {
	vars = map[string]any{"path": string(path)}
	ok = k.pattern.Match(path, func(variable, is string) { vars[variable] = is })
	return vars, ok
}

// compiler collects what is wrong with a definition.
type compiler struct {
	definition *definition.Definition
	at         []string
	errors     []string
	warnings   []string
}

func (c *compiler) fail(err error) {
	at := strings.Join(c.at, ".") + ": "
	issues, ok := err.(rule.TextError)
	if !ok || c.place(1, 1) == "" {
		c.errors = append(c.errors, c.place(0, 0)+at+err.Error())
		return
	}
	for _, i := range issues {
		c.errors = append(c.errors, c.place(i.Line, i.Column)+at+i.Message)
	}
}

// place is where in its file what is being compiled stands, if it is in one.
func (c *compiler) place(line, column int) string {
	at := c.definition.At(c.at, line, column)
	if n := len(c.at) - 1; n >= 0 && line > 0 && slices.Contains([]string{"create", "update", "delete"}, c.at[n]) && at == c.definition.At(c.at[:n], 0, 0) {
		at = c.definition.At(append(slices.Clone(c.at[:n]), "write"), line, column) // which stands for them
	}
	if at != "" {
		at += ": "
	}
	return at
}

func (c *compiler) check(err error) bool {
	if err != nil {
		c.fail(err)
	}
	return err == nil
}

// in does something one level deeper.
func (c *compiler) in(names []string, do func()) {
	c.at = append(c.at, names...)
	do()
	c.at = c.at[:len(c.at)-len(names)]
}

func (c *compiler) space(k *kind, d definition.Space) {
	k.constraints = constraint.Compile(d, func(at []string, err error) { c.in(at, func() { c.fail(err) }) })
	for _, name := range slices.Sorted(maps.Keys(d.Relations)) {
		c.in([]string{"relations", name}, func() { c.relation(k, name, d.Relations[name]) })
	}
	env, err := rule.NewEnv(slices.Collect(maps.Keys(d.Relations)))
	if !c.check(err) {
		return
	}
	write := func(name, source string) (r *rule.Rule) {
		if source != "" {
			c.in([]string{name}, func() {
				r, err = env.Compile(source)
				c.check(err)
			})
		}
		return r
	}
	k.open = write("open", d.Open)
	if k.open != nil && k.open.Uses("doc", "old", "new", "changed", "op", "now") {
		c.in([]string{"open"}, func() { c.fail(fmt.Errorf("the rule of a space can look at auth, space and relations only")) })
	}
	k.note(k.open)
	c.mutators(k, env, d.Mutators)
	for _, name := range slices.Sorted(maps.Keys(d.Collections)) {
		c.in([]string{"collections", name}, func() {
			if !c.check(space.CheckCollection(name)) {
				return
			}
			of := d.Collections[name]
			k.collections[name] = &collection{
				create: write("create", cmp(of.Create, of.Write)), update: write("update", cmp(of.Update, of.Write)), remove: write("delete", cmp(of.Delete, of.Write)),
			}
			c.in([]string{"lease"}, func() { c.check(of.Lease.Check()) })
			k.collections[name].lease = time.Duration(of.Lease).Milliseconds()
			if of.Schema != nil {
				c.in([]string{"schema"}, func() {
					k.collections[name].schema, err = schema.Compile(of.Schema)
					c.check(err)
				})
			}
			if of.Read != "" {
				c.in([]string{"read"}, func() { k.collections[name].read = c.readRule(k, env, of.Read, true) })
			}
			k.collections[name].fields = c.fields(k, env, of.Fields)
			k.collections[name].lens = lens.Compile(of.Versions, func(at []string, err error) { c.in(at, func() { c.fail(err) }) })
			k.lensed = k.lensed || k.collections[name].lens != nil
		})
	}
	k.deliver = c.hooks("deliver", k, env, d.Deliver)
	k.ask = c.hooks("ask", k, env, d.Ask)
}

// note adds the claims that a rule looks at.
func (k *kind) note(r *rule.Rule) {
	if r != nil {
		k.claims = append(k.claims, r.Claims()...)
		slices.Sort(k.claims)
		k.claims = slices.Compact(k.claims)
	}
}

func cmp(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

// readRule compiles a rule of reading. One that sessions are found by had better be an index.
func (c *compiler) readRule(k *kind, env *rule.Env, source string, indexed bool) *rule.Read {
	r, err := env.CompileRead(source)
	if !c.check(err) {
		return nil
	}
	k.note(r.Whole())
	if indexed {
		for _, warning := range r.Warnings() {
			c.warnings = append(c.warnings, c.place(0, 0)+strings.Join(c.at, ".")+": "+warning)
		}
	}
	return r
}

func (c *compiler) relation(k *kind, name string, d definition.Relation) {
	r := &relation{in: d.In}
	var err error
	c.check(space.CheckCollection(d.In))
	r.subject, err = value.ParsePath(d.Subject)
	c.check(err)
	r.object, err = value.ParsePath(d.Object)
	c.check(err)
	if d.Where != nil {
		r.where, err = selector.Parse(d.Where)
		c.check(err)
	}
	k.relations[name] = r
}
