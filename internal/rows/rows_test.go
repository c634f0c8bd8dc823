package rows

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// render reads all rows and writes one line about each, then the end.
func render(format Format, input string, o Options) string {
	if o.Identity.Field == "" {
		o.Identity.Field = "id"
	}
	// One byte at a time, so that every buffer is seen to be refilled.
	r, err := NewReader(format, oneByte{strings.NewReader(input)}, o)
	if err != nil {
		return "no reader: " + err.Error()
	}
	var b strings.Builder
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			return b.String() + "end: " + err.Error() + "\n"
		}
		fmt.Fprintf(&b, "%d@%d ", row.Number, row.Line)
		if row.Err != nil {
			fmt.Fprintf(&b, "! %v\n", row.Err)
		} else {
			fmt.Fprintf(&b, "%s %s\n", row.ID, row.Value)
		}
	}
}

type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

func TestReaders(t *testing.T) {
	types := map[string]Type{"n": Number, "b": Boolean, "j": Any}
	tests := []struct {
		name   string
		format Format
		o      Options
		input  string
		want   string
	}{
		{"ndjson", NDJSON, Options{}, "{\"id\":\"a\",\"x\":1}\n\n{\"x\":{\"id\":2},\"id\":7}\r\n{\"id\":\"c\"}", "1@1 a {\"x\":1}\n2@3 7 {\"x\":{\"id\":2}}\n3@4 c {}\n"},
		{"ndjson keeps", NDJSON, Options{Identity: Identity{Field: "k", Keep: true}}, `{"x":1,"k":"a"}`, "1@1 a {\"x\":1,\"k\":\"a\"}\n"},
		{"ndjson middle", NDJSON, Options{}, `{"x":1,"id":"a","y":2}`, "1@1 a {\"x\":1,\"y\":2}\n"},
		{"escaped name", NDJSON, Options{}, `{"\u0069d":"a"}`, "1@1 a {}\n"},
		{"bad lines", NDJSON, Options{}, "{\"id\":\"a\"\n[1]\n{\"x\":1}\n{\"id\":\"a\",\"id\":\"b\"}\n{\"id\":1.5}\n{\"id\":\"\"}\n{\"id\":\"a\"} 1\n{\"id\":\"\xff\"}\n", `1@1 ! not JSON, behind byte 9: unexpected EOF
2@2 ! want a JSON object, not an array
3@3 ! it has no field "id" to be its id
4@4 ! not JSON, behind byte 10: duplicate object member name
5@5 ! field "id": an id is a string or a whole number
6@6 ! id name "": is empty
7@7 ! something follows the object
8@8 ! not JSON, behind byte 7: invalid UTF-8
`},
		{"template", NDJSON, Options{Identity: Identity{Template: "{c}-{#}"}}, "{\"c\":\"x\"}\n{\"c\":[]}\n{\"c\":\"y\"}\n", "1@1 x-1 {\"c\":\"x\"}\n2@2 ! it has no field \"c\", a string, number or boolean, for the id template\n3@3 y-3 {\"c\":\"y\"}\n"},
		{"bad template", NDJSON, Options{Identity: Identity{Template: "a{"}}, "", `no reader: id template "a{": want {field} or {#} in it`},
		{"constant template", NDJSON, Options{Identity: Identity{Template: "a"}}, "", `no reader: id template "a": it has no {field} or {#}, so all rows would have one id`},
		{"json", JSON, Options{}, "[\n {\"id\":\"a\"},\n {\"id\":\"b\",\n\"x\":1}, 5,\n{\"id\":\"c\",\"id\":\"d\"},{\"id\":\"e\"}]\n", "1@2 a {}\n2@3 b {\"x\":1}\n3@4 ! want a JSON object, not a number\n4@5 ! not JSON, behind byte 10: duplicate object member name\n5@5 e {}\n"},
		{"json empty", JSON, Options{}, " [ ] ", ""},
		{"json no array", JSON, Options{}, "\n{\"id\":\"a\"}", "end: line 1: want an array of objects, not something else; if each line is an object the format is ndjson\n"},
		{"json broken", JSON, Options{}, "[\n{\"id\":\"a\"},\n{\"id\":]", "1@2 a {}\nend: line 3: not JSON, and nothing after it can be read: invalid character ']' at start of value\n"},
		{"json cut", JSON, Options{}, "[{\"id\":\"a\"},", "1@1 a {}\nend: line 1: not JSON, and nothing after it can be read: unexpected EOF\n"},
		{"json trailing", JSON, Options{}, "[]\n[]", "end: line 2: something follows the array\n"},
		{"json nothing", JSON, Options{}, "", "end: line 1: the file ends within the array\n"},
		{"csv", CSV, Options{Types: types}, "\xef\xbb\xbfid,n,b,j,s\na,1,true,[1],x\nb,,,,\nc,+.5,0,null,\"q\nr\"\nd,1e,t,{},\ne,1,maybe,1,\nf,1,true,{,\ng\nh,NaN,,,\n", `1@2 a {"n":1,"b":true,"j":[1],"s":"x"}
2@3 b {"s":""}
3@4 c {"n":0.5,"b":false,"j":null,"s":"q\nr"}
4@6 ! field "n": "1e" is not a number
5@7 ! field "b": "maybe" is not a boolean (true or false)
6@8 ! field "j": "{" is not JSON
7@9 ! it has 1 fields, the first line 5
8@10 ! field "n": "NaN" is not a number
`},
		{"csv quotes", CSV, Options{}, "id,x\na,b\"c\nd,e\n", "1@2 ! bare \" in non-quoted-field\n2@3 d {\"x\":\"e\"}\n"},
		{"csv twice", CSV, Options{}, "id,x,x\n", `no reader: line 1: two fields are named "x"`},
		{"csv no id", CSV, Options{}, "a,b\n", `no reader: there is no field "id" to hold the id: line 1 names ["a" "b"]`},
		{"csv no such type", CSV, Options{Types: types}, "id,n,b\n", `no reader: there is no field "j" that could have a type: line 1 names ["id" "n" "b"]`},
		{"csv empty", CSV, Options{}, "", "no reader: the file is empty: want a first line with the names of the fields"},
		{"types", JSON, Options{Types: types}, "", "no reader: json says itself of what type its fields are: types are for csv"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := render(tt.format, tt.input, tt.o); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// TestRoundTrip: what a Writer writes a Reader reads.
func TestRoundTrip(t *testing.T) {
	entries := [][2]string{{"a", `{"n":1,"s":"x,\"y\"\nz"}`}, {"ü/1", `{"s":""}`}, {"c", `{"j":{"a":[1,null]},"s":"ß"}`}}
	types := map[string]Type{"n": Number, "j": Any}
	for _, format := range []Format{NDJSON, JSON, CSV} {
		var file bytes.Buffer
		w, err := NewWriter(format, &file, "key", []string{"j", "n", "s"})
		if err != nil {
			t.Fatal(err)
		}
		var want strings.Builder
		for i, e := range entries {
			if err := w.Write(e[0], jsontext.Value(e[1])); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&want, "%d %s %s\n", i+1, e[0], e[1])
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		o := Options{Identity: Identity{Field: "key"}}
		if format == CSV {
			o.Types = types
		}
		r, err := NewReader(format, &file, o)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for {
			row, err := r.Next()
			if err != nil {
				break
			}
			fmt.Fprintf(&got, "%d %s %s%v\n", row.Number, row.ID, row.Value, map[bool]any{true: "", false: row.Err}[row.Err == nil])
		}
		if got.String() != want.String() {
			t.Errorf("%s: got\n%s\nwant\n%s", format, got.String(), want.String())
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	w, _ := NewWriter(NDJSON, io.Discard, "id", nil)
	if err := w.Write("a", jsontext.Value(`{"id":"b"}`)); err == nil || !strings.Contains(err.Error(), "--id") {
		t.Errorf("error %v", err)
	}
	if err := w.Write("7", jsontext.Value(`{"id":7}`)); err != nil {
		t.Error(err)
	}
	w, _ = NewWriter(CSV, io.Discard, "id", []string{"x"})
	if err := w.Write("a", jsontext.Value(`{"y":1}`)); err == nil {
		t.Error("a field without a column was written")
	}
}

func TestLongLine(t *testing.T) {
	input := `{"id":"a","x":"` + strings.Repeat("x", MaxRow) + "\"}\n{\"id\":\"b\"}\n"
	r, err := NewReader(NDJSON, strings.NewReader(input), Options{Identity: Identity{Field: "id"}})
	if err != nil {
		t.Fatal(err)
	}
	if row, err := r.Next(); err != nil || row.Err == nil {
		t.Errorf("row %v, %v", row.Err, err)
	}
	if row, err := r.Next(); err != nil || row.ID != "b" || row.Line != 2 {
		t.Errorf("row %+v, %v", row, err)
	}
}

func BenchmarkNDJSON(b *testing.B) {
	line := []byte(`{"id":"123456","name":"Sant Julià de Lòria","lat":"42.46372","lng":"1.49129","country":"AD","admin1":"06","admin2":""}` + "\n")
	b.SetBytes(int64(len(line)))
	r, _ := NewReader(NDJSON, repeat{line, new(int), new(int), b.N}, Options{Identity: Identity{Field: "id"}})
	for b.Loop() {
		r.Next()
	}
}

type repeat struct {
	line    []byte
	at, num *int
	max     int
}

func (r repeat) Read(p []byte) (int, error) {
	n := copy(p, r.line[*r.at:])
	*r.at = (*r.at + n) % len(r.line)
	return n, nil
}
