package schema

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"
)

// parts of random schemas; ? stands for another one.
var parts = []string{
	`{"type":"string"}`, `{"type":"string","minLength":2,"maxLength":3}`, `{"type":"integer","minimum":0,"maximum":2}`, `{"type":["number","null"],"maximum":0.1}`, `{"enum":["a",1,true,null]}`, `{"const":2}`,
	`{"type":"boolean"}`, `{"type":"array","items":?,"minItems":1,"maxItems":2}`, `{"type":"object","required":["a"],"properties":{"a":?,"b":?},"additionalProperties":false}`,
	`{"type":"object","properties":{"a":?},"additionalProperties":true}`, `{"anyOf":[?,?]}`, `{"allOf":[?,?]}`, `{"$ref":"#/$defs/d"}`, `{"pattern":"^a"}`, `{"format":"date","title":"when"}`, `{}`,
	// what is left to the library
	`{"not":?}`, `{"oneOf":[?,?]}`, `{"enum":[["a"],{"a":1}]}`, `{"minimum":0.1,"multipleOf":0.5}`, `{"properties":{"a":?},"additionalProperties":?}`, `true`, `false`, `{"items":?,"uniqueItems":true}`, `{"minProperties":1}`, `{"$ref":"#"}`,
}

func anyText(t *rapid.T, depth int) string {
	text := rapid.SampledFrom(parts).Draw(t, "part")
	for strings.Contains(text, "?") {
		inner := `{"type":"integer"}`
		if depth > 0 {
			inner = anyText(t, depth-1)
		}
		text = strings.Replace(text, "?", inner, 1)
	}
	return text
}

func anyJSON(t *rapid.T, depth int) any {
	if depth > 0 && rapid.Bool().Draw(t, "nested") {
		if rapid.Bool().Draw(t, "list") {
			list := []any{}
			for range rapid.IntRange(0, 3).Draw(t, "n") {
				list = append(list, anyJSON(t, depth-1))
			}
			return list
		}
		object := map[string]any{}
		for _, name := range []string{"a", "b", "c"} {
			if rapid.Bool().Draw(t, name) {
				object[name] = anyJSON(t, depth-1)
			}
		}
		return object
	}
	return rapid.SampledFrom([]any{nil, true, false, "", "a", "äb", "abcd", "2026-11-27", 0.0, 1.0, 2.0, 0.1, 0.5, -1.0, 3.0}).Draw(t, "scalar")
}

// TestSieve: what the sieve lets through the library finds nothing wrong with; and it is not without use.
func TestSieve(t *testing.T) {
	through, right := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text := `{"allOf":[` + anyText(t, 3) + `],"$defs":{"d":` + anyText(t, 0) + `}}`
		s, err := Compile([]byte(text))
		if err != nil {
			t.Skip(err) // such as a schema that is its own reference
		}
		k := <-s.free
		for range 100 {
			k.left = maxSteps
			doc := anyJSON(t, 3)
			fits := k.first != nil && k.first.fits(doc)
			err := k.root.Validate(doc)
			if fits && err != nil {
				shown, _ := json.Marshal(doc)
				t.Fatalf("%s lets %s through: %v", text, shown, err)
			}
			if k.first != nil && err == nil {
				right++
				if fits {
					through++
				}
			}
		}
	})
	if right == 0 || through < right {
		t.Errorf("of %d that fit %d are let through", right, through)
	}
	t.Logf("of %d that fit %d are let through", right, through)
}

// TestAllocations: a record that fits costs none.
func TestAllocations(t *testing.T) {
	s, err := Compile([]byte(`{"type":"object","required":["title"],"properties":{"title":{"type":"string","maxLength":200},"votes":{"type":"integer","minimum":0},"done":{"anyOf":[{"type":"boolean"},{"type":"null"}]}},"additionalProperties":false}`))
	if err != nil {
		t.Fatal(err)
	}
	doc := map[string]any{"title": "a title", "votes": 3.0, "done": nil}
	n := testing.AllocsPerRun(100, func() {
		if _, _, ok := s.Check(doc); !ok {
			t.Error("it does not fit")
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestSieveKeywords: each keyword alone, with what fits it and what does not.
func TestSieveKeywords(t *testing.T) {
	for text, c := range map[string][2]string{
		`{"type":"object","properties":{"a":{}},"additionalProperties":false}`: {`{"a":1}`, `{"b":1}`},
		`{"properties":{"a":{"type":"string"}}}`:                               {`{"a":"x","b":1}`, `{"a":1}`},
		`{"required":["a"]}`:                                                   {`{"a":null}`, `{"b":1}`},
		`{"type":["integer","null"]}`:                                          {`null`, `1.5`},
		`{"minimum":1}`:                                                        {`1`, `0.5`},
		`{"maximum":1}`:                                                        {`1`, `1.5`},
		`{"minLength":2}`:                                                      {`"äö"`, `"ä"`},
		`{"maxLength":2}`:                                                      {`"äö"`, `"äöü"`},
		`{"pattern":"^a"}`:                                                     {`"ab"`, `"ba"`},
		`{"format":"date"}`:                                                    {`"2026-11-27"`, `"today"`},
		`{"enum":["a",1,null]}`:                                                {`1`, `2`},
		`{"const":true}`:                                                       {`true`, `false`},
		`{"minItems":1}`:                                                       {`[1]`, `[]`},
		`{"maxItems":1}`:                                                       {`[1]`, `[1,2]`},
		`{"items":{"type":"string"}}`:                                          {`["a"]`, `["a",1]`},
		`{"anyOf":[{"type":"string"},{"type":"null"}]}`:                        {`"a"`, `1`},
		`{"allOf":[{"minimum":1},{"maximum":2}]}`:                              {`2`, `3`},
		`{"$ref":"#/$defs/d","$defs":{"d":{"type":"string"}}}`:                 {`"a"`, `1`},
	} {
		s, err := Compile([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		k := <-s.free
		if k.first == nil {
			t.Errorf("%s has no sieve", text)
			continue
		}
		k.left = maxSteps
		for i, raw := range c {
			var doc any
			if err := json.Unmarshal([]byte(raw), &doc); err != nil {
				t.Fatal(err)
			}
			if fits := k.first.fits(doc); fits != (i == 0) || (k.root.Validate(doc) == nil) != fits {
				t.Errorf("%s lets %s through: %t", text, raw, fits)
			}
		}
	}
}
