package sim

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// In some of the schedules with rules cards are at version 2, and some devices still
// speak version 1, in which votes are points, on is yes or no, there is a tint and nothing is fresh.

const cardLens = `"version": 2, "lenses": [{"to": 2, "steps": [
	{"rename": {"from": "points", "to": "votes"}}, {"convert": {"path": "on", "table": [["yes", true], ["no", false]]}},
	{"default": {"path": "fresh", "value": 0}}, {"drop": {"path": "tint"}}]}], `

var lensedDefinitions = []*authz.Policy{compile(lensed(definitionText(0, ""))), compile(lensed(definitionText(1, "")))}

// leasedLensedDefinitions have leases as well.
var leasedLensedDefinitions = []*authz.Policy{compile(lensed(leasedText(0))), compile(lensed(leasedText(1)))}

func lensed(text string) string {
	return strings.Replace(text, `"cards": {`, `"cards": {`+cardLens, 1)
}

// speaks is the version of cards that a client speaks.
func (c *client) speaks() uint32 { return c.view.Versions().Of("cards") }

// outdate makes a device one of version 1 or 2.
func outdate(a *actor, c *client) {
	for i := range c.view {
		if p := &c.view[i]; p.In == "cards" {
			if p.V = 2; a.chance(2) {
				p.V = 1
				if p.Where != nil {
					p.Where = []byte(`{"on":"yes"}`)
				}
			}
		}
	}
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
		before := o.at(change.Key, c.Seq-1)
		if change.Key.Collection != "cards" || change.Deleted || before == nil {
			continue
		}
		old, next := o.parse(space.Version{Payload: before}), o.parse(space.Version{Payload: change.Payload})
		for _, w := range o.w.clients {
			field := map[uint32]string{1: "fresh", 2: "tint"}[w.speaks()]
			was, had := old[field]
			if w.name != c.Author || !had {
				continue
			}
			if o.w.counts.lensed++; !value.Equal(was, next[field]) {
				o.w.fail("commit %d, by %s, makes of %s %s", c.Seq, w.name, before, change.Payload)
			}
		}
	}
}
