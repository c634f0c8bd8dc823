package constraint_test

import (
	"slices"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// A model is a space as somebody would check it who has time: each question goes
// through all entries.
type model struct {
	d       definition.Space
	entries map[space.Key]map[string]any
}

func (m *model) clone() *model {
	out := &model{m.d, make(map[space.Key]map[string]any, len(m.entries))}
	for key, doc := range m.entries {
		out.entries[key] = doc // docs are replaced, never altered
	}
	return out
}

func bytesOf(doc map[string]any) int { return len(value.Encode(doc)) }

// ids are what a reference holds, in a form that is right.
func ids(r definition.Reference, doc map[string]any) (out []string, right bool) {
	switch v := doc[r.Path].(type) {
	case nil:
		return nil, true
	case string:
		return []string{v}, !r.Many
	case []any:
		if !r.Many {
			return nil, false
		}
		for _, one := range v {
			id, ok := one.(string)
			if !ok {
				return nil, false
			}
			out = append(out, id)
		}
		return out, true
	}
	return nil, false
}

// tuple is what must be unique, nil if something is missing.
func tuple(paths []string, doc map[string]any) []any {
	var out []any
	for _, path := range paths {
		if doc[path] == nil {
			return nil
		}
		out = append(out, doc[path])
	}
	return out
}

func owner(doc map[string]any) string {
	by, _ := doc["by"].(string)
	return by
}

// A count is one number that a quota bounds.
type count struct {
	of, name, user string
}

// counts are all numbers that quotas bound, with the bounds of those that have any.
func (m *model) counts() (have, most map[count]int64) {
	have, most = map[count]int64{}, map[count]int64{}
	for key, doc := range m.entries {
		of := m.d.Collections[key.Collection]
		for name, q := range map[string]definition.Quota{key.Collection: of.Quota, "the space": m.d.Quota} {
			add := func(name, limit, user string, max *definition.Size, n int64) {
				if max != nil {
					have[count{name, limit, user}] += n
					most[count{name, limit, user}] = int64(*max)
				}
			}
			add(name, "entries", "", q.Entries, 1)
			add(name, "bytes", "", q.Bytes, int64(bytesOf(doc)))
			if by := owner(doc); by != "" && of.Owner != "" {
				add(name, "entriesPerUser", by, q.EntriesPerUser, 1)
				add(name, "bytesPerUser", by, q.BytesPerUser, int64(bytesOf(doc)))
			}
		}
	}
	return have, most
}

// broken lists what does not hold in a space whose every entry was written under the constraints.
func (m *model) broken() (what []string) {
	for key, doc := range m.entries {
		of := m.d.Collections[key.Collection]
		for _, r := range of.References {
			to, right := ids(r, doc)
			if !right {
				what = append(what, key.String()+": a reference of the wrong form")
			}
			for _, id := range to {
				if m.entries[space.Key{Collection: r.To, ID: id}] == nil {
					what = append(what, key.String()+": refers to nothing: "+r.To+" "+id)
				}
			}
		}
		for _, paths := range of.Unique {
			for other, its := range m.entries {
				if a, b := tuple(paths, doc), tuple(paths, its); other.Collection == key.Collection && other != key && a != nil && b != nil && value.Equal(a, b) {
					what = append(what, key.String()+" and "+other.String()+": the same values")
				}
			}
		}
	}
	have, most := m.counts()
	for at, n := range have {
		if n > most[at] {
			what = append(what, "over the limit "+at.name+" of "+at.of)
		}
	}
	return what
}

// after says what must come of changes that the rules allow, nil for deletions: what the space holds
// then, or for which reasons it may be refused. read says for which the writer said what they read.
func (m *model) after(own map[space.Key]map[string]any, read func(space.Key) bool) (next *model, codes map[string]bool) {
	codes = map[string]bool{}
	next = m.clone()
	for key, doc := range own {
		if next.entries[key] = doc; doc == nil {
			delete(next.entries, key)
		}
	}
	for key, doc := range own {
		of := m.d.Collections[key.Collection]
		old := m.entries[key]
		if of.Strategy == "serializable" && !read(key) {
			codes[space.CodeInvalid] = true
		}
		if doc == nil {
			continue
		}
		if of.MaxBytes != nil && bytesOf(doc) > int(*of.MaxBytes) && (old == nil || bytesOf(doc) > bytesOf(old)) {
			codes[space.CodeTooLarge] = true
		}
		perUser := of.Quota.EntriesPerUser != nil || of.Quota.BytesPerUser != nil || of.Owner != "" && (m.d.Quota.EntriesPerUser != nil || m.d.Quota.BytesPerUser != nil)
		if perUser && owner(doc) == "" && (old == nil || owner(old) != "") {
			codes[space.CodeInvalid] = true
		}
		for _, r := range of.References {
			if old != nil && value.Equal(old[r.Path], doc[r.Path]) {
				continue
			}
			to, right := ids(r, doc)
			if !right {
				codes[space.CodeInvalid] = true
				continue
			}
			had := []string{}
			if _, list := old[r.Path].([]any); list == r.Many {
				had = held(old[r.Path])
			}
			for _, id := range to {
				target := space.Key{Collection: r.To, ID: id}
				_, mine := own[target]
				there := next.entries[target] != nil && (mine || visible(next.entries[target]))
				if !there && !slices.Contains(had, id) {
					codes[space.CodeReference] = true
				}
			}
		}
	}
	if len(codes) > 0 {
		return nil, codes
	}
	along := next.cascade(m, codes)
	next.judge(m, along, codes)
	return next, codes
}

// held are the ids that a value of any form can be said to refer to.
func held(v any) (out []string) {
	switch v := v.(type) {
	case string:
		out = append(out, v)
	case []any:
		for _, one := range v {
			if id, ok := one.(string); ok {
				out = append(out, id)
			}
		}
	}
	return out
}

// cascade changes what refers to what is gone until nothing is left to change.
func (m *model) cascade(before *model, codes map[string]bool) (along map[space.Key]bool) {
	along = map[space.Key]bool{}
	for again := true; again; {
		again = false
		for key, doc := range m.entries {
			of := m.d.Collections[key.Collection]
			for _, r := range of.References {
				for _, id := range held(doc[r.Path]) {
					target := space.Key{Collection: r.To, ID: id}
					if _, list := doc[r.Path].([]any); list != r.Many || before.entries[target] == nil || m.entries[target] != nil || m.entries[key] == nil {
						continue
					}
					switch r.OnDelete {
					case definition.Cascade:
						delete(m.entries, key)
						along[key], again = true, true
					case definition.Clear:
						next := map[string]any{}
						for name, v := range m.entries[key] {
							next[name] = v
						}
						if r.Many {
							next[r.Path] = slices.DeleteFunc(slices.Clone(next[r.Path].([]any)), func(v any) bool { return v == id })
						} else {
							delete(next, r.Path)
						}
						m.entries[key], along[key], again = next, true, true
					}
				}
			}
		}
	}
	for key := range along {
		if doc := m.entries[key]; doc != nil && m.d.Collections[key.Collection].Schema != nil && doc["r"] == nil {
			codes[space.CodeInUse] = true
		}
	}
	return along
}

// judge looks for what no longer holds.
func (m *model) judge(before *model, along map[space.Key]bool, codes map[string]bool) {
	for key, doc := range m.entries {
		of := m.d.Collections[key.Collection]
		for _, r := range of.References {
			for _, id := range held(doc[r.Path]) {
				target := space.Key{Collection: r.To, ID: id}
				_, list := doc[r.Path].([]any)
				if list == r.Many && (r.OnDelete == definition.Deny || r.OnDelete == "") && before.entries[target] != nil && m.entries[target] == nil {
					codes[space.CodeInUse] = true
				}
			}
		}
		for _, paths := range of.Unique {
			now := tuple(paths, doc)
			if now == nil || before.entries[key] != nil && value.Equal(now, tuple(paths, before.entries[key])) {
				continue
			}
			for other, its := range m.entries {
				if other.Collection == key.Collection && other != key && value.Equal(now, tuple(paths, its)) {
					if along[key] {
						codes[space.CodeInUse] = true
					} else {
						codes[space.CodeUnique] = true
					}
				}
			}
		}
	}
	have, most := m.counts()
	had, _ := before.counts()
	for at, n := range have {
		if n > most[at] && n > had[at] {
			codes[space.CodeQuota] = true
		}
	}
}

func visible(doc map[string]any) bool { return doc["hidden"] == nil }
