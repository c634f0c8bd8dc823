package rows

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// A Writer writes rows. Close writes what is left; it does not close the file.
type Writer interface {
	Write(id string, record jsontext.Value) error
	Close() error
}

// NewWriter writes rows to w, each with its id in the field idField. A record
// that has such a field already is refused, unless it holds the id. csv needs
// the other fields' names, in order; what a record has beside them is refused.
func NewWriter(format Format, w io.Writer, idField string, columns []string) (Writer, error) {
	quoted, err := jsontext.AppendQuote(nil, idField)
	if err != nil {
		return nil, fmt.Errorf("field %q: not UTF-8", idField)
	}
	b := bufio.NewWriterSize(w, 64<<10)
	switch format {
	case NDJSON:
		return &jsonWriter{w: b, idField: idField, quoted: quoted, end: "\n"}, nil
	case JSON:
		return &jsonWriter{w: b, idField: idField, quoted: quoted, begin: "[\n", between: ",\n", finish: "\n]\n", none: "[]\n"}, nil
	case CSV:
		return newCSVWriter(b, idField, columns)
	}
	return nil, fmt.Errorf("there is no format %q", format)
}

type jsonWriter struct {
	w       *bufio.Writer
	idField string
	quoted  []byte
	buf     []byte
	count   int

	begin, between, end, finish, none string
}

// Write implements Writer.
func (j *jsonWriter) Write(id string, record jsontext.Value) error {
	b := j.buf[:0]
	if j.count == 0 {
		b = append(b, j.begin...)
	} else {
		b = append(b, j.between...)
	}
	j.count++
	own, err := ownID(j.idField, id, record)
	if err != nil {
		return err
	}
	if own {
		b = append(b, record...)
	} else {
		b = append(append(append(b, '{'), j.quoted...), ':')
		if b, err = jsontext.AppendQuote(b, id); err != nil {
			return fmt.Errorf("entry %q: %w", id, err)
		}
		if rest := record[1:]; len(rest) > 1 && rest[0] != '}' {
			b = append(b, ',')
		}
		b = append(b, record[1:]...)
	}
	j.buf = append(b, j.end...)
	_, err = j.w.Write(j.buf)
	return err
}

// Close implements Writer.
func (j *jsonWriter) Close() error {
	if j.count == 0 {
		j.w.WriteString(j.none)
	} else {
		j.w.WriteString(j.finish)
	}
	return j.w.Flush()
}

// ownID reports whether a record holds its id itself in the field; the error is
// that it holds something else there.
func ownID(field, id string, record jsontext.Value) (bool, error) {
	own := false
	for name, value := range members(record) {
		if name != field {
			continue
		}
		own = true
		if text, err := idText(value); err != nil || text != id {
			return false, fmt.Errorf("entry %q has a field %q of its own, which is not its id: choose another name for the id with --id", id, field)
		}
	}
	return own, nil
}

type csvWriter struct {
	w       *csv.Writer
	under   *bufio.Writer
	idField string
	column  map[string]int
	cells   []string
}

func newCSVWriter(w *bufio.Writer, idField string, columns []string) (*csvWriter, error) {
	c := &csvWriter{w: csv.NewWriter(w), under: w, idField: idField, column: map[string]int{}}
	header := []string{idField}
	for _, name := range columns {
		if name == idField {
			continue
		}
		c.column[name] = len(header)
		header = append(header, name)
	}
	c.cells = make([]string, len(header))
	return c, c.w.Write(header)
}

// Write implements Writer. Strings stand as they are, other values as JSON; null
// and what a record lacks is an empty cell.
func (c *csvWriter) Write(id string, record jsontext.Value) error {
	if _, err := ownID(c.idField, id, record); err != nil {
		return err
	}
	clear(c.cells)
	c.cells[0] = id
	for name, value := range members(record) {
		if name == c.idField {
			continue
		}
		i, ok := c.column[name]
		if !ok {
			return fmt.Errorf("entry %q has a field %q for which there is no column", id, name)
		}
		switch value.Kind() {
		case 'n':
		case '"':
			text, err := jsontext.AppendUnquote(nil, value)
			if err != nil {
				return fmt.Errorf("entry %q: field %q: %w", id, name, err)
			}
			c.cells[i] = string(text)
		default:
			c.cells[i] = string(value)
		}
	}
	return c.w.Write(c.cells)
}

// Close implements Writer.
func (c *csvWriter) Close() error {
	c.w.Flush()
	if err := c.w.Error(); err != nil {
		return err
	}
	return c.under.Flush()
}
