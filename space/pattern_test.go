package space

import (
	"maps"
	"slices"
	"testing"
)

func TestPattern(t *testing.T) {
	for _, bad := range []string{"", "A", "{}", "{a", "a}", "{a1}", "{a}/{a}", "{path}", "a//b", "a/{b}c", "1/2/3/4/5/6/7/8/9"} {
		if _, err := ParsePattern(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	var all []Pattern
	for _, text := range []string{"{x}/{y}", "{x}/b", "a/{y}", "a/b", "a"} {
		p, err := ParsePattern(text)
		if err != nil || p.String() != text {
			t.Fatalf("%s: %s, %v", text, p, err)
		}
		all = append(all, p)
	}
	slices.SortFunc(all, Pattern.Compare)
	for path, want := range map[Path]string{"a/b": "a/b", "a/c": "a/{}", "c/b": "{}/b", "c/d": "{}/{}", "a": "a", "b": "", "a/b/c": ""} {
		got := ""
		for _, p := range all {
			if p.Match(path, nil) {
				got = p.Shape()
				break
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	p, err := ParsePattern("team/{team}/{of}")
	if err != nil {
		t.Fatal(err)
	}
	vars := map[string]string{}
	if !p.Match("team/a/b", func(name, is string) { vars[name] = is }) || !maps.Equal(vars, map[string]string{"team": "a", "of": "b"}) {
		t.Errorf("%v", vars)
	}
	if (Pattern{}).Match("a", nil) {
		t.Error("the zero pattern fits")
	}
}
