package constraint_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/constraint"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/value"
	"github.com/syncline/syncline/wire"
)

const path = space.Path("a")

var names = []string{"a", "b", "c"}

// anyDefinition has constraints of all kinds over three collections, any of which may refer to any.
func anyDefinition(t *rapid.T) *definition.Definition {
	sometimes := func(n int) bool { return rapid.IntRange(0, n).Draw(t, "sometimes") == 0 }
	size := func(low, high int) *definition.Size {
		s := definition.Size(rapid.IntRange(low, high).Draw(t, "size"))
		return &s
	}
	quota := func(owned bool) (q definition.Quota) {
		if sometimes(7) {
			q.Entries = size(1, 6)
		}
		if sometimes(7) {
			q.Bytes = size(30, 300)
		}
		if owned && sometimes(5) {
			q.EntriesPerUser = size(1, 4)
		}
		if owned && sometimes(5) {
			q.BytesPerUser = size(30, 200)
		}
		return q
	}
	kind := definition.Space{Open: "true", Collections: map[string]definition.Collection{}}
	any := false
	outcomes := []string{"", definition.Deny, definition.Cascade, definition.Cascade, definition.Clear}
	if sometimes(2) {
		outcomes = []string{definition.Cascade} // chains of them
	}
	for _, name := range names {
		c := definition.Collection{Read: "!has(doc.hidden)", Write: "true"}
		if sometimes(1) {
			c.Owner = "by"
		}
		any = any || c.Owner != ""
		c.Quota = quota(c.Owner != "")
		for _, path := range []string{"r", "rs"} {
			if sometimes(1) {
				c.References = append(c.References, definition.Reference{
					Path: path, Many: path == "rs", To: rapid.SampledFrom(names).Draw(t, "to"),
					OnDelete: rapid.SampledFrom(outcomes).Draw(t, "onDelete"),
				})
			}
		}
		for _, paths := range [][]string{{"s"}, {"s", "n"}, {"rs"}} {
			if sometimes(3) {
				c.Unique = append(c.Unique, paths)
			}
		}
		if sometimes(9) {
			c.MaxBytes = size(40, 80)
		}
		if sometimes(9) {
			c.Strategy = "serializable"
		}
		if sometimes(9) {
			c.Schema = []byte(`{"required":["r"]}`)
		}
		kind.Collections[name] = c
	}
	kind.Quota = quota(any)
	return &definition.Definition{Spaces: map[string]definition.Space{string(path): kind}}
}

func anyDoc(t *rapid.T) map[string]any {
	doc := map[string]any{}
	put := func(field string, n int, values ...any) {
		if rapid.IntRange(0, n).Draw(t, field+"?") != 0 {
			doc[field] = rapid.SampledFrom(values).Draw(t, field)
		}
	}
	put("r", 1, "1", "2", "3", "1", "2", "3", "1", "2", "3", "1", "2", "3", "none", 5.0, nil)
	put("rs", 1, []any{"1"}, []any{"2"}, []any{"3"}, []any{"1"}, []any{"2"}, []any{"2", "3"}, []any{"1", "2", "1"}, []any{}, []any{}, []any{"3", "none"}, "1", []any{1.0})
	put("s", 1, "x", "y", "z", nil)
	put("n", 1, 1.0, 2.0)
	put("by", 9, "ada", "bob", "ada", "bob", "ada", "", 3.0)
	put("t", 1, "", "some more", "a text that is longer than others")
	if rapid.IntRange(0, 11).Draw(t, "hidden") == 0 {
		doc["hidden"] = true
	}
	return doc
}

// A run is one space with everything that is compared.
type run struct {
	t         *rapid.T
	store     *memstore.Store
	policy    *authz.Policy
	relations *authz.Relations
	model     *model
	clean     bool // everything was written under these constraints
	bugs      constraint.Bugs
	seen      map[string]int
}

func (r *run) reader() store.Reader {
	return store.Reader{Context: context.Background(), Store: r.store, Space: path}
}

func (r *run) head() space.Cursor {
	head, err := r.store.Head(context.Background(), path)
	if err != nil {
		r.t.Fatal(err)
	}
	return head.Cursor
}

func (r *run) load() *authz.Relations {
	v, err := r.store.View(context.Background(), path, r.head().Seq)
	if err != nil {
		r.t.Fatal(err)
	}
	defer v.Close()
	out, err := r.policy.Rules(path).Load(v)
	if err != nil {
		r.t.Fatal(err)
	}
	out.Plant(r.bugs)
	return out
}

// define puts a definition in force.
func (r *run) define(d *definition.Definition) {
	policy, err := authz.Compile(d)
	if err != nil {
		r.t.Fatal(err)
	}
	r.policy, r.model.d = policy, d.Spaces[string(path)]
	r.relations = r.load()
	r.clean = len(r.model.entries) == 0
}

// referred lists the entries whose ids stand in others, in order.
func (m *model) referred() []space.Key {
	ids := map[any]bool{}
	for _, doc := range m.entries {
		ids[doc["r"]] = true
		if list, ok := doc["rs"].([]any); ok {
			for _, id := range list {
				if _, ok := id.(string); ok {
					ids[id] = true
				}
			}
		}
	}
	var out []space.Key
	for _, key := range slices.SortedFunc(maps.Keys(m.entries), space.Key.Compare) {
		if ids[key.ID] {
			out = append(out, key)
		}
	}
	return out
}

// mutation draws operations and what the model makes of them: the changes, or the codes of the refusal.
func (r *run) mutation(at space.Seq, m *model) (out space.Mutation, own map[space.Key]map[string]any, codes map[string]bool) {
	own, touched := map[space.Key]map[string]any{}, map[space.Key]bool{}
	get := func(key space.Key) map[string]any {
		if touched[key] {
			return own[key]
		}
		if doc := m.entries[key]; doc != nil && visible(doc) {
			return doc
		}
		return nil
	}
	set := func(key space.Key, doc map[string]any) { touched[key], own[key] = true, doc }
	for range rapid.SampledFrom([]int{1, 1, 1, 2, 3, 4}).Draw(r.t, "ops") {
		key := space.Key{Collection: rapid.SampledFrom(names).Draw(r.t, "in"), ID: rapid.SampledFrom([]string{"1", "2", "3"}).Draw(r.t, "id")}
		if there := slices.SortedFunc(maps.Keys(m.entries), space.Key.Compare); len(there) > 0 && rapid.Bool().Draw(r.t, "one that is there") {
			key = there[rapid.IntRange(0, len(there)-1).Draw(r.t, "which")]
		}
		kind := rapid.SampledFrom([]string{space.OpPut, space.OpPut, space.OpPut, space.OpDelete, space.OpDelete, space.OpPatch}).Draw(r.t, "op")
		if referred := m.referred(); len(referred) > 0 && kind == space.OpDelete && rapid.Bool().Draw(r.t, "what others refer to") {
			key = rapid.SampledFrom(referred).Draw(r.t, "which")
		}
		op := space.Op{In: key.Collection, ID: key.ID}
		switch kind {
		case space.OpPut:
			doc := anyDoc(r.t)
			op.Op, op.Value = space.OpPut, value.Encode(doc)
			set(key, doc)
		case space.OpPatch:
			field := rapid.SampledFrom([]string{"r", "rs", "s", "n", "by", "t"}).Draw(r.t, "field")
			to := anyDoc(r.t)[field]
			text, err := value.EncodeAny(map[string]any{"$set": map[string]any{field: to}})
			if err != nil {
				r.t.Fatal(err)
			}
			op.Op, op.Patch = space.OpPatch, text
			if was := get(key); was != nil {
				doc := maps.Clone(was)
				doc[field] = to
				set(key, doc)
			} else if codes == nil {
				codes = map[string]bool{space.CodeNotFound: true}
			}
		default:
			op.Op = space.OpDelete
			if get(key) != nil {
				set(key, nil)
			}
		}
		out.Ops = append(out.Ops, op)
	}
	if rapid.IntRange(0, 3).Draw(r.t, "no reads") != 0 {
		out.Reads = &space.Reads{At: at, Keys: []space.KeyPair{{"a", "1"}}}
	}
	for key := range touched {
		if own[key] == nil && m.entries[key] == nil {
			delete(own, key) // made and deleted: nothing happened
		}
	}
	if codes != nil {
		return out, nil, codes
	}
	for key, doc := range own {
		if old := m.entries[key]; old != nil && !visible(old) {
			codes = mark(codes, space.CodeForbidden)
		}
		if _, has := doc["r"]; doc != nil && !has && m.d.Collections[key.Collection].Schema != nil {
			codes = mark(codes, space.CodeInvalid)
		}
	}
	return out, own, codes
}

func mark(codes map[string]bool, code string) map[string]bool {
	if codes == nil {
		codes = map[string]bool{}
	}
	codes[code] = true
	return codes
}

// turn plans some mutations on a fork, and appends them or not.
func (r *run) turn() string {
	plan := kernel.NewPlan(r.head(), time.UnixMilli(1), r.reader(), wire.DefaultLimits)
	fork := r.relations.Fork()
	m := r.model.clone()
	who, err := authz.NewSession(authz.Principal{User: "ada"})
	if err != nil {
		r.t.Fatal(err)
	}
	for range rapid.IntRange(1, 4).Draw(r.t, "mutations") {
		mutation, own, codes := r.mutation(plan.Head().Seq, m)
		var next *model
		if codes == nil {
			next, codes = m.after(own, func(space.Key) bool { return mutation.Reads != nil })
		}
		outcome, err := plan.Submit(kernel.Writer{User: "ada"}, who.In(r.policy.Rules(path)).Guard(fork, time.UnixMilli(1)), &mutation)
		if err != nil {
			return fmt.Sprintf("an error: %v", err)
		}
		r.seen[string(outcome.Kind)+outcome.Code]++
		text, _ := json.Marshal(mutation)
		switch {
		case outcome.Kind == space.Applied && len(codes) > 0:
			return fmt.Sprintf("%s: applied; the model refuses it: %v", text, codes)
		case outcome.Kind != space.Applied && !codes[outcome.Code]:
			return fmt.Sprintf("%s: %s at %q (%s); the model says %v", text, outcome.Code, outcome.Path, outcome.Message, codes)
		case outcome.Kind == space.Applied:
			m = next
			if r.clean {
				if broken := m.broken(); broken != nil {
					return fmt.Sprintf("%s: then %v", text, broken)
				}
			}
		}
	}
	if rapid.IntRange(0, 4).Draw(r.t, "the append fails") == 0 {
		return ""
	}
	if err := r.store.Append(context.Background(), store.Batch{Space: path, Base: plan.Base(), Commits: plan.Commits()}); err != nil {
		r.t.Fatal(err)
	}
	r.relations.Merge(fork)
	r.model = m
	return r.compare()
}

// compare holds the store against the model and the index against one that is loaded anew.
func (r *run) compare() string {
	v, err := r.store.View(context.Background(), path, r.head().Seq)
	if err != nil {
		r.t.Fatal(err)
	}
	defer v.Close()
	n := 0
	for _, name := range names {
		for e, err := range v.Scan(name, "") {
			if err != nil {
				r.t.Fatal(err)
			}
			if n++; string(e.Payload) != string(value.Encode(r.model.entries[e.Key])) {
				return fmt.Sprintf("%s is %s; the model has %v", e.Key, e.Payload, r.model.entries[e.Key])
			}
		}
	}
	if n != len(r.model.entries) {
		return fmt.Sprintf("%d entries; the model has %d", n, len(r.model.entries))
	}
	if !r.relations.Equal(r.load()) {
		return "the index is not what it is when loaded anew"
	}
	return ""
}

// check runs one random history and says what is not as it should be.
func check(t *rapid.T, bugs constraint.Bugs, seen map[string]int) string {
	r := &run{t: t, store: memstore.New(), model: &model{entries: map[space.Key]map[string]any{}}, bugs: bugs, seen: seen}
	r.define(anyDefinition(t))
	for range rapid.IntRange(10, 40).Draw(t, "turns") {
		if rapid.IntRange(0, 15).Draw(t, "another definition") == 0 {
			r.define(anyDefinition(t))
		}
		if wrong := r.turn(); wrong != "" {
			return wrong
		}
	}
	return ""
}

// TestLaw holds every decision on random mutations under random constraints against the model,
// both ways, and the index against one that is loaded anew. Some refusals are rare: it goes on until it has seen each.
func TestLaw(t *testing.T) {
	seen := map[string]int{}
	rare := func(want string) bool { return seen[want] < 3 }
	wanted := []string{"applied", "rejectedunique", "rejectedreference", "rejectedin_use", "rejectedquota", "rejectedinvalid", "rejectedtoo_large"}
	for round := 0; round < 20 && (round == 0 || slices.ContainsFunc(wanted, rare)) && !t.Failed(); round++ {
		rapid.Check(t, func(t *rapid.T) {
			if wrong := check(t, constraint.Bugs{}, seen); wrong != "" {
				t.Fatal(wrong)
			}
		})
	}
	for _, want := range wanted {
		if rare(want) {
			t.Errorf("%s %d times: that tests little; %v", want, seen[want], seen)
		}
	}
}

// TestLawSeesBugs: each planted bug is found within as many histories as TestLaw runs.
func TestLawSeesBugs(t *testing.T) {
	for name, bugs := range map[string]constraint.Bugs{
		"base only": {BaseOnly: true}, "keeps old": {KeepsOld: true}, "no deny": {NoDeny: true}, "no cascade": {NoCascade: true}, "stuck": {Stuck: true},
	} {
		t.Run(name, func(t *testing.T) {
			histories := rapid.Custom(func(t *rapid.T) string { return check(t, bugs, map[string]int{}) })
			for seed := range 400 {
				if histories.Example(seed) != "" {
					return
				}
			}
			t.Error("not found in 400 histories")
		})
	}
}
