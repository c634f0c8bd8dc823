package lens

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"pgregory.net/rapid"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/value"
)

// A field as the generator knows it, at one version.
type field struct {
	name   string
	sort   string   // "word", "list", "single" (a list of at most one), "switch"
	of     []string // values of a switch
	always bool     // older clients are shown a value where there is none
}

// drawn is a lens and what the fields are at each version; gone are those dropped so far.
type drawn struct {
	lens   *Lens
	fields [][]field
	gone   [][]field
}

func must(t *rapid.T, d definition.Versions) *Lens {
	return Compile(d, func(at []string, err error) { t.Fatalf("%v: %v", at, err) })
}

func draw(t *rapid.T) drawn {
	names := 0
	fresh := func() string {
		names++
		if rapid.Bool().Draw(t, "nested") {
			return fmt.Sprintf("o%d.f%d", names%2, names)
		}
		return fmt.Sprintf("f%d", names)
	}
	now := []field{{name: fresh(), sort: "word"}, {name: fresh(), sort: "word"}, {name: fresh(), sort: "list"}, {name: fresh(), sort: "single"}, {name: fresh(), sort: "switch", of: []string{`"todo"`, `"done"`}}}
	out := drawn{fields: [][]field{nil, slices.Clone(now)}, gone: [][]field{nil, nil}}
	var gone []field
	d := definition.Versions{Version: uint32(rapid.IntRange(2, 5).Draw(t, "version"))}
	for to := uint32(2); to <= d.Version; to++ {
		of := definition.Lens{To: to}
		for range rapid.IntRange(0, 3).Draw(t, "steps") {
			if len(now) == 0 {
				break
			}
			i := rapid.IntRange(0, len(now)-1).Draw(t, "field")
			f := now[i]
			var s definition.LensStep
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				now[i].name = fresh()
				s.Rename = &definition.Rename{From: f.name, To: now[i].name}
			case 1:
				now = append(now, field{name: fresh(), sort: "word"})
				s.Default = &definition.FieldStep{Path: now[len(now)-1].name, Value: []byte(`"new"`)}
			case 2:
				s.Drop = &definition.FieldStep{Path: f.name}
				if f.sort == "word" && rapid.Bool().Draw(t, "valued") {
					s.Drop.Value = []byte(`"gone"`)
					f.always = true
				}
				gone = append(gone, f)
				now = slices.Delete(now, i, i+1)
				so := d
				so.Lenses = append(slices.Clone(d.Lenses), of)
				for v := range out.fields { // what an older version always shows it cannot take away
					for j := range out.fields[v] {
						if g := &out.fields[v][j]; v < int(to) && f.always && traced(g.name, f.name, so, v) {
							g.always = true
						}
					}
				}
			case 3:
				if f.sort != "switch" {
					continue
				}
				s.Convert = &definition.Convert{Path: f.name, Up: []byte(`0`), Down: []byte(f.of[0])}
				next := []string{fmt.Sprint(to * 10), fmt.Sprint(to*10 + 1)}
				for k := range f.of {
					s.Convert.Table = append(s.Convert.Table, []jsontext.Value{[]byte(f.of[k]), []byte(next[k])})
				}
				now[i].of = next
			case 4:
				if f.sort != "word" {
					continue
				}
				now[i].sort = "list"
				s.Wrap = &definition.FieldStep{Path: f.name}
			default:
				if f.sort != "single" {
					continue
				}
				now[i].sort = "word"
				s.Unwrap = &definition.FieldStep{Path: f.name}
			}
			of.Steps = append(of.Steps, s)
		}
		d.Lenses = append(d.Lenses, of)
		out.fields, out.gone = append(out.fields, slices.Clone(now)), append(out.gone, slices.Clone(gone))
	}
	out.lens = must(t, d)
	return out
}

// traced reports whether the field that version v calls was is called is after the lenses of d.
func traced(was, is string, d definition.Versions, v int) bool {
	for _, of := range d.Lenses {
		for _, s := range of.Steps {
			if int(of.To) > v && s.Rename != nil && s.Rename.From == was {
				was = s.Rename.To
			}
		}
	}
	return was == is
}

// record draws an entry of a version; with stored also what is kept in it of dropped fields.
func (d drawn) record(t *rapid.T, version int, stored bool) map[string]any {
	doc := map[string]any{}
	fields := d.fields[version]
	if stored {
		fields = append(slices.Clone(fields), d.gone[version]...)
	}
	word := rapid.SampledFrom([]string{"x", "y", "z", "gone", "new"})
	for _, f := range fields {
		if !f.always && !rapid.Bool().Draw(t, f.name+" is there") {
			continue
		}
		var v any
		switch f.sort {
		case "word":
			v = word.Draw(t, f.name)
		case "list":
			list := []any{}
			for _, w := range rapid.SliceOfNDistinct(word, 0, 3, rapid.ID[string]).Draw(t, f.name) {
				list = append(list, w)
			}
			v = list
		case "single":
			v = []any{word.Draw(t, f.name)}
		default:
			v, _ = value.ParseAny([]byte(rapid.SampledFrom(f.of).Draw(t, f.name)))
		}
		path, _ := value.ParsePath(f.name)
		doc, _ = path.With(doc, v)
	}
	return doc
}

// TestLaws: what is shown and written back changes nothing; what is written is shown
// next, whatever was there; what was stored before a version came is shown to those who stay as it was.
func TestLaws(t *testing.T) {
	altered := 0
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		top := int(d.lens.Version())
		old := d.record(t, top, true)
		before := text(old)
		for v := 1; v <= top; v++ {
			shown, same := d.lens.Down(old, uint32(v))
			if same && !value.Equal(old, shown) { // what one step wraps and the next unwraps is made anew, and equal
				t.Fatalf("version %d: %s is shown as %s, same %t", v, text(old), text(shown), same)
			}
			if !value.Equal(old, shown) {
				altered++
			}
			back, err := d.lens.Up(shown, old, uint32(v))
			if err != nil || !value.Equal(back, old) {
				t.Fatalf("version %d: shown %s of %s, which becomes %s, %v", v, text(shown), text(old), text(back), err)
			}
			made := d.record(t, v, false)
			for _, was := range []map[string]any{nil, old} {
				whole, err := d.lens.Up(made, was, uint32(v))
				if err != nil {
					t.Fatalf("version %d: %s on %s: %v", v, text(made), text(was), err)
				}
				if again, _ := d.lens.Down(whole, uint32(v)); !value.Equal(again, made) {
					t.Fatalf("version %d: %s on %s becomes %s and shows as %s", v, text(made), text(was), text(whole), text(again))
				}
			}
			stored := d.lens.Lift(d.record(t, v, false), uint32(v))
			kept, _ := d.lens.Down(stored, uint32(v))
			if lifted := d.lens.Lift(kept, uint32(v)); !value.Equal(stored, lifted) {
				t.Fatalf("version %d: %s lifted is %s, and again %s", v, text(kept), text(stored), text(lifted))
			}
			if was := d.record(t, v, false); true {
				if is, _ := d.lens.Down(d.lens.Lift(was, uint32(v)), uint32(v)); !value.Equal(was, is) {
					t.Fatalf("version %d: %s was stored and is shown as %s", v, text(was), text(is))
				}
			}
		}
		if text(old) != before {
			t.Fatalf("%s has become %s", before, text(old))
		}
	})
	if altered < 100 {
		t.Errorf("%d entries were shown otherwise: that tests little", altered)
	}
}

// TestKept: what the version of a writer does not have survives the write.
func TestKept(t *testing.T) {
	l := Compile(parse(t, `{"version":3,"lenses":[
		{"to":2,"steps":[{"rename":{"from":"title","to":"text.title"}},{"default":{"path":"due","value":"never"}},{"drop":{"path":"color","value":"red"}}]},
		{"to":3,"steps":[{"convert":{"path":"state","table":[["todo",0],["done",1]],"up":0,"down":"todo"}},{"wrap":{"path":"who"}}]}]}`), fatal(t))
	for _, c := range []struct{ name, old, made, want string }{
		{"made new", `null`, `{"title":"a","state":"done","who":"ada"}`, `{"due":"never","state":1,"text":{"title":"a"},"who":["ada"]}`},
		{"a new field stays", `{"text":{"title":"a"},"due":"soon","who":["ada","bob"],"state":1}`, `{"title":"b","state":"done","who":"ada"}`, `{"due":"soon","state":1,"text":{"title":"b"},"who":["ada","bob"]}`},
		{"the head is another", `{"who":["ada","bob","cy"]}`, `{"who":"bob"}`, `{"who":["bob","cy"]}`},
		{"nobody is left", `{"who":["ada","bob"]}`, `{}`, `{"who":[]}`},
		{"a value that has no older one stays", `{"state":7,"due":"x"}`, `{"state":"todo","title":"t"}`, `{"due":"x","state":7,"text":{"title":"t"}}`},
		{"a value that has no newer one", `null`, `{"state":"odd"}`, `{"due":"never","state":0}`},
		{"a dropped field is kept", `{"due":"x"}`, `{"color":"blue"}`, `{"color":"blue","due":"x"}`},
		{"a dropped field's default is not", `{"due":"x"}`, `{"color":"red"}`, `{"due":"x"}`},
		{"beside the renamed", `{"text":{"body":"b","title":"a"},"due":1}`, `{"title":"c","text":{"body":"b"}}`, `{"due":1,"text":{"body":"b","title":"c"}}`},
	} {
		whole, err := l.Up(record(c.made), record(c.old), 1)
		if err != nil || text(whole) != c.want {
			t.Errorf("%s: %s, %v, not %s", c.name, text(whole), err, c.want)
		}
	}
	// By a client of the present version what is dropped is neither seen nor lost.
	stored := record(`{"color":"blue","due":"x"}`)
	shown, same := l.Down(stored, 3)
	if same || text(shown) != `{"due":"x"}` {
		t.Errorf("shown as %s", text(shown))
	}
	if whole, err := l.Up(record(`{"due":"y"}`), stored, 3); err != nil || text(whole) != `{"color":"blue","due":"y"}` {
		t.Errorf("written as %s, %v", text(whole), err)
	}
	for made, want := range map[string]string{
		`{"due":"x"}`:                      "due: this field is new in version 2 of the collection",
		`{"text":{"title":"x"},"title":1}`: "title: version 2 of the collection means something else by text.title",
		`{"text":7,"title":1}`:             "title: version 2 of the collection has this as text.title, for which there is no room",
	} {
		var fault *Fault
		if _, err := l.Up(record(made), nil, 1); !errors.As(err, &fault) || fault.Error() != want {
			t.Errorf("%s: %v", made, err)
		}
	}
	if _, err := l.Up(record(`{"color":1}`), nil, 3); err == nil {
		t.Error("a dropped field was written")
	}
	path, _ := value.ParsePath("text.title.x")
	if got := l.Path(path, 1).String(); got != "title.x" {
		t.Error(got)
	}
}

func TestCompile(t *testing.T) {
	for source, want := range map[string]string{
		`{"version":3,"lenses":[{"to":2,"steps":[]}]}`:                                                         "lenses: the lenses end at version 2, the collection is at version 3",
		`{"version":3,"lenses":[{"to":2,"steps":[]},{"to":4,"steps":[]}]}`:                                     "lenses.1.to: lenses lead from each version to the next: this one would be to version 3, not 4",
		`{"version":3,"lenses":[{"to":1,"steps":[]}]}`:                                                         "lenses.0.to: lenses lead from each version to the next: this one would be to version 4, not 1",
		`{"lenses":[{"to":2,"steps":[]}]}`:                                                                     "lenses: the lenses end at version 2, the collection is at version 1",
		`{"version":3,"oldest":1,"lenses":[{"to":3,"steps":[]}]}`:                                              "oldest: the lenses reach from version 2 to 3",
		`{"version":2,"lenses":[{"to":2,"steps":[{}]}]}`:                                                       "lenses.0.steps.0: a step is one of rename, default, drop, convert, wrap and unwrap",
		`{"version":2,"lenses":[{"to":2,"steps":[{"rename":{"from":"a","to":"a.b"}}]}]}`:                       "lenses.0.steps.0.rename.to: a and a.b are the same field or a part of it",
		`{"version":2,"lenses":[{"to":2,"steps":[{"wrap":{"path":"a","value":1}}]}]}`:                          "lenses.0.steps.0.wrap.value: only a default and a drop have a value",
		`{"version":2,"lenses":[{"to":2,"steps":[{"default":{"path":"a"}}]}]}`:                                 "lenses.0.steps.0.default.path: a default has a value",
		`{"version":2,"lenses":[{"to":2,"steps":[{"drop":{"path":"a"}},{"default":{"path":"a","value":1}}]}]}`: "lenses.0.steps.1.default: version 2 has dropped a, which is kept for older clients: this needs another name",
		`{"version":2,"lenses":[{"to":2,"steps":[{"convert":{"path":"a","table":[[1]]}}]}]}`:                   "lenses.0.steps.0.convert.table: a table is of pairs: the value before and the value after",
		`{"version":2,"lenses":[{"to":2,"steps":[{"drop":{"path":"$a"}}]}]}`:                                   "lenses.0.steps.0.drop.path: bad_name at $a: a path starts with $: write \\$",
	} {
		var got []string
		Compile(parse(t, source), func(at []string, err error) { got = append(got, strings.Join(at, ".")+": "+err.Error()) })
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s:\n  %q\n  %q", source, got, want)
		}
	}
	if l := Compile(definition.Versions{Version: 4}, fatal(t)); l.Oldest() != 4 || l.Supports(3) || !l.Supports(4) || l.Supports(5) {
		t.Error("a version without lenses has no older clients")
	}
	if Compile(definition.Versions{}, fatal(t)) != nil {
		t.Error("a lens of nothing")
	}
}

func fatal(t *testing.T) func([]string, error) {
	return func(at []string, err error) { t.Fatalf("%v: %v", at, err) }
}

func parse(t *testing.T, source string) (d definition.Versions) {
	t.Helper()
	if err := json.Unmarshal([]byte(source), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func record(source string) map[string]any {
	if source == "null" {
		return nil
	}
	doc, err := value.Parse([]byte(source))
	if err != nil {
		panic(err)
	}
	return doc
}

func text(doc map[string]any) string { return string(value.Encode(doc)) }
