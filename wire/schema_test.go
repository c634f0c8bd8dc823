package wire_test

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

var update = flag.Bool("update", false, "write wire/schema.json anew")

// schemaHash pins schema.json. When this test fails you have changed what
// travels. Ask of the change: does a client or server of today misread it? A new
// name that the server sends is harmless, for clients ignore what they do not
// know; a new name that clients send is refused by today's servers, so a client
// may send it only after welcome has told that the server knows it; anything else
// makes a new version (wire.Version and its history). Then bring
// docs/PROTOCOL.md and the TypeScript client up to date, run
// go test ./wire -run Schema -update, and put the new hash here.
const schemaHash = "7d14ad0bf2e203d86dbe8265e01f260734808d9c3eca0086df9c5e47746b9b56"

// field is one member of a message.
type field struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Optional bool   `json:"optional,omitzero"`
}

type schema struct {
	Version int                `json:"version"`
	Client  map[string][]field `json:"client"` // messages by their type t
	Server  map[string][]field `json:"server"`
	Parts   map[string][]field `json:"parts"` // objects that messages hold
}

func TestSchema(t *testing.T) {
	s := schema{wire.Version, map[string][]field{}, map[string][]field{}, map[string][]field{}}
	for _, m := range []wire.ClientMessage{&wire.Hello{}, &wire.Open{}, &wire.Close{}, &wire.Push{}, &wire.Presence{}, &wire.Cast{}, &wire.Check{}, &wire.Ping{}, &wire.Pong{}} {
		s.add(s.Client, m)
	}
	for _, m := range []wire.ServerMessage{&wire.Welcome{}, &wire.Opened{}, &wire.Closed{}, &wire.Ack{}, &wire.Diff{}, &wire.Present{}, &wire.CastFrom{}, &wire.Checked{}, &wire.Error{}, &wire.Ping{}, &wire.Pong{}} {
		s.add(s.Server, m)
	}
	text, err := json.Marshal(s, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile("schema.json", text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if stored, err := os.ReadFile("schema.json"); err != nil || string(stored) != string(text) {
		t.Errorf("schema.json is not what the structs are (%v); see the comment at schemaHash", err)
	}
	sum := sha256.Sum256(text)
	if got := hex.EncodeToString(sum[:]); got != schemaHash {
		t.Errorf("the schema has the hash %s, not the pinned one; see the comment at schemaHash", got)
	}
}

func (s schema) add(to map[string][]field, message any) {
	var kind struct {
		T string `json:"t"`
	}
	if err := json.Unmarshal(wire.Encode(message), &kind); err != nil {
		panic(err)
	}
	to[kind.T] = s.fields(reflect.TypeOf(message).Elem())
}

func (s schema) fields(t reflect.Type) []field {
	list := []field{}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		list = append(list, field{name, s.typeOf(f.Type), strings.Contains(options, "omit")})
	}
	return list
}

// typeOf names the JSON type of a Go type and adds the objects it holds to Parts.
func (s schema) typeOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[jsontext.Value]():
		return "any"
	case reflect.TypeFor[space.Cursor]():
		return "cursor"
	case reflect.TypeFor[wire.Row]():
		return "[string, string, integer, object]"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.typeOf(t.Elem())
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Uint32:
		return "integer"
	case reflect.Slice:
		return "[" + s.typeOf(t.Elem()) + "…]"
	case reflect.Array:
		return "[" + strings.Repeat(s.typeOf(t.Elem())+", ", t.Len()-1) + s.typeOf(t.Elem()) + "]"
	case reflect.Map:
		return "{" + s.typeOf(t.Key()) + ": " + s.typeOf(t.Elem()) + "}"
	case reflect.Struct:
		if _, done := s.Parts[t.Name()]; !done {
			s.Parts[t.Name()] = nil
			s.Parts[t.Name()] = s.fields(t)
		}
		return t.Name()
	}
	panic(fmt.Sprintf("a %s does not travel", t))
}
