package wire_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

func seq(n space.Seq) *space.Seq { return &n }

// clientMessages are one or more of each kind, as they travel.
var clientMessages = []struct {
	text string
	want wire.ClientMessage
}{
	{`{"t":"hello","v":[1,2],"user":"ada","agent":"x/1","token":"s"}`, &wire.Hello{V: []int{1, 2}, User: "ada", Agent: "x/1", Token: "s"}},
	{`{"v":[],"t":"hello"}`, &wire.Hello{V: []int{}}},
	{` { "t" : "close" , "space" : "a/b" } `, &wire.Close{Space: "a/b"}},
	{`{"t":"check","space":"a"}`, &wire.Check{Space: "a"}},
	{`{"t":"ping"}`, &wire.Ping{}},
	{`{"\u0074":"po\u006eg"}`, &wire.Pong{}},
	{
		`{"t":"open","space":"a","client":"0123456789abcdef","acked":41,"view":[{"in":"c"},{"in":"p","where":{"a":{"$gt":1.5}}}],"cursor":"0","was":[],"presence":true}`,
		&wire.Open{Space: "a", Client: "0123456789abcdef", Acked: 41, View: space.View{{In: "c"}, {In: "p", Where: jsontext.Value(`{"a":{"$gt":1.5}}`)}}, Cursor: "0", Was: space.View{}, Presence: true},
	},
	{
		`{"t":"push","space":"a","muts":[{"id":9007199254740991,"ops":[{"op":"put","in":"c","id":"i\u00fc\ud83c\udf89","value":{"b": 1e999}},{"op":"patch","in":"c","id":"j","patch":{"$inc":{"n":1}},"if":0},{"op":"delete","in":"c","id":"k","if":7},{"op":"other","in":"","id":""}]},{"ops":[],"reads":{"at":118,"keys":[["c","x"]],"where":[{"in":"c"}]}}]}`,
		&wire.Push{Space: "a", Mutations: []space.Mutation{
			{ID: 1<<53 - 1, Ops: []space.Op{
				{Op: "put", In: "c", ID: "iü🎉", Value: jsontext.Value(`{"b": 1e999}`)},
				{Op: "patch", In: "c", ID: "j", Patch: jsontext.Value(`{"$inc":{"n":1}}`), If: seq(0)},
				{Op: "delete", In: "c", ID: "k", If: seq(7)},
				{Op: "other"},
			}},
			{Ops: []space.Op{}, Reads: &space.Reads{At: 118, Keys: []space.KeyPair{{"c", "x"}}, Where: space.View{{In: "c"}}}},
		}},
	},
	{
		`{"t":"push","space":"a","muts":[{"id":1,"call":"close","args":{"b": [1e999]}},{"args":null,"call":"x","reads":{"at":1}},{"call":""}]}`,
		&wire.Push{Space: "a", Mutations: []space.Mutation{
			{ID: 1, Call: "close", Args: jsontext.Value(`{"b": [1e999]}`)},
			{Call: "x", Args: jsontext.Value(`null`), Reads: &space.Reads{At: 1}},
			{},
		}},
	},
	{`{"t":"push","space":"a","muts":[]}`, &wire.Push{Space: "a", Mutations: []space.Mutation{}}},
	{`{"space":"a","state":null,"t":"presence"}`, &wire.Presence{Space: "a", State: jsontext.Value(`null`)}},
	{`{"t":"cast","space":"a","topic":"x","data":[1,"\u2028",{"a":{},"b":-0.5e-3}]}`, &wire.Cast{Space: "a", Topic: "x", Data: jsontext.Value(`[1,"\u2028",{"a":{},"b":-0.5e-3}]`)}},
	{`{"t":"cast","space":"a","topic":"x"}`, &wire.Cast{Space: "a", Topic: "x"}},
}

func setType(m wire.ClientMessage) wire.ClientMessage {
	wire.Encode(m) // sets it
	return m
}

func TestDecodeClient(t *testing.T) {
	for _, c := range clientMessages {
		data := []byte(c.text)
		got, err := wire.DecodeClient(data, wire.DefaultLimits)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		clear(data) // carriers use their buffers again
		if want := setType(c.want); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %#v\nwant %#v", c.text, got, want)
		}
	}
}

// TestDecodeClientRefuses: each of these would otherwise mean one thing here and
// another elsewhere, or nothing at all.
func TestDecodeClientRefuses(t *testing.T) {
	op := func(rest string) string {
		return `{"t":"push","space":"a","muts":[{"id":1,"ops":[{"op":"put","in":"c","id":"x"` + rest + `}]}]}`
	}
	for _, c := range []struct{ what, text string }{
		{"nothing", ``},
		{"no JSON", `binary`},
		{"a cut message", `{"t":"ping"`},
		{"not an object", `["t","ping"]`},
		{"not an object", `null`},
		{"no type", `{}`},
		{"no type", `{"space":"a"}`},
		{"unknown type", `{"t":"welcome"}`},
		{"unknown type", `{"t":""}`},
		{"type in capitals", `{"t":"Ping"}`},
		{"name in capitals", `{"T":"ping"}`},
		{"type no string", `{"t":1}`},
		{"type null", `{"t":null}`},
		{"type twice", `{"t":"ping","t":"ping"}`},
		{"type twice", `{"t":"ping","\u0074":"pong"}`},
		{"trailing data", `{"t":"ping"}{"t":"ping"}`},
		{"trailing data", `{"t":"ping"} x`},
		{"trailing NUL", "{\"t\":\"ping\"}\x00"},
		{"comma", `{"t":"ping",}`},
		{"comma", `{,"t":"ping"}`},
		{"byte order mark", "\ufeff{\"t\":\"ping\"}"},
		{"unknown name", `{"t":"ping","x":1}`},
		{"unknown name", op(`,"values":{}`)},
		{"name of another message", `{"t":"ping","space":"a"}`},
		{"missing name", `{"t":"check"}`},
		{"missing name", `{"t":"hello"}`},
		{"missing name", `{"t":"push","space":"a"}`},
		{"missing name", `{"t":"push","space":"a","muts":[{"id":1}]}`},
		{"missing name", `{"t":"push","space":"a","muts":[{"ops":[{"op":"put","in":"c"}]}]}`},
		{"ops and call", `{"t":"push","space":"a","muts":[{"ops":[],"call":"x"}]}`},
		{"args of no call", `{"t":"push","space":"a","muts":[{"ops":[],"args":{}}]}`},
		{"args alone", `{"t":"push","space":"a","muts":[{"args":{}}]}`},
		{"call twice", `{"t":"push","space":"a","muts":[{"call":"x","call":"x"}]}`},
		{"call no string", `{"t":"push","space":"a","muts":[{"call":1}]}`},
		{"call null", `{"t":"push","space":"a","muts":[{"call":null}]}`},
		{"name twice in args", `{"t":"push","space":"a","muts":[{"call":"x","args":{"a":1,"a":1}}]}`},
		{"surrogate in args", `{"t":"push","space":"a","muts":[{"call":"x","args":["\ud800"]}]}`},
		{"name twice", op(`,"value":{},"value":{}`)},
		{"name twice in a record", op(`,"value":{"a":1,"a":1}`)},
		{"name twice, deep", op(`,"value":{"x":[{"b":1,"a":1,"b":2}]}`)},
		{"name twice by escape", op(`,"value":{"a":1,"\u0061":2}`)},
		{"bad UTF-8", "{\"t\":\"check\",\"space\":\"\xff\"}"},
		{"bad UTF-8 in a record", op(",\"value\":{\"a\":\"\xc3\"}")},
		{"surrogate in UTF-8", op(",\"value\":{\"a\":\"\xed\xa0\x80\"}")},
		{"lone surrogate", op(`,"value":{"a":"\ud800"}`)},
		{"lone low surrogate", op(`,"value":{"a":"\udc00"}`)},
		{"surrogates in disorder", op(`,"value":{"a":"\udc00\ud800"}`)},
		{"surrogate and no other", op(`,"value":{"a":"\ud800\u0041"}`)},
		{"lone surrogate in a name", op(`,"value":{"\ud800":1}`)},
		{"control character", "{\"t\":\"check\",\"space\":\"a\n\"}"},
		{"unknown escape", `{"t":"check","space":"\a"}`},
		{"short escape", `{"t":"check","space":"\u00"}`},
		{"null", `{"t":"check","space":null}`},
		{"null", `{"t":"push","space":"a","muts":null}`},
		{"null", `{"t":"push","space":"a","muts":[null]}`},
		{"null", op(`,"if":null`)},
		{"null", `{"t":"open","space":"a","client":null}`},
		{"null", `{"t":"open","space":"a","view":null}`},
		{"null", `{"t":"open","space":"a","presence":null}`},
		{"null", `{"t":"open","space":"a","view":[{"in":"c","where":null}]}`},
		{"null", `{"t":"push","space":"a","muts":[{"ops":[],"reads":null}]}`},
		{"wrong type", `{"t":"check","space":1}`},
		{"wrong type", `{"t":"open","space":"a","acked":"1"}`},
		{"wrong type", `{"t":"open","space":"a","presence":1}`},
		{"wrong type", op(`,"if":true`)},
		{"wrong type", `{"t":"open","space":"a","view":{}}`},
		{"wrong type", `{"t":"hello","v":1}`},
		{"wrong type", `{"t":"open","space":"a","view":[{"in":"c","where":[]}]}`},
		{"a fraction", op(`,"if":1.0`)},
		{"an exponent", op(`,"if":1e3`)},
		{"negative", op(`,"if":-1`)},
		{"leading zero", op(`,"if":01`)},
		{"beyond 2^53", op(`,"if":9007199254740992`)},
		{"beyond 2^64", op(`,"if":18446744073709551617`)},
		{"beyond 2^53", `{"t":"open","space":"a","acked":9007199254740992}`},
		{"no number", op(`,"value":{"a":01}`)},
		{"no number", op(`,"value":{"a":1.}`)},
		{"no number", op(`,"value":{"a":.5}`)},
		{"no number", op(`,"value":{"a":+1}`)},
		{"no number", op(`,"value":{"a":1e}`)},
		{"no number", op(`,"value":{"a":-}`)},
		{"no number", op(`,"value":{"a":NaN}`)},
		{"no number", op(`,"value":{"a":0x1}`)},
		{"a number that is not finite", `{"t":"presence","space":"a","state":{"x":1e999}}`},
		{"a number beyond 2^53", `{"t":"cast","space":"a","topic":"","data":9007199254740993}`},
		{"key of one", `{"t":"push","space":"a","muts":[{"ops":[],"reads":{"at":1,"keys":[["c"]]}}]}`},
		{"key of three", `{"t":"push","space":"a","muts":[{"ops":[],"reads":{"at":1,"keys":[["c","d","e"]]}}]}`},
		{"no colon", `{"t":"check","space" "a"}`},
		{"single quotes", `{'t':'ping'}`},
		{"literal", `{"t":"open","space":"a","presence":tru}`},
		{"comment", `{"t":"ping"/**/}`},
	} {
		m, err := wire.DecodeClient([]byte(c.text), wire.DefaultLimits)
		var e *wire.Error
		if !errors.As(err, &e) || e.Code != wire.CodeMalformed || m != nil {
			t.Errorf("%s: %s: %v, %v", c.what, c.text, m, err)
		} else if len(e.Message) > 300 {
			t.Errorf("%s: a message of %d bytes", c.what, len(e.Message))
		}
	}
}

// TestDecodeClientBounds what it takes, and says which limit was passed.
func TestDecodeClientBounds(t *testing.T) {
	limits := wire.DefaultLimits
	limits.Message, limits.Depth = 4096, 32
	cast := func(data string) string { return `{"t":"cast","space":"a","topic":"","data":` + data + `}` }
	long := func(n int) string {
		head := cast(`""`)
		return head[:len(head)-2] + strings.Repeat("x", n-len(head)) + head[len(head)-2:]
	}
	deep := func(n int) string { return cast(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	const most = 32 + 24 - 1 // with what the protocol's own nesting may take
	for _, c := range []struct{ what, text, code, limit string }{
		{"message at the limit", long(4096), "", ""},
		{"message over the limit", long(4097), wire.CodeMessageTooLarge, "message"},
		{"depth at the limit", deep(most), "", ""},
		{"depth over the limit", deep(most + 1), wire.CodeTooDeep, "depth"},
		{"far too deep", deep(2000), wire.CodeTooDeep, "depth"},
		{"deep before the type", `{"x":` + strings.Repeat("[", 2000), wire.CodeTooDeep, "depth"},
	} {
		_, err := wire.DecodeClient([]byte(c.text), limits)
		var e *wire.Error
		if errors.As(err, &e); c.code == "" && err != nil || c.code != "" && (e == nil || e.Code != c.code || e.Limit != c.limit) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// TestManyNames: an object of very many names, in no order, takes no quadratic time.
func TestManyNames(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"t":"cast","space":"a","topic":"","data":{`)
	for i := 60_000; i > 0; i-- {
		fmt.Fprintf(&b, `"%d":0,`, i)
	}
	b.WriteString(`"0":0`)
	if _, err := wire.DecodeClient([]byte(b.String()+"}}"), wire.DefaultLimits); err != nil {
		t.Error(err)
	}
	if _, err := wire.DecodeClient([]byte(b.String()+`,"31":0}}`), wire.DefaultLimits); err == nil {
		t.Error("a name twice among many is not noticed")
	}
}

func TestDecodePushRequest(t *testing.T) {
	got, err := wire.DecodePushRequest([]byte(`{"client":"0123456789abcdef","muts":[{"ops":[{"op":"delete","in":"c","id":"x","if":3}]}]}`), wire.DefaultLimits)
	want := &wire.PushRequest{Client: "0123456789abcdef", Mutations: []space.Mutation{{Ops: []space.Op{{Op: "delete", In: "c", ID: "x", If: seq(3)}}}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{``, `{}`, `{"client":"x"}`, `{"muts":[],"x":1}`, `{"muts":[{"ops":[{"op":"delete","in":"c","id":"x","if":null}]}]}`, `{"muts":[]}x`} {
		if _, err := wire.DecodePushRequest([]byte(text), wire.DefaultLimits); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

// TestDecodeServerIsLenient: newer servers may say more.
func TestDecodeServerIsLenient(t *testing.T) {
	for text, want := range map[string]wire.ServerMessage{
		`{"t":"ping","new":{"a":[1]}}`:                          &wire.Ping{T: "ping"},
		`{"new":1,"t":"closed","space":"a"}`:                    &wire.Closed{T: "closed", Space: "a"},
		`{"t":"yodel","space":"a"}`:                             nil,
		`{"t":"error","code":"novel","message":"m","hint":"h"}`: &wire.Error{T: "error", Code: "novel", Message: "m"},
	} {
		if got, err := wire.DecodeServer([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v", text, got, err)
		}
	}
	for _, text := range []string{``, `{`, `[]`, `{"t":1}`, `{"t":"ping","t":"ping"}`, `{"t":"closed","space":1}`, "{\"t\":\"closed\",\"space\":\"\xff\"}", `{"t":"diff","put":[["c","x",-1,{}]]}`, `{"t":"diff","put":[["c","x",1,[]]]}`, `{"t":"diff","from":"x"}`} {
		var e *wire.Error
		if m, err := wire.DecodeServer([]byte(text)); !errors.As(err, &e) || e.Code != wire.CodeMalformed {
			t.Errorf("%s: %v, %v", text, m, err)
		}
	}
}

// byReflection is the judge of the fuzz test: package json reading the structs.
func byReflection(text []byte) (wire.ClientMessage, error) {
	var kind struct {
		T string `json:"t"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return nil, err
	}
	messages := map[string]wire.ClientMessage{
		"hello": &wire.Hello{}, "open": &wire.Open{}, "close": &wire.Close{}, "push": &wire.Push{}, "presence": &wire.Presence{},
		"cast": &wire.Cast{}, "check": &wire.Check{}, "ping": &wire.Ping{}, "pong": &wire.Pong{},
	}
	m := messages[kind.T]
	if m == nil {
		return nil, fmt.Errorf("no message type %q", kind.T)
	}
	return m, json.Unmarshal(text, m, json.RejectUnknownMembers(true))
}

// FuzzDecodeClient holds the hand-written decoder to package json: what it takes,
// that takes, too, and reads alike; what it refuses, that refuses, too, but for
// the things in which this protocol is stricter.
func FuzzDecodeClient(f *testing.F) {
	for _, c := range clientMessages {
		f.Add([]byte(c.text))
	}
	f.Add([]byte(benchPush))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := wire.DecodeClient(text, wire.DefaultLimits)
		want, wantErr := byReflection(text)
		switch {
		case err == nil && wantErr != nil:
			t.Errorf("%q is taken; package json says %v", text, wantErr)
		case err == nil && !reflect.DeepEqual(got, want):
			t.Errorf("%q\n got %#v\nwant %#v", text, got, want)
		case err != nil && wantErr == nil && !stricter(err):
			t.Errorf("%q is refused: %v", text, err)
		}
	})
}

func stricter(err error) bool {
	for _, why := range []string{"is missing", "want ", "a number beyond", "too_deep", "selector is an object", "message_too_large", "either ops or call"} {
		if strings.Contains(err.Error(), why) {
			return true
		}
	}
	return false
}

func FuzzDecodeServer(f *testing.F) {
	for _, text := range []string{
		`{"t":"diff","space":"a","view":"v","from":"0","to":"0","reset":true,"put":[["c","x",1,{"a":1}]],"del":[["c","y"]],"count":1,"sum":"00"}`,
		`{"t":"ack","space":"a","outcomes":[{"id":1,"outcome":"applied","seq":2}]}`, `{"t":"opened","space":"a","head":"0","last":0,"fork":3}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := wire.DecodeServer(text)
		if err != nil || m == nil {
			return
		}
		again, err := wire.DecodeServer(wire.Encode(m))
		if err != nil || string(wire.Encode(again)) != string(wire.Encode(m)) {
			t.Errorf("%q is read as %#v, which is written as %s: %v", text, m, wire.Encode(m), err)
		}
	})
}
