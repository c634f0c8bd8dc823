package authz

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// Why is the verdict's reason in a sentence without a stop.
func (e *Explanation) Why() string {
	switch {
	case e.Nothing && e.Open.Allowed && e.Entry == "there" && !e.Read.Allowed:
		return "it changes nothing, since they may not see the entry, which is to them as if it were not there: " + e.because(e.Read)
	case e.Nothing:
		return "it changes nothing"
	case e.Kind == "":
		return "no kind of space in the definition fits this path"
	case !e.Open.Allowed:
		return "they may not open the space: " + e.because(e.Open)
	case e.Refusal == nil && e.Op == "" && e.Entry != "there":
		return "there is no such entry"
	case e.Refusal == nil && e.Op == "":
		why := e.because(e.Read)
		if len(e.Hidden) > 0 {
			why += "; not shown: " + strings.Join(e.Hidden, ", ")
		}
		return why
	case e.Allowed:
		return e.because(e.Write)
	case e.Entry == "there" && !e.Read.Allowed:
		return "they may not see the entry, which is to them as if it were not there: " + e.because(e.Read)
	case e.Write != nil && !e.Write.Allowed:
		return e.because(e.Write)
	case e.Refusal.Code == space.CodeForbidden && e.Refusal.Path != "":
		why := "they may not write this field: " + e.Refusal.Path
		if n := len(e.Written); n > 0 && !e.Written[n-1].Allowed {
			why += ": " + e.because(e.Written[n-1])
		}
		return why
	case e.Write == nil && e.Refusal.Code == space.CodeForbidden:
		return "the collection is not in the definition"
	}
	why := e.Refusal.Code
	if e.Refusal.Path != "" {
		why += " at " + e.Refusal.Path
	}
	return why + ": " + e.Refusal.Message
}

// WhyField is the reason, as [Explanation.Why] has them, why a field of an entry is shown or not, "" if no rule says so. The path is
// in the form of the definition, of a part of the field or of something that it is a part of.
func (e *Explanation) WhyField(path value.Path) string {
	var whys []string
	for _, d := range e.Shown {
		if of, err := value.ParsePath(d.Field); err == nil && (of.Covers(path) || path.Covers(of)) {
			whys = append(whys, e.because(d))
		}
	}
	return strings.Join(whys, "; ")
}

// because names the atoms that decided a rule.
func (e *Explanation) because(d *Decision) string {
	if d.Missing {
		return "there is no rule " + d.Rule + ", so that nobody may"
	}
	var atoms []string
	for _, atom := range d.Trace.Deciding() {
		atoms = append(atoms, e.atom(atom))
	}
	if len(atoms) == 0 {
		return fmt.Sprintf("%s fails: %s", d.Rule, d.Trace.Error)
	}
	return fmt.Sprintf("%s is %s, for %s", d.Rule, d.Trace.Result, strings.Join(atoms, "; "))
}

// atom says what an atom came to, and on what.
func (e *Explanation) atom(t *rule.Trace) string {
	out := t.Text + " is " + t.Result
	if details := e.details(t); details != "" {
		out += " (" + details + ")"
	}
	return out
}

func (e *Explanation) details(t *rule.Trace) string {
	var parts []string
	for _, look := range t.Looks {
		if strings.HasPrefix(look.Value, "not there") {
			parts = append(parts, look.Text+" is not there")
		} else {
			parts = append(parts, look.Text+" = "+look.Value)
		}
	}
	for _, asked := range t.Relations {
		parts = append(parts, e.relation(asked))
	}
	if t.Result == "error" && len(parts) == 0 {
		parts = append(parts, t.Error)
	}
	return strings.Join(parts, ", ")
}

// relation says what makes a relation hold, or with what it holds instead.
func (e *Explanation) relation(asked rule.Asked) string {
	for _, h := range e.Relations {
		if h.Relation != asked.Relation || h.Object != asked.Object {
			continue
		}
		if h.Holds {
			return fmt.Sprintf("%s holds with %s by %s", h.Relation, h.Object, strings.Join(h.By, ", "))
		}
		instead := "nothing"
		if len(asked.Holds) > 0 {
			instead = strings.Join(asked.Holds, ", ")
		}
		return fmt.Sprintf("no entry of %s makes %s hold with %s; it holds with %s", h.In, h.Relation, h.Object, instead)
	}
	return asked.Relation + " of " + asked.Object
}

// Text is the whole explanation for people.
func (e *Explanation) Text() string {
	var b strings.Builder
	who := e.User
	if who == "" {
		who = "nobody"
	}
	if e.Kind == "" {
		fmt.Fprintf(&b, "no kind of space in the definition (version %s) fits this path: denied\n", e.Definition)
		return b.String()
	}
	fmt.Fprintf(&b, "kind of space  %s  (definition %s)\n", e.Kind, e.Definition)
	for _, name := range slices.Sorted(maps.Keys(e.Space)) {
		fmt.Fprintf(&b, "  space.%s = %v\n", name, e.Space[name])
	}
	e.decision(&b, e.Open, e.Open.Allowed)
	if e.Read != nil {
		fmt.Fprintf(&b, "the entry is %s", e.Entry)
		if e.Seq > 0 {
			fmt.Fprintf(&b, ", last changed by commit %d", e.Seq)
		}
		b.WriteString("\n")
		e.decision(&b, e.Read, e.Read.Allowed)
	}
	for _, d := range e.Shown {
		e.decision(&b, d, d.Allowed)
	}
	if e.Write != nil {
		e.decision(&b, e.Write, e.Write.Allowed)
	}
	for _, d := range e.Written {
		e.decision(&b, d, d.Allowed)
	}
	verdict := "allowed"
	if !e.Allowed {
		verdict = "denied"
	}
	fmt.Fprintf(&b, "%s, as %s: %s\n", verdict, who, e.Why())
	return b.String()
}

// decision writes a rule part by part; what decided is marked.
func (e *Explanation) decision(b *strings.Builder, d *Decision, allowed bool) {
	switch {
	case d.Missing:
		fmt.Fprintf(b, "%s: no such rule: nobody\n", d.Rule)
		return
	case d.Trace == nil:
		return
	}
	word := "no"
	if allowed {
		word = "yes"
	}
	fmt.Fprintf(b, "%s: %s\n", d.Rule, word)
	e.part(b, d.Trace, 1)
	if d.Trace.Error != "" {
		fmt.Fprintf(b, "  the rule fails, which denies: %s\n", d.Trace.Error)
	}
}

var joined = map[rule.Kind]string{rule.And: "all of", rule.Or: "one of", rule.Not: "not", rule.If: "if, then, else"}

func (e *Explanation) part(b *strings.Builder, t *rule.Trace, depth int) {
	mark := " "
	if t.Decides {
		mark = "*"
	}
	fmt.Fprintf(b, "%s%s %-5s ", strings.Repeat("  ", depth), mark, t.Result)
	if t.Kind != rule.Atom {
		fmt.Fprintf(b, "%s\n", joined[t.Kind])
		for _, part := range t.Parts {
			e.part(b, part, depth+1)
		}
		return
	}
	b.WriteString(t.Text)
	if details := e.details(t); details != "" {
		b.WriteString("   [" + details + "]")
	}
	b.WriteString("\n")
}
