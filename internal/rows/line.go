package rows

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// A lineReader yields lines, without holding one that is too long.
type lineReader struct {
	r    *bufio.Reader
	buf  []byte
	line int // the number of the line that next returned
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10)}
}

// next returns the next line without its end, valid until the next call.
func (l *lineReader) next() (line []byte, tooLong bool, err error) {
	l.line++
	l.buf = l.buf[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		if len(l.buf)+len(part) > MaxRow+2 {
			tooLong, l.buf = true, l.buf[:0]
		} else if !tooLong && (len(l.buf) > 0 || errors.Is(err, bufio.ErrBufferFull)) {
			l.buf = append(l.buf, part...)
			part = l.buf
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && (len(part) > 0 || tooLong):
		case err != nil:
			return nil, false, err
		}
		part = bytes.TrimSuffix(bytes.TrimSuffix(part, []byte("\n")), []byte("\r"))
		return part, tooLong, nil
	}
}

// A lineCounter passes on what it reads and knows the lines of the bytes that
// its reader has not yet asked about.
type lineCounter struct {
	r        io.Reader
	offset   int64   // of what was read
	newlines []int64 // their offsets, from the last call of at on
	line     int     // at the first of them
}

func (c *lineCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for i := 0; i < n; {
		j := bytes.IndexByte(p[i:n], '\n')
		if j < 0 {
			break
		}
		c.newlines = append(c.newlines, c.offset+int64(i+j))
		i += j + 1
	}
	c.offset += int64(n)
	return n, err
}

// at returns the line of an offset. Offsets must not decrease from call to call.
func (c *lineCounter) at(offset int64) int {
	passed := 0
	for passed < len(c.newlines) && c.newlines[passed] < offset {
		passed++
	}
	c.line += passed
	c.newlines = append(c.newlines[:0], c.newlines[passed:]...)
	return c.line
}
