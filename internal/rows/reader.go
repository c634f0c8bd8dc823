package rows

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxRow is the most bytes that a row may have in a file. Servers take less.
const MaxRow = 16 << 20

// A Row is one row of a file.
type Row struct {
	Number int64          // 1, 2, 3, … over the rows of the file, the bad ones too
	Line   int            // where it begins
	ID     string         // of the entry
	Value  jsontext.Value // the record; nobody else holds it
	Err    error          // why the row cannot be used; then Value is nil
}

// A Reader yields the rows of a file. A row that is bad by itself has an Err and
// the reader goes on behind it; an error of Next is the end, io.EOF the good one.
type Reader interface {
	Next() (Row, error)
}

// Options are what a Reader needs to know beside the format.
type Options struct {
	Identity Identity
	Types    map[string]Type // of csv fields; String if not there
}

// NewReader reads rows from r.
func NewReader(format Format, r io.Reader, o Options) (Reader, error) {
	if err := o.Identity.Check(); err != nil {
		return nil, err
	}
	if len(o.Types) > 0 && format != CSV {
		return nil, fmt.Errorf("%s says itself of what type its fields are: types are for csv", format)
	}
	switch format {
	case NDJSON:
		return newNDJSONReader(r, o), nil
	case JSON:
		return newJSONReader(r, o), nil
	case CSV:
		return newCSVReader(r, o)
	}
	return nil, fmt.Errorf("there is no format %q", format)
}

type ndjsonReader struct {
	src    *lineReader
	ids    *identifier
	number int64
}

func newNDJSONReader(r io.Reader, o Options) *ndjsonReader {
	return &ndjsonReader{src: newLineReader(r), ids: newIdentifier(o.Identity)}
}

// Next implements Reader. Empty lines are no rows.
func (n *ndjsonReader) Next() (Row, error) {
	for {
		line, tooLong, err := n.src.next()
		if err != nil {
			return Row{}, err
		}
		if n.src.line == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if len(bytes.TrimSpace(line)) == 0 && !tooLong {
			continue
		}
		n.number++
		row := Row{Number: n.number, Line: n.src.line}
		if tooLong {
			row.Err = fmt.Errorf("the line is longer than %d bytes", MaxRow)
		} else {
			row.ID, row.Value, row.Err = n.ids.split(n.number, line)
		}
		return row, nil
	}
}

type jsonReader struct {
	lines  *lineCounter
	dec    *jsontext.Decoder
	ids    *identifier
	number int64
	begun  bool
}

func newJSONReader(r io.Reader, o Options) *jsonReader {
	lines := &lineCounter{r: r, line: 1}
	// Lenient: each row is looked at strictly on its own, so that one bad row does
	// not end the file.
	dec := jsontext.NewDecoder(lines, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	return &jsonReader{lines: lines, dec: dec, ids: newIdentifier(o.Identity)}
}

// Next implements Reader. What is not JSON ends the file: nobody can say where
// the next row begins.
func (j *jsonReader) Next() (Row, error) {
	if !j.begun {
		j.begun = true
		if kind := j.dec.PeekKind(); kind != '[' && kind != 0 {
			return Row{}, fmt.Errorf("line %d: want an array of objects, not %s; if each line is an object the format is ndjson", j.lines.at(j.dec.InputOffset()), kindName(kind))
		}
		if _, err := j.dec.ReadToken(); err != nil {
			return Row{}, j.fail(err)
		}
	}
	switch j.dec.PeekKind() {
	case ']':
		if _, err := j.dec.ReadToken(); err != nil {
			return Row{}, j.fail(err)
		}
		if _, err := j.dec.ReadToken(); !errors.Is(err, io.EOF) {
			return Row{}, fmt.Errorf("line %d: something follows the array", j.lines.at(j.dec.InputOffset()))
		}
		return Row{}, io.EOF
	case 0:
		_, err := j.dec.ReadToken()
		if errors.Is(err, io.EOF) && j.dec.StackDepth() == 0 {
			return Row{}, io.EOF // again, after the end
		}
		return Row{}, j.fail(err)
	}
	j.number++
	data, err := j.dec.ReadValue()
	if err != nil {
		return Row{}, j.fail(err)
	}
	row := Row{Number: j.number, Line: j.lines.at(j.dec.InputOffset() - int64(len(data)))}
	if len(data) > MaxRow {
		row.Err = fmt.Errorf("the row is longer than %d bytes", MaxRow)
		return row, nil
	}
	row.ID, row.Value, row.Err = j.ids.split(j.number, data)
	return row, nil
}

func (j *jsonReader) fail(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Errorf("line %d: not JSON, and nothing after it can be read: %w", j.lines.at(syntax.ByteOffset), syntax.Err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("line %d: the file ends within the array", j.lines.at(1<<62))
	}
	return err
}
