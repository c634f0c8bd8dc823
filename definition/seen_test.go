package definition_test

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/definition"
)

// TestSeen: what is seen of an entry comes out as it went in, and nothing is asked where nothing is said.
func TestSeen(t *testing.T) {
	const text = `["a/b",{"a/c":["x","y.z"]},{"a/d":[]},{"a/e":{"x":[1,null]}},{"a/f":{}}]`
	var got []definition.Seen
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		entry  string
		fields int // -1: not asked
		doc    string
	}{{"a/b", -1, ""}, {"a/c", 2, ""}, {"a/d", 0, ""}, {"a/e", -1, `{"x":[1,null]}`}, {"a/f", -1, `{}`}} {
		s := got[i]
		if s.Entry != want.entry || string(s.Doc) != want.doc || (s.Fields == nil) != (want.fields < 0) || len(s.Fields) != max(0, want.fields) {
			t.Errorf("%d: %+v, want %+v", i, s, want)
		}
	}
	back, err := json.Marshal(got)
	if err != nil || string(back) != text {
		t.Errorf("comes out as %s (%v), want %s", back, err, text)
	}
	if out, err := json.Marshal(definition.Seen{Entry: "a/b", Fields: []string{}, Doc: jsontext.Value(`{}`)}); err == nil {
		t.Errorf("both fields and a record: %s", out)
	}
}
