package sim

import (
	"context"
	"fmt"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// In half of the schedules rules say who sees what. Anybody may make anybody a
// member of anything, and every commit may change what others see.

// definitions are the rules that a schedule switches between.
var definitions = []*authz.Policy{compile(definitionText(0, "")), compile(definitionText(1, ""))}

// definitionTexts have a place for more at the end of the kind of space.
var definitionTexts = []string{
	`{"spaces": {"sim/{name}": {
		"open": "true",
		"relations": {"member": {"in": "members", "subject": "user", "object": "of"}},
		"collections": {
			"marks": {"read": "doc.by == auth.uid || member('marks')", "create": "new.by == auth.uid"},
			"cards": {"read": "doc.on == true || member(doc.group) || doc.owner == auth.uid", "write": "true"},
			"pair": {"read": "member('pair')", "write": "true"},
			"register": {"read": "member('register') || auth.uid in ['r0', 'r1']", "write": "true"},
			"shelves": {"read": "true", "write": "true"},
			"books": {"read": "true", "write": "true", "references": [{"path": "shelf", "to": "shelves", "onDelete": "cascade"}],
				"unique": [["title"]], "owner": "owner", "quota": {"entries": 4, "entriesPerUser": 2}},
			"members": {"read": "doc.user == auth.uid || member('members')", "write": "true"}
		}%s}}}`,
	`{"spaces": {"sim/one": {
		"open": "true",
		"relations": {"member": {"in": "members", "subject": "user", "object": "of", "where": {"strong": true}}},
		"collections": {
			"marks": {"read": "doc.by == auth.uid", "create": "new.by == auth.uid"},
			"cards": {"read": "(doc.on == true && member('cards')) || (member(doc.group) && doc.votes > 0) || auth.odd && doc.votes > 1", "write": "true",
				"fields": {"votes": {"read": "doc.owner == auth.uid || member('cards')", "write": "doc.on == true"}, "group": {"read": "auth.odd || doc.votes < 2"}}},
			"pair": {"read": "true", "write": "true"},
			"register": {"read": "true", "write": "true"},
			"shelves": {"read": "true", "write": "true"},
			"books": {"read": "true", "write": "true", "references": [{"path": "shelf", "to": "shelves", "onDelete": "cascade"}],
				"unique": [["title"]], "owner": "owner", "quota": {"entries": 4, "entriesPerUser": 2}},
			"members": {"read": "doc.user == auth.uid", "write": "true"}
		}%s}}}`,
}

func definitionText(n int, more string) string { return fmt.Sprintf(definitionTexts[n], more) }

func compile(text string) *authz.Policy {
	d, err := definition.Parse([]byte(text))
	if err != nil {
		panic(err)
	}
	p, err := authz.Compile(d)
	if err != nil {
		panic(err)
	}
	return p
}

// identify says who a client is to the rules.
func (w *world) identify(name string) *authz.Session {
	if !w.plan.ruled {
		who, err := (authz.Development{}).Identify(context.Background(), authz.Credentials{User: name})
		if err != nil {
			w.fail("identify: %v", err)
		}
		return who
	}
	who, err := authz.NewSession(authz.Principal{User: name, Claims: map[string]any{"odd": name == "r1" || name == "r3"}})
	if err != nil {
		w.fail("identify: %v", err)
	}
	return who
}

// rules are those in force at the server.
func (w *world) rules() *authz.Rules {
	if !w.plan.ruled {
		return nil
	}
	return w.inForce()[w.ruled%len(definitions)].Rules(path)
}

func (w *world) definitions() []*authz.Policy {
	switch {
	case w.plan.leased && w.plan.lensed:
		return leasedLensedDefinitions
	case w.plan.leased:
		return leasedDefinitions
	case w.plan.called && w.plan.asked:
		return askedWithCalls
	case w.plan.called:
		return withCalls
	case w.plan.asked:
		return askedDefinitions
	case w.plan.lensed:
		return lensedDefinitions
	}
	return definitions
}

// permitted is what of a view a user might see at a commit under some rules: the
// whole rule is asked for each entry, and the relations are counted anew.
func (o *oracle) permitted(view *kernel.View, user string, seq space.Seq, definition int) map[space.Key]space.Version {
	if !o.w.plan.ruled {
		return o.state(view, seq)
	}
	member := rule.Set{}
	for key := range o.versions {
		v := o.version(key, seq)
		if key.Collection != "members" || !v.Live() {
			continue
		}
		doc := o.parse(v)
		if doc["user"] == user && (definition == 0 || doc["strong"] == true) {
			if text, ok := rule.Text(doc["of"]); ok {
				member[text]++
			}
		}
	}
	rights := o.w.identify(user).In(o.w.definitions()[definition].Rules(path))
	_, free := member[`"cards`]
	all := map[space.Key]space.Version{}
	for key := range o.versions {
		v := o.version(key, seq)
		if !v.Live() {
			continue
		}
		doc, visible := rights.Seen(key.Collection, o.present(key, v), func(string) rule.Set { return member })
		if !visible {
			continue
		}
		if o.w.plan.lensed && key.Collection == "cards" {
			doc = older(doc, view.Versions().Of("cards"))
		}
		v.Payload = value.Encode(doc)
		if key.Collection == "cards" && definition == 1 && !(free && (user == "r1" || user == "r3")) {
			v.Seq = kernel.Masked(v.Payload)
			o.masked++
		}
		seen, err := view.See(key, v)
		if err != nil {
			o.w.fail("%s at %d: %v", key, seq, err)
		}
		if seen.Live() {
			all[key] = v
		}
	}
	return all
}

func (o *oracle) parse(v space.Version) map[string]any {
	doc, err := value.Parse(v.Payload)
	if err != nil {
		o.w.fail("%s: %v", v.Payload, err)
	}
	return doc
}

// rule is the part of a mutation that changes who may see what.
func (c *client) rule() []space.Op {
	user := fmt.Sprintf("r%d", c.rand.IntN(c.w.plan.clients))
	of := []string{"marks", "pair", "register", "members", "cards", "g0", "g1"}[c.rand.IntN(7)]
	id := user + "-" + of
	if c.chance(3) {
		id += "-too" // two entries may say the same
	}
	if c.chance(3) {
		return []space.Op{{Op: space.OpDelete, In: "members", ID: id}}
	}
	return []space.Op{{Op: space.OpPut, In: "members", ID: id, Value: fmt.Appendf(nil, `{"of":%q,"strong":%t,"user":%q}`, of, c.chance(2), user)}}
}

// shelve is the part of a mutation that constraints decide on.
func (c *client) shelve() []space.Op {
	shelf := fmt.Sprintf("s%d", c.rand.IntN(2))
	book := fmt.Sprintf("b%d", c.rand.IntN(5))
	switch c.rand.IntN(6) {
	case 0:
		return []space.Op{{Op: space.OpDelete, In: "shelves", ID: shelf}}
	case 1:
		return []space.Op{{Op: space.OpPut, In: "shelves", ID: shelf, Value: []byte(`{}`)}}
	case 2:
		return []space.Op{{Op: space.OpDelete, In: "books", ID: book}}
	}
	ops := []space.Op{{Op: space.OpPut, In: "books", ID: book, Value: fmt.Appendf(nil, `{"owner":%q,"shelf":%q,"title":"t%d"}`, c.name, shelf, c.rand.IntN(3))}}
	if c.chance(3) {
		ops = append(ops, space.Op{Op: space.OpPut, In: "shelves", ID: shelf, Value: []byte(`{}`)})
	}
	return ops
}

// shelved checks the constraints as of a commit, on all that there is.
func (o *oracle) shelved(seq space.Seq) {
	titles, owners, n := map[any]space.Key{}, map[any]int{}, 0
	for key := range o.versions {
		v := o.version(key, seq)
		if key.Collection != "books" || !v.Live() {
			continue
		}
		doc := o.parse(v)
		shelf, _ := doc["shelf"].(string)
		if !o.version(space.Key{Collection: "shelves", ID: shelf}, seq).Live() {
			o.w.fail("commit %d leaves %s on shelf %q, which is not there", seq, key, shelf)
		}
		if _, dup := titles[doc["title"]]; dup {
			o.w.fail("commit %d leaves two books called %v", seq, doc["title"])
		}
		titles[doc["title"]] = key
		owners[doc["owner"]]++
		if n++; n > 4 || owners[doc["owner"]] > 2 {
			o.w.fail("commit %d leaves %d books, %d of %v", seq, n, owners[doc["owner"]], doc["owner"])
		}
	}
}

// switchRules puts other rules in the place of the present ones.
func (s *server) switchRules() {
	s.w.ruled++
	s.note("rules %d", s.w.ruled)
	s.takeRules()
}

// takeRules has the space take the rules that are in force by now; it must be loaded.
func (s *server) takeRules() {
	if err := s.space.SetRules(context.Background(), s.w.rules()); err != nil {
		s.w.fail("the rules cannot be changed: %v", err)
	}
}
