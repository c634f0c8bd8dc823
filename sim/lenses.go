package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// In some of the schedules with rules cards are at version 2, and some devices still
// speak version 1, in which votes are points, on is yes or no, there is a tint and nothing is fresh. Programs
// change: a device that starts again may speak the other version. In half of these schedules the server begins
// with version 1 as well and learns of 2 in the middle of everything.

const cardLens = `"version": 2, "lenses": [{"to": 2, "steps": [
	{"rename": {"from": "points", "to": "votes"}}, {"convert": {"path": "on", "table": [["yes", true], ["no", false]]}},
	{"default": {"path": "fresh", "value": 0}}, {"drop": {"path": "tint"}}]}], `

var lensedDefinitions = []*authz.Policy{compile(lensed(definitionText(0, ""))), compile(lensed(definitionText(1, "")))}

// leasedLensedDefinitions have leases as well.
var leasedLensedDefinitions = []*authz.Policy{compile(lensed(leasedText(0))), compile(lensed(leasedText(1)))}

// The first definitions are those of a server that knows version 1 only.
var (
	firstDefinitions       = []*authz.Policy{compile(unlensed(definitionText(0, ""))), compile(unlensed(definitionText(1, "")))}
	firstLeasedDefinitions = []*authz.Policy{compile(unlensed(leasedText(0))), compile(unlensed(leasedText(1)))}
)

func lensed(text string) string {
	return strings.Replace(text, `"cards": {`, `"cards": {`+cardLens, 1)
}

func unlensed(text string) string {
	return strings.NewReplacer(`doc.on == true`, `doc.on == 'yes'`, `doc.votes`, `doc.points`, `"votes"`, `"points"`).Replace(text)
}

// inForce are the definitions that the server has, of which one is in force. What may be seen follows from [world.definitions],
// whose versions of cards are the present ones.
func (w *world) inForce() []*authz.Policy {
	switch {
	case !w.plan.evolves || w.evolved:
		return w.definitions()
	case w.plan.leased:
		return firstLeasedDefinitions
	}
	return firstDefinitions
}

// evolve plans that the server learns of version 2, and that programs change.
func (w *world) evolve(a *actor) {
	if w.plan.evolves {
		a.after(a.between(0, w.plan.length), w.server.learn)
	}
	for _, c := range w.clients {
		if a.chance(3) {
			a.after(a.between(0, w.plan.length), func() {
				c.next = 3 - c.speaks()
				c.crash()
			})
		}
	}
}

// learn puts the definitions with version 2 in the place of those with version 1.
func (s *server) learn() {
	if s.turning {
		s.after(time.Millisecond, s.learn)
		return
	}
	s.w.evolved = true
	s.note("version 2 of cards")
	if s.space != nil {
		s.takeRules()
	}
}

// speaks is the version of cards that a client speaks.
func (c *client) speaks() uint32 { return c.view.Versions().Of("cards") }

// speak makes a device one of version 1 or 2, which it must not be up for.
func (c *client) speak(version uint32) {
	c.view = slices.Clone(c.view)
	for i := range c.view {
		p := &c.view[i]
		if p.In != "cards" {
			continue
		}
		if p.V = version; p.Where != nil {
			p.Where = []byte(map[uint32]string{1: `{"on":"yes"}`, 2: `{"on":{"$eq":true}}`}[version])
		}
	}
	delete(c.w.views, c.name)
}

// present is an entry in the present form, in whatever form it is stored: of cards that is version 2.
func (o *oracle) present(key space.Key, v space.Version) map[string]any {
	doc := o.parse(v)
	if !o.w.plan.lensed || key.Collection != "cards" || v.Of == 2 {
		return doc
	}
	out := map[string]any{"fresh": 0.0}
	for name, v := range doc {
		switch name {
		case "points":
			name = "votes"
		case "on":
			v = map[any]any{"yes": true, "no": false}[v]
		}
		out[name] = v
	}
	return out
}

// older is a card as a version has it: what the lens must come to.
func older(doc map[string]any, version uint32) map[string]any {
	out := map[string]any{}
	for name, v := range doc {
		switch {
		case version == 1 && name == "votes":
			name = "points"
		case version == 1 && name == "on":
			v = map[any]any{true: "yes", false: "no"}[v]
		case version == 1 && name == "fresh", version == 2 && name == "tint":
			continue
		}
		out[name] = v
	}
	return out
}

// spell puts what is written of cards into the form that a client speaks, and now and then adds what only that has.
func (c *client) spell(ops []space.Op) {
	if !c.w.plan.lensed {
		return
	}
	for i := range ops {
		op := &ops[i]
		if op.In != "cards" {
			continue
		}
		field, sample := "fresh", "3"
		if c.speaks() == 1 {
			field, sample = "tint", `"red"`
			for from, to := range map[string]string{`"votes"`: `"points"`, `"on":true`: `"on":"yes"`, `"on":false`: `"on":"no"`} {
				op.Value, op.Patch = bytes.ReplaceAll(op.Value, []byte(from), []byte(to)), bytes.ReplaceAll(op.Patch, []byte(from), []byte(to))
			}
		}
		switch {
		case c.chance(3):
		case op.Op == space.OpPatch && strings.HasPrefix(string(op.Patch), `{"$set"`):
			op.Patch = []byte(strings.Replace(string(op.Patch), `{"$set":{`, fmt.Sprintf(`{"$set":{%q:%s,`, field, sample), 1))
		case op.Op == space.OpPut:
			op.Value = []byte(strings.Replace(string(op.Value), `{`, fmt.Sprintf(`{%q:%s,`, field, sample), 1))
		}
	}
}

// kept checks that a commit leaves alone what the version of its author does not have.
func (o *oracle) kept(c *space.Commit) {
	if !o.w.plan.lensed {
		return
	}
	for i := range c.Changes {
		change := &c.Changes[i]
		before := o.version(change.Key, c.Seq-1)
		if change.Key.Collection != "cards" || change.Deleted || !before.Live() {
			continue
		}
		old, next := o.present(change.Key, before), o.present(change.Key, change.Version(c.Seq))
		field := map[uint32]string{1: "fresh", 2: "tint"}[o.w.spoke(c)]
		was, had := old[field]
		if !had {
			continue
		}
		if o.w.counts.lensed++; !value.Equal(was, next[field]) {
			o.w.fail("commit %d, by %s, makes of %s %s", c.Seq, c.Author, before.Payload, change.Payload)
		}
	}
}

// spoke is the version that the mutation of a commit was made at, 0 if a client without a device made it.
func (w *world) spoke(c *space.Commit) uint32 {
	for i := range c.Changes {
		for _, client := range w.clients {
			if in := client.tagged(c.Changes[i].Key.ID); in != nil && c.Changes[i].Key.Collection == "marks" {
				return in.version
			}
		}
	}
	return 0
}
