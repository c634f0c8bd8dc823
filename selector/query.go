package selector

import (
	"cmp"
	"slices"

	"github.com/syncline/syncline/value"
)

// Limits of a query.
const (
	MaxSortKeys = 8
	MaxFields   = 64
	MaxRows     = 1<<31 - 1 // of limit and skip
)

// Query says which records, in which order, how many and which fields of
// them. The zero value is every record, ordered by id. A query from
// [ParseQuery] is immutable.
type Query struct {
	Where  *Selector // nil is All
	Sort   []SortKey
	Limit  int // 0 is no limit
	Skip   int
	Fields []value.Path // none is the whole record
}

// SortKey is one field to order by.
type SortKey struct {
	Path value.Path
	Desc bool
}

// ParseQuery reads
//
//	{"where": {…}, "sort": ["name", {"pop": "desc"}], "limit": 10, "skip": 0, "fields": ["a", "b.c"]}
//
// in which every member may be left out. A limit is at least 1. Of fields
// which contain each other the outer one counts; an empty list is the whole
// record.
//
// The error is a [*value.Error]: bad_query for another member, a wrong type, a
// path sorted by twice, or more than [MaxSortKeys] or [MaxFields]; those of
// [Parse] for where; bad_name for a bad path; those of [value.Canonical].
func ParseQuery(raw []byte) (*Query, error) {
	canonical, err := value.Canonical(raw, value.Limits{Bytes: 2 * MaxBytes, Depth: MaxDepth + 1})
	if err != nil {
		return nil, err
	}
	tree, err := value.Parse(canonical)
	if err != nil {
		return nil, err
	}
	q := &Query{Where: All}
	for _, key := range sortedKeys(tree) {
		arg := tree[key]
		switch key {
		case "where":
			where, ok := arg.(map[string]any)
			if !ok {
				return nil, badQuery("where takes a selector")
			}
			q.Where, err = Parse(value.Encode(where))
		case "sort":
			q.Sort, err = parseSort(arg)
		case "limit":
			q.Limit, err = parseRows(key, arg, 1)
		case "skip":
			q.Skip, err = parseRows(key, arg, 0)
		case "fields":
			q.Fields, err = parseFields(arg)
		default:
			err = badQuery("unknown member " + key)
		}
		if err != nil {
			return nil, err
		}
	}
	return q, nil
}

func badQuery(why string) error {
	return &value.Error{Code: value.CodeBadQuery, Message: why}
}

func parseRows(key string, arg any, least float64) (int, error) {
	n, ok := arg.(float64)
	if !ok || !value.IsInteger(n) || n < least || n > MaxRows {
		return 0, badQuery(key + " takes an integer within its range")
	}
	return int(n), nil
}

func parseSort(arg any) ([]SortKey, error) {
	list, ok := arg.([]any)
	if !ok || len(list) > MaxSortKeys {
		return nil, badQuery("sort takes a list of at most 8 keys")
	}
	var keys []SortKey
	for _, e := range list {
		text, direction := e, any("asc")
		if pair, ok := e.(map[string]any); ok && len(pair) == 1 {
			for text, direction = range pair {
			}
		}
		name, ok := text.(string)
		if !ok || (direction != "asc" && direction != "desc") {
			return nil, badQuery(`a sort key is "path" or {"path": "asc"} or {"path": "desc"}`)
		}
		path, err := value.ParsePath(name)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(keys, func(k SortKey) bool { return slices.Equal(k.Path, path) }) {
			return nil, badQuery("sorted twice by " + name)
		}
		keys = append(keys, SortKey{path, direction == "desc"})
	}
	return keys, nil
}

func parseFields(arg any) ([]value.Path, error) {
	list, ok := arg.([]any)
	if !ok || len(list) > MaxFields {
		return nil, badQuery("fields takes a list of at most 64 paths")
	}
	var paths []value.Path
	for _, e := range list {
		text, ok := e.(string)
		if !ok {
			return nil, badQuery("fields takes a list of paths")
		}
		path, err := value.ParsePath(text)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	slices.SortFunc(paths, value.Path.Compare)
	var outer []value.Path
	for _, path := range paths { // a path comes before those it covers
		if n := len(outer); n == 0 || !outer[n-1].Covers(path) {
			outer = append(outer, path)
		}
	}
	return outer, nil
}

// Compare orders two records with different ids: by the sort keys, a missing
// field first (last if descending), then by id, ascending.
func (q *Query) Compare(a map[string]any, aID string, b map[string]any, bID string) int {
	for _, key := range q.Sort {
		x, ok := key.Path.Get(a)
		if !ok {
			x = value.Missing
		}
		y, ok := key.Path.Get(b)
		if !ok {
			y = value.Missing
		}
		c := value.Compare(x, y)
		if key.Desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(aID, bID)
}

// Less reports whether a comes before b; see [Query.Compare].
func (q *Query) Less(a map[string]any, aID string, b map[string]any, bID string) bool {
	return q.Compare(a, aID, b, bID) < 0
}

// Project returns the fields of doc that the query asks for, in their
// objects; a field which is missing is left out. Without Fields it returns
// doc itself. The result shares with doc.
func (q *Query) Project(doc map[string]any) map[string]any {
	if len(q.Fields) == 0 {
		return doc
	}
	out := map[string]any{}
	for _, path := range q.Fields {
		v, ok := path.Get(doc)
		if !ok {
			continue
		}
		in := out
		for _, name := range path[:len(path)-1] {
			sub, ok := in[name].(map[string]any)
			if !ok {
				sub = map[string]any{}
				in[name] = sub
			}
			in = sub
		}
		in[path[len(path)-1]] = v
	}
	return out
}

// String returns the normal form, canonical JSON, without what is default.
func (q *Query) String() string {
	tree := map[string]any{}
	if where := q.Where.String(); where != All.text {
		// The text of a selector always parses.
		tree["where"], _ = value.ParseAny([]byte(where))
	}
	if q.Limit > 0 {
		tree["limit"] = float64(q.Limit)
	}
	if q.Skip > 0 {
		tree["skip"] = float64(q.Skip)
	}
	var sort, fields []any
	for _, key := range q.Sort {
		if key.Desc {
			sort = append(sort, map[string]any{key.Path.String(): "desc"})
		} else {
			sort = append(sort, key.Path.String())
		}
	}
	for _, path := range q.Fields {
		fields = append(fields, path.String())
	}
	if sort != nil {
		tree["sort"] = sort
	}
	if fields != nil {
		tree["fields"] = fields
	}
	return string(value.Encode(tree))
}
