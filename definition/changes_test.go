package definition_test

import (
	"slices"
	"testing"

	"github.com/syncline/syncline/definition"
)

func TestChanges(t *testing.T) {
	parse := func(text string) *definition.Definition {
		d, err := definition.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	before := parse(`{"spaces":{"a/{b}":{"open":"true","collections":{"x":{"read":"true","schema":{"type":"object","required":["a"]}},"y":{"read":"true"}}}}}`)
	after := parse(`{"spaces":{"a/{b}":{"open":"true","collections":{"x":{"read":"false","schema":{"type":"object","required":["b"]}},"z":{"read":"true"}}},"c":{}},"tests":[{"space":"c","cases":[]}]}`)
	got, err := definition.Changes(before, after)
	want := []string{
		"changed spaces.a/{b}.collections.x.read", "changed spaces.a/{b}.collections.x.schema",
		"removed spaces.a/{b}.collections.y", "added spaces.a/{b}.collections.z", "added spaces.c", "added tests",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q (%v), want %q", got, err, want)
	}
	if got, err := definition.Changes(after, after); err != nil || got != nil {
		t.Errorf("of the same: %q (%v)", got, err)
	}
}
