package wire_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// weird are ids that an encoder written by hand could get wrong.
var weird = []string{`"`, `\`, `\"`, "a/b", "<script>&", "\u2028\u2029", "ünï 🎉", "\u0080", "\ufffd", "null", "]}", " "}

func cursor(n space.Seq) space.Cursor {
	return space.Cursor{Seq: n, Digest: space.Digest{byte(n), 0xff}}
}

// TestDiffWriter writes by hand what Encode writes by reflection.
func TestDiffWriter(t *testing.T) {
	for _, shape := range []struct {
		name              string
		drops, puts, dels int
		reset, more, last bool
	}{
		{name: "empty"},
		{name: "one put", puts: 1},
		{name: "one del", dels: 1},
		{name: "many", puts: len(weird), dels: len(weird)},
		{name: "more", puts: 2, more: true},
		{name: "one drop", drops: 1},
		{name: "drops and rows", drops: len(weird), puts: 2, dels: 2, more: true},
		{name: "reset", reset: true, puts: 3, last: true},
		{name: "empty reset", reset: true, last: true},
		{name: "first part of a reset", reset: true, puts: 1, more: true},
	} {
		want := &wire.Diff{T: "diff", Space: "team/alpha", View: "9f86", From: cursor(3), To: cursor(9), Reset: shape.reset, More: shape.more}
		w := wire.NewDiffWriter("team/alpha", "9f86", want.From, want.To, shape.reset)
		var sum wire.Sum
		for i := range shape.drops {
			part := space.Part{In: "cards"}
			if i > 0 {
				part.Where = jsontext.Value(`{"a\\.b":"` + "\u2028" + `"}`)
			}
			want.Drop = append(want.Drop, part)
		}
		w.Drop(want.Drop)
		for i := range shape.puts {
			row := wire.Row{Key: space.Key{Collection: "cards", ID: weird[i]}, Version: space.Seq(i + 1), Value: jsontext.Value("{\"a\":\"\u2028\"}")}
			want.Put = append(want.Put, row)
			w.Put(row.Key, row.Version, row.Value)
			sum.Add(row.Key, row.Version)
		}
		for i := range shape.dels {
			key := space.Key{Collection: "cards", ID: weird[i]}
			want.Del = append(want.Del, key.Pair())
			w.Del(key)
		}
		if w.Empty() != (shape.drops+shape.puts+shape.dels == 0) {
			t.Errorf("%s: Empty is %v", shape.name, w.Empty())
		}
		size := w.Size()
		var frame []byte
		if shape.last {
			count := shape.puts
			want.Count, want.Sum = &count, sum.String()
			frame = w.FinishReset(sum)
		} else {
			frame = w.Finish(shape.more)
		}
		got, err := wire.DecodeServer(frame)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s\n got %+v\nwant %+v\n%v", shape.name, frame, got, want, err)
		}
		if again, err := wire.DecodeServer(wire.Encode(want)); err != nil || !reflect.DeepEqual(again, want) {
			t.Errorf("%s by reflection: %+v, %v", shape.name, again, err)
		}
		if len(frame) > 2*size+200 {
			t.Errorf("%s: %d bytes, but Size said %d", shape.name, len(frame), size)
		}
	}
}

func TestAppendAck(t *testing.T) {
	outcomes := []space.Outcome{
		{ID: 1, Kind: space.Applied, Seq: 5},
		{ID: 2, Kind: space.Rejected, Seq: 6, Code: space.CodeStale, Path: "ops[0].if", Message: `"<\u2028`, Current: &space.Current{In: "c", ID: weird[2], Version: 3, Value: jsontext.Value(`{}`)}},
		{ID: 3, Kind: space.Duplicate},
		{ID: 4, Kind: space.Quarantined, Seq: 7, Code: "quarantined", Message: "m"},
		{ID: 5, Kind: space.RetryAfter, RetryMS: 100},
		{ID: 6, Kind: space.Applied, Seq: space.MaxSeq},
	}
	for n := range len(outcomes) + 1 {
		want := &wire.Ack{T: "ack", Space: "team/alpha", Outcomes: outcomes[:n]}
		frame := wire.AppendAck([]byte("x"), "team/alpha", outcomes[:n])
		got, err := wire.DecodeServer(frame[1:])
		if err != nil || string(wire.Encode(got)) != string(wire.Encode(want)) {
			t.Errorf("%s\n got %s\nwant %s\n%v", frame, wire.Encode(got), wire.Encode(want), err)
		}
	}
}

// TestEncodeNeverPanics on text that came from a disk, a header or a panic.
func TestEncodeNeverPanics(t *testing.T) {
	for _, m := range []any{
		&wire.Error{Code: "x", Message: "\xff"}, &wire.Opened{Space: "a", Outcomes: []space.Outcome{{Message: "a\xc3"}}}, &wire.Present{Peers: []wire.Peer{{User: "\xff"}}},
	} {
		if _, err := wire.DecodeServer(wire.Encode(m)); err != nil {
			t.Error(err)
		}
	}
	if _, err := wire.DecodeServer(wire.AppendAck(nil, "a", []space.Outcome{{Kind: space.Rejected, Message: "\xff"}})); err != nil {
		t.Error(err)
	}
}

// TestEncodeKeepsZero where zero says something that nothing does not.
func TestEncodeKeepsZero(t *testing.T) {
	zero := space.Seq(0)
	m, err := wire.DecodeClient(wire.Encode(&wire.Push{Space: "a", Mutations: []space.Mutation{{Ops: []space.Op{{Op: "delete", In: "c", ID: "x", If: &zero}}}}}), wire.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.(*wire.Push).Mutations[0].Ops[0].If; got == nil || *got != 0 {
		t.Errorf("if: 0 is read as %v", got)
	}
	count := 0
	for _, want := range []wire.ServerMessage{&wire.Opened{T: "opened", Space: "a", Fork: &zero}, &wire.Diff{T: "diff", Space: "a", Count: &count}} {
		if got, err := wire.DecodeServer(wire.Encode(want)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %s, %v", wire.Encode(want), wire.Encode(got), err)
		}
	}
}

// TestLeasesTravel with the scope, and cost nothing where there are none.
func TestLeasesTravel(t *testing.T) {
	leases := map[string]int64{"cards": 3_600_000, "a": 1000, "notes": 60_000}
	from := space.Cursor{Seq: 1, Digest: space.Digest{1}}
	for _, last := range []func(*wire.DiffWriter) []byte{
		func(w *wire.DiffWriter) []byte { return w.Finish(false) },
		func(w *wire.DiffWriter) []byte { return w.FinishReset(wire.Sum{}) },
	} {
		w := wire.NewDiffWriter("team/alpha", "v", from, from, false)
		w.Scope, w.Leases = "s", leases
		m, err := wire.DecodeServer(last(w))
		if err != nil || !reflect.DeepEqual(m.(*wire.Diff).Leases, leases) {
			t.Errorf("%+v, %v", m, err)
		}
		w = wire.NewDiffWriter("team/alpha", "v", from, from, false)
		w.Scope = "s"
		if text := last(w); strings.Contains(string(text), "leases") {
			t.Errorf("%s", text)
		}
	}
	w := wire.NewDiffWriter("team/alpha", "v", from, from, false)
	w.Scope, w.Leases = "s", leases
	if text := w.Finish(true); strings.Contains(string(text), "leases") {
		t.Errorf("in a part that is not the last: %s", text)
	}
	opened := &wire.Opened{T: "opened", Space: "a", Scope: "s", Leases: leases}
	text := wire.Encode(opened)
	if m, err := wire.DecodeServer(text); err != nil || !reflect.DeepEqual(m, opened) || string(wire.Encode(opened)) != string(text) {
		t.Errorf("%s is read as %+v, %v", text, m, err)
	}
	if text := wire.Encode(&wire.Opened{Space: "a", Scope: "s"}); strings.Contains(string(text), "leases") {
		t.Errorf("%s", text)
	}
}
