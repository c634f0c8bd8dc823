package definition

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// leaves are members that are told of as a whole, whatever is inside.
var leaves = []string{"schema", "args", "where", "tests"}

// Changes tells what differs between two definitions, of which nil is one that says nothing, a line each, sorted by place:
// members that were added, removed and changed, by their path.
func Changes(before, after *Definition) ([]string, error) {
	a, err := tree(before)
	if err != nil {
		return nil, err
	}
	b, err := tree(after)
	if err != nil {
		return nil, err
	}
	var out []string
	compare(nil, a, b, func(what string, path []string) { out = append(out, what+" "+strings.Join(path, ".")) })
	return out, nil
}

func tree(d *Definition) (map[string]any, error) {
	if d == nil {
		return nil, nil
	}
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("a definition: %w", err)
	}
	var all map[string]any
	return all, json.Unmarshal(text, &all)
}

func compare(path []string, a, b map[string]any, tell func(what string, path []string)) {
	names := map[string]bool{}
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		at := append(slices.Clip(path), name)
		old, was := a[name]
		now, is := b[name]
		inner, deep := old.(map[string]any)
		other, both := now.(map[string]any)
		switch {
		case !was:
			tell("added", at)
		case !is:
			tell("removed", at)
		case deep && both && !slices.Contains(leaves, name):
			compare(at, inner, other, tell)
		case !reflect.DeepEqual(old, now):
			tell("changed", at)
		}
	}
}
