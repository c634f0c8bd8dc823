package authz

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// maxEvidence bounds the entries that are named for one thing that a relation holds with.
const maxEvidence = 5

// An Explanation says why somebody may or may not see or write an entry. It
// holds what the rules looked at, whoever may see that: it is for operators.
type Explanation struct {
	User       string         `json:"user"`
	Definition string         `json:"definition"` // version
	Kind       string         `json:"kind"`       // pattern of the space's path, "" where none fits
	Space      map[string]any `json:"space,omitzero"`
	Open       *Decision      `json:"open"`
	Entry      string         `json:"entry"` // "there", "deleted" or "absent"
	Seq        space.Seq      `json:"seq"`   // of the entry's newest version
	Read       *Decision      `json:"read"`
	Write      *Decision      `json:"write,omitzero"` // nil: no write was asked for, or it did not get as far as the rule
	Op         string         `json:"op,omitzero"`    // of Write: "create", "update" or "delete"
	Refusal    *space.Refusal `json:"refusal,omitzero"`
	Hidden     []string       `json:"hidden,omitzero"` // fields of the entry, if it may be seen, that are not shown
	// Shown are the rules of reading of the fields that the entry has, if it may be seen.
	Shown []*Decision `json:"shown,omitzero"`
	// Written are the rules of writing of the fields that the write changes, up to the first that denies it.
	Written   []*Decision       `json:"written,omitzero"`
	Relations []RelationHolding `json:"relations"` // as far as the rules asked
	// Nothing reports that a write was accepted and changes nothing: as far as they may see there was nothing to change.
	Nothing bool `json:"nothing,omitzero"`
	// Allowed is the verdict: on the write if there is one, else on seeing the entry.
	Allowed bool `json:"allowed"`
}

// A Decision is one rule's part in an explanation.
type Decision struct {
	Rule    string      `json:"rule"`           // where it stands in the kind of space, such as collections.cards.read
	Field   string      `json:"field,omitzero"` // the path of the field whose rule it is
	Missing bool        `json:"missing,omitzero"`
	Trace   *rule.Trace `json:"trace,omitzero"`
	Allowed bool        `json:"allowed"`
}

// A RelationHolding is a relation that was asked, and the entries that decide what it answers.
type RelationHolding struct {
	Relation string   `json:"relation"`
	Object   string   `json:"object"` // JSON
	In       string   `json:"in"`     // the collection whose entries say so
	Holds    bool     `json:"holds"`
	By       []string `json:"by"` // collection/id of entries that make it hold, the first few
}

// An Explainer answers for one principal in one space as of one snapshot.
type Explainer struct {
	rights    Rights
	at        kernel.Snapshot
	relations *Relations
	out       *Explanation
	asked     map[string]bool // relations noted already
	decisions []*Decision     // with a trace
}

// Explain begins an explanation as of a snapshot. Rights that no rule limits have nothing to explain.
func (r Rights) Explain(at kernel.Snapshot) (*Explainer, error) {
	if r.rules.anything {
		return nil, fmt.Errorf("there are no rules here: everybody may do everything")
	}
	relations, err := r.rules.Load(at)
	if err != nil {
		return nil, err
	}
	x := &Explainer{rights: r, at: at, relations: relations, asked: map[string]bool{}, out: &Explanation{
		User: r.session.user, Definition: r.rules.version, Space: r.rules.vars, Relations: []RelationHolding{}, Open: &Decision{Rule: "open"},
	}}
	if k := r.rules.kind; k != nil {
		x.out.Kind = k.pattern.String()
		if err := x.decide(x.out.Open, k.open, r.input(relations.of(r.session.user))); err != nil {
			return nil, err
		}
	} else {
		x.out.Open.Missing = true
	}
	x.out.Open.Allowed = x.out.Open.Allowed && r.Possible()
	return x, nil
}

// decide asks a rule and notes how it came to its answer.
func (x *Explainer) decide(d *Decision, r *rule.Rule, in *rule.Input) error {
	if r == nil {
		d.Missing = true
		return nil
	}
	var err error
	if d.Trace, err = r.Trace(in); err != nil {
		return err
	}
	d.Allowed = d.Trace.Result == "true"
	x.decisions = append(x.decisions, d)
	return x.note(d.Trace)
}

// Decisions are those of all rules that were asked so far, in order. Unlike an explanation they have each write of a mutator, and who may call it.
func (x *Explainer) Decisions() []*Decision { return x.decisions }

// Read explains whether a version of an entry may be seen.
func (x *Explainer) Read(key space.Key, v space.Version) error {
	x.out.Read = &Decision{Rule: "collections." + key.Collection + ".read"}
	x.out.Entry, x.out.Seq = "absent", v.Seq
	if v.Seq != 0 {
		x.out.Entry = "deleted"
	}
	c := x.rights.rules.collection(key.Collection)
	doc, err := kernel.Doc(key, v)
	if err != nil {
		return err
	}
	if doc != nil {
		x.out.Entry = "there"
	}
	if c == nil || c.read == nil {
		x.out.Read.Missing = true
		return nil
	}
	if doc == nil {
		return nil
	}
	in := x.rights.input(x.relations.of(x.rights.session.user))
	in.Doc = doc
	if err := x.decide(x.out.Read, c.read.Whole(), in); err != nil {
		return err
	}
	// What is served comes from the index. It must say what the rule says; if it does not, that has to be known.
	scope := x.rights.Scope([]string{key.Collection}, x.relations)
	_, _, seen := scope.See(key.Collection, doc)
	if whole := x.out.Open.Allowed && x.out.Read.Allowed; whole != seen {
		return fmt.Errorf("entry %s: the rule says %t and its index %t: that is a fault of Syncline, please report it with the definition", key, whole, seen)
	}
	x.out.Allowed = seen
	if of := scope.sights[key.Collection]; seen && of != nil {
		return x.fields(key, c, of, doc, in)
	}
	return nil
}

// fieldRule is where a rule of a field stands in its kind of space.
func fieldRule(collection string, path value.Path, rule string) string {
	return "collections." + collection + ".fields." + path.String() + "." + rule
}

// fields explains which fields of an entry that may be seen are shown.
func (x *Explainer) fields(key space.Key, c *collection, of *sight, doc map[string]any, in *rule.Input) error {
	shown, _ := of.mask(doc)
	for i := range c.fields {
		f := &c.fields[i]
		if _, had := f.path.Get(doc); !had || f.read == nil {
			continue
		}
		d := &Decision{Rule: fieldRule(key.Collection, f.path, "read"), Field: f.path.String()}
		if err := x.decide(d, f.read.Whole(), in); err != nil {
			return err
		}
		x.out.Shown = append(x.out.Shown, d)
		_, has := f.path.Get(shown)
		if has != d.Allowed {
			return fmt.Errorf("field %s of entry %s: the rule says %t and its index %t: that is a fault of Syncline, please report it with the definition", f.path, key, d.Allowed, has)
		}
		if !has {
			x.out.Hidden = append(x.out.Hidden, c.lens.Path(f.path, x.rights.version(key.Collection)).String())
		}
	}
	return nil
}

// Guard decides on writes as [Rights.Guard] does, and notes how.
func (x *Explainer) Guard(now time.Time) kernel.Guard {
	g := &guard{rights: x.rights, relations: x.relations.Fork(), now: now} // what it counts is nobody else's
	w := &explained{Guard: g, x: x}
	g.asked = w.asked
	return w
}

type explained struct {
	kernel.Guard
	x   *Explainer
	err error
}

func (w *explained) asked(d *Decision, ask *rule.Rule, in *rule.Input) {
	switch {
	case d.Field != "":
		w.x.out.Written = append(w.x.out.Written, d)
	case in.Op != "": // of a mutator's there is none
		w.x.out.Op, w.x.out.Write = in.Op, d
	}
	again := *in
	w.err = errors.Join(w.err, w.x.decide(d, ask, &again))
}

func (w *explained) Write(s kernel.State, key space.Key, old func() (space.Version, error), next space.Version) (*space.Refusal, error) {
	refusal, err := w.Guard.Write(s, key, old, next)
	return refusal, errors.Join(err, w.err)
}

func (w *explained) Call(s kernel.State, name string, args jsontext.Value) (*space.Refusal, error) {
	refusal, err := w.Guard.Call(s, name, args)
	return refusal, errors.Join(err, w.err)
}

// Outcome notes what became of the write in the end. What the guard allows may
// still be refused, for its form or by what stands behind the rules.
func (x *Explainer) Outcome(o space.Outcome) {
	x.out.Allowed = o.Kind == space.Applied
	x.out.Nothing = x.out.Allowed && x.out.Op == ""
	if !x.out.Allowed {
		x.out.Refusal = &space.Refusal{Code: o.Code, Path: o.Path, Message: o.Message}
	}
}

// Done returns the explanation.
func (x *Explainer) Done() *Explanation { return x.out }

// note finds the entries behind the relations that a rule asked.
func (x *Explainer) note(t *rule.Trace) error {
	for _, part := range t.Parts {
		if err := x.note(part); err != nil {
			return err
		}
	}
	for _, asked := range t.Relations {
		name := asked.Relation + " " + asked.Object
		if x.asked[name] {
			continue
		}
		x.asked[name] = true
		rel := x.rights.rules.kind.relations[asked.Relation]
		h := RelationHolding{Relation: asked.Relation, Object: asked.Object, In: rel.in, By: []string{}}
		for e, err := range x.at.Scan(rel.in, "") {
			if err != nil {
				return err
			}
			user, object, err := rel.read(e.Key, e.Version)
			if err != nil {
				return err
			}
			if user == "" || user != x.rights.session.user || object != asked.Key() {
				continue
			}
			h.Holds = true
			if len(h.By) == maxEvidence {
				break
			}
			h.By = append(h.By, e.Key.String())
		}
		x.out.Relations = append(x.out.Relations, h)
	}
	return nil
}

// Collections lists the collections that the policy knows in a space, in order.
func (p *Policy) Collections(path space.Path) []string {
	r := p.Rules(path)
	if r.kind == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(r.kind.collections))
}
