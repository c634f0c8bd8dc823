package mutator_test

import (
	"flag"
	"os"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/space"
)

var update = flag.Bool("update", false, "write testdata/vectors/random.json anew")

const vectors = "../testdata/vectors/random.json"

type vector struct {
	Client   space.ClientID   `json:"client"`
	Mutation space.MutationID `json:"mutation"`
	Name     string           `json:"name"`
	Draw     []string         `json:"draw"`
	Want     []any            `json:"want"`
}

// TestRandomVectors: the stream is what the vectors say, which the TypeScript client runs, too.
func TestRandomVectors(t *testing.T) {
	if *update {
		all := []vector{
			{Client: "AAAAAAAAAAAAAAAAAAAAAA", Mutation: 1, Name: "closeCard", Draw: []string{"random", "random", "id", "random"}},
			{Client: "AAAAAAAAAAAAAAAAAAAAAA", Mutation: 2, Name: "closeCard", Draw: []string{"id", "id", "random"}},
			{Client: "0JqF_-zYxWvUtSrQpOnMlk", Mutation: 46, Name: "a", Draw: []string{"id", "random", "id", "random", "random"}},
			{Client: "0JqF_-zYxWvUtSrQpOnMlk", Mutation: 9007199254740991, Name: "Long-name_1", Draw: []string{"random", "id"}},
		}
		for i := range all {
			all[i].Want = draw(all[i])
		}
		text, err := json.Marshal(all, jsontext.WithIndent("  "))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectors, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(vectors)
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(text, &all); err != nil || len(all) == 0 {
		t.Fatalf("%d vectors: %v", len(all), err)
	}
	for _, v := range all {
		if got := draw(v); !reflect.DeepEqual(got, v.Want) {
			t.Errorf("%s %d %s: %v, want %v", v.Client, v.Mutation, v.Name, got, v.Want)
		}
	}
}

func draw(v vector) (out []any) {
	r := mutator.NewRandom(v.Client, v.Mutation, v.Name)
	for _, what := range v.Draw {
		if what == "id" {
			out = append(out, r.ID())
		} else {
			out = append(out, r.Float())
		}
	}
	return out
}

// TestRandomSpreads: numbers are in [0, 1) and in the middle on average, ids are never the same.
func TestRandomSpreads(t *testing.T) {
	const n = 20_000
	sum, ids := 0.0, map[string]bool{}
	for i := range n {
		r := mutator.NewRandom("0JqF_-zYxWvUtSrQpOnMlk", space.MutationID(i), "spread")
		f := r.Float()
		if f < 0 || f >= 1 {
			t.Fatalf("mutation %d: %v", i, f)
		}
		sum += f
		id := r.ID()
		if _, err := space.ParseKey("cards", id); err != nil || ids[id] {
			t.Fatalf("mutation %d: id %q, %v", i, id, err)
		}
		ids[id] = true
	}
	if mean := sum / n; mean < 0.49 || mean > 0.51 {
		t.Errorf("the mean of %d numbers is %v", n, mean)
	}
}
