package rows

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

type csvReader struct {
	r      *csv.Reader
	names  []string
	quoted [][]byte // the names as JSON
	types  []Type
	ids    *identifier
	buf    []byte
	number int64
}

func newCSVReader(r io.Reader, o Options) (*csvReader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	if bom, err := b.Peek(3); err == nil && string(bom) == "\xef\xbb\xbf" {
		b.Discard(3)
	}
	c := &csvReader{r: csv.NewReader(b), ids: newIdentifier(o.Identity)}
	header, err := c.r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: want a first line with the names of the fields")
	}
	if err != nil {
		return nil, fmt.Errorf("line 1, the names of the fields: %w", err)
	}
	known := map[string]bool{}
	for i, name := range header {
		switch {
		case name == "":
			return nil, fmt.Errorf("line 1: field %d has no name", i+1)
		case !utf8.ValidString(name):
			return nil, fmt.Errorf("line 1: the name of field %d is not UTF-8", i+1)
		case known[name]:
			return nil, fmt.Errorf("line 1: two fields are named %q", name)
		}
		known[name] = true
		quoted, _ := jsontext.AppendQuote(nil, name)
		t := o.Types[name]
		if t == "" {
			t = String
		}
		c.names, c.quoted, c.types = append(c.names, name), append(c.quoted, quoted), append(c.types, t)
	}
	for name := range o.Types {
		if !known[name] {
			return nil, fmt.Errorf("there is no field %q that could have a type: line 1 names %q", name, header)
		}
	}
	if f := o.Identity.Field; o.Identity.Template == "" && !known[f] {
		return nil, fmt.Errorf("there is no field %q to hold the id: line 1 names %q", f, header)
	}
	c.r.ReuseRecord = true
	return c, nil
}

// Next implements Reader.
func (c *csvReader) Next() (Row, error) {
	cells, err := c.r.Read()
	var parse *csv.ParseError
	if err != nil && !errors.As(err, &parse) {
		return Row{}, err
	}
	c.number++
	row := Row{Number: c.number}
	if parse != nil {
		row.Line = parse.StartLine
		if row.Err = parse.Err; errors.Is(parse.Err, csv.ErrFieldCount) {
			row.Err = fmt.Errorf("it has %d fields, the first line %d", len(cells), len(c.names))
		}
		return row, nil
	}
	row.Line, _ = c.r.FieldPos(0)
	object, err := c.object(cells)
	if err != nil {
		row.Err = err
		return row, nil
	}
	row.ID, row.Value, row.Err = c.ids.split(c.number, object)
	return row, nil
}

// object makes a JSON object of cells, valid until the next call.
func (c *csvReader) object(cells []string) ([]byte, error) {
	b := append(c.buf[:0], '{')
	for i, cell := range cells {
		if cell == "" && c.types[i] != String {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(b, c.quoted[i]...), ':')
		bad := func(what string) error { return fmt.Errorf("field %q: %.80q is not %s", c.names[i], cell, what) }
		switch c.types[i] {
		case Number:
			v := jsontext.Value(cell)
			if v.Kind() != '0' || !v.IsValid() {
				// What spreadsheets write: +1, .5, 007. JSON has no such form.
				f, err := strconv.ParseFloat(cell, 64)
				if err != nil || f-f != 0 {
					return nil, bad("a number")
				}
				v = strconv.AppendFloat(nil, f, 'g', -1, 64)
			}
			b = append(b, v...)
		case Boolean:
			v, err := strconv.ParseBool(cell)
			if err != nil {
				return nil, bad("a boolean (true or false)")
			}
			b = strconv.AppendBool(b, v)
		case Any:
			if !jsontext.Value(cell).IsValid() {
				return nil, bad("JSON")
			}
			b = append(b, cell...)
		default:
			var err error
			if b, err = jsontext.AppendQuote(b, cell); err != nil {
				return nil, bad("UTF-8")
			}
		}
	}
	c.buf = append(b, '}')
	return c.buf, nil
}
