// Package definition is what an application says of its data, as data: which
// kinds of space there are, what is in them, who may read and write it. What the
// rules mean, and that they hold, is the business of package authz; this package
// reads and prints definitions, and knows of no rule language.
package definition

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// MaxBytes bounds the text of a definition.
const MaxBytes = 1 << 20

// A Definition is the root. Its zero value allows nothing.
type Definition struct {
	// Spaces are the kinds of space by the pattern of their paths: segments as in a
	// path, of which each may be a variable, such as "team/{team}". Where several
	// patterns fit, the one with the earlier literal segment counts.
	Spaces map[string]Space `json:"spaces,omitzero"`
	// Tests say what the rules must allow. A definition whose tests fail is not taken.
	Tests []Test `json:"tests,omitzero"`

	source *source // nil if it was not parsed
}

// A Test is a scene and what may be done in it.
type Test struct {
	Name    string                    `json:"name,omitzero"`
	Space   string                    `json:"space"`            // a path
	Entries map[string]jsontext.Value `json:"entries,omitzero"` // records by collection/id
	Cases   []Case                    `json:"cases,omitzero"`
	// Steps are what happens then, one after the other.
	Steps []Step `json:"steps,omitzero"`
}

// A Step is a commit to the scene, and what may be done after it.
type Step struct {
	// As is who writes, whom the rules must allow it; none: the system, whatever the rules.
	As     jsontext.Value `json:"as,omitzero"`
	Writes []Write        `json:"writes"` // in one mutation: operations, or one call
	Cases  []Case         `json:"cases,omitzero"`
}

// A Case is one principal in a scene.
type Case struct {
	As jsontext.Value `json:"as,omitzero"` // uid and claims, what rules see as auth; none: nobody
	// Sees is which of the entries, all of them, and what of them; not given: not asked.
	Sees *[]Seen `json:"sees,omitzero"`
	// Loses and Gains are what a device of theirs that held all that they might see before the step drops and
	// gets by it, each all of it. Only in steps; not given: not asked.
	Loses  *[]string `json:"loses,omitzero"`
	Gains  *[]string `json:"gains,omitzero"`
	May    []Write   `json:"may,omitzero"`
	MayNot []Write   `json:"mayNot,omitzero"`
}

// A Write is one operation: one of Put, Patch and Delete, with collection/id; or the call of a mutator,
// which is a mutation of its own.
type Write struct {
	Put    string         `json:"put,omitzero"`
	Patch  string         `json:"patch,omitzero"`
	Delete string         `json:"delete,omitzero"`
	Call   string         `json:"call,omitzero"`  // a mutator's name
	Args   jsontext.Value `json:"args,omitzero"`  // of the call; none: null
	Value  jsontext.Value `json:"value,omitzero"` // the record, or the update operators of a patch
	At     string         `json:"at,omitzero"`    // what rules see as now, RFC 3339; the beginning of 2026 if not given
	Code   string         `json:"code,omitzero"`  // of a refusal that is neither forbidden nor not_found
	// Tells and Asks are the names of the hooks that are told of it, and of those that have to agree to it first, each all
	// of them. Only in Case.May; not given: not asked.
	Tells *[]string `json:"tells,omitzero"`
	Asks  *[]string `json:"asks,omitzero"`
}

// A Space is one kind of space.
type Space struct {
	// Open is the rule of who may open the space; "" is nobody.
	Open string `json:"open,omitzero"`
	// Relations are what rules may ask for by name, such as member(doc.project).
	Relations   map[string]Relation   `json:"relations,omitzero"`
	Collections map[string]Collection `json:"collections,omitzero"`
	Quota       Quota                 `json:"quota,omitzero"` // over all collections that are named
	// Mutators are who may call which functions of the application's own.
	Mutators map[string]Mutator `json:"mutators,omitzero"`
	// Deliver says which changes others are told of once they are committed, by name.
	Deliver map[string]Hook `json:"deliver,omitzero"`
	// Ask says which changes others must agree to before they are committed, by name.
	Ask map[string]Hook `json:"ask,omitzero"`
}

// A Mutator is what is said of a function of the application's own; the function is code.
type Mutator struct {
	// Allow is the rule of who may call it with which arguments; "" is nobody.
	Allow string `json:"allow,omitzero"`
	// As is "caller" (or ""): it sees what the caller may read, and its writes are the
	// caller's; or "space": it sees and writes everything in the space that fits its schema.
	As string `json:"as,omitzero"`
	// Args is a JSON Schema (draft 2020-12) that the arguments must fit; none: any.
	Args jsontext.Value `json:"args,omitzero"`
}

// A Relation holds between a user and what entries of a collection say: name(x)
// is true for a user if there is an entry whose Subject is the user's id and whose Object is x.
type Relation struct {
	In      string         `json:"in"`             // the collection
	Subject string         `json:"subject"`        // dotted path to the user's id
	Object  string         `json:"object"`         // dotted path to what it holds with
	Where   jsontext.Value `json:"where,omitzero"` // selector of the entries that count; none: all
}

// A Collection is one collection of a kind of space. A rule that is "" allows nobody.
type Collection struct {
	Read   string `json:"read,omitzero"`
	Create string `json:"create,omitzero"`
	Update string `json:"update,omitzero"`
	Delete string `json:"delete,omitzero"`
	// Write stands for those of create, update and delete that are not given.
	Write string `json:"write,omitzero"`
	// Fields are those that not everybody sees or changes who may see and change the
	// entry, by dotted path.
	Fields map[string]Field `json:"fields,omitzero"`
	// Schema is a JSON Schema (draft 2020-12) that every entry must fit; none: any record.
	Schema jsontext.Value `json:"schema,omitzero"`
	// Lease is how long devices that do not hear from the server go on showing entries; none: for ever.
	Lease Lease `json:"lease,omitzero"`

	Constraints
	Versions
}

// A Field is what holds of one field beyond what holds of the entry. A rule that is
// not given limits nothing, but that who may not read a field may change it only
// if Write says so.
type Field struct {
	Read  string `json:"read,omitzero"`
	Write string `json:"write,omitzero"`
}

// Parse reads a definition in JSON or YAML. Unknown and doubled members are
// refused; the error says where.
func Parse(text []byte) (*Definition, error) { return ParseFile("", text) }

// ParseFile is [Parse] for the text of a file, whose name is put before the lines and columns of errors.
func ParseFile(name string, text []byte) (*Definition, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("a definition of %d bytes; the limit is %d", len(text), MaxBytes)
	}
	d := &Definition{source: &source{name: name, text: text, spots: map[string]spot{}}}
	asJSON := jsontext.Value(text)
	if !asJSON.IsValid() {
		var tree any
		if err := yaml.Unmarshal(text, &tree); err != nil {
			return nil, d.source.syntax(err)
		}
		if _, ok := tree.(map[string]any); !ok {
			return nil, errors.New("neither a JSON object nor a YAML mapping with strings for keys")
		}
		var err error
		if asJSON, err = json.Marshal(tree, json.Deterministic(true)); err != nil {
			return nil, fmt.Errorf("YAML that is no JSON: %w", err)
		}
	}
	if err := d.source.walk(func(names []string, at spot, _ string) { d.source.spots[pointer(names)] = at }); err != nil {
		return nil, d.source.syntax(err)
	}
	if err := json.Unmarshal(asJSON, d, json.RejectUnknownMembers(true)); err != nil {
		return nil, d.misfit(err)
	}
	return d, nil
}

// ParseComputed is [Parse] for JSON that nobody wrote: errors name members, not lines.
func ParseComputed(text []byte) (*Definition, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("a definition of %d bytes; the limit is %d", len(text), MaxBytes)
	}
	d := &Definition{}
	if err := json.Unmarshal(text, d, json.RejectUnknownMembers(true)); err != nil {
		return nil, d.misfit(err)
	}
	return d, nil
}

// Version is short, and equal for equal definitions.
func (d *Definition) Version() string {
	text, err := json.Marshal(d, json.Deterministic(true))
	if err != nil {
		panic(fmt.Sprintf("definition: %v", err)) // it was made of JSON
	}
	return VersionOf(text)
}

// VersionOf is the version of the definition that encodes, deterministically, to text.
func VersionOf(text []byte) string {
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
