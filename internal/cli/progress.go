package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/syncline/syncline/internal/ingest"
)

// A progressBar is one line on a terminal that says how far an import is. Where
// there is no terminal it prints nothing.
type progressBar struct {
	out   io.Writer // nil without a terminal
	width int
	size  int64 // of the file, 0 if unknown
	read  *countingReader
	begun time.Time
	next  time.Time // not before it is the line drawn again
	drawn bool
}

func newProgressBar(w io.Writer, size int64, read *countingReader) *progressBar {
	p := &progressBar{size: size, read: read, begun: time.Now()}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return p
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 40 {
		width = 80
	}
	p.out, p.width = w, min(width, 120)
	return p
}

// update draws the line if it is time to.
func (p *progressBar) update(c ingest.Counts) {
	if p.out == nil {
		return
	}
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(100 * time.Millisecond)
		p.drawn = true
		fmt.Fprintf(p.out, "\r\x1b[K%s", p.line(c, now.Sub(p.begun)))
	}
}

func (p *progressBar) line(c ingest.Counts, took time.Duration) string {
	text := fmt.Sprintf(" %s rows, %s/s", grouped(c.Applied), grouped(rate(c.Applied, took)))
	if c.Refused > 0 {
		text += fmt.Sprintf(", %s refused", grouped(c.Refused))
	}
	if p.size <= 0 {
		return text
	}
	share := min(1, float64(p.read.n.Load())/float64(p.size))
	text = fmt.Sprintf(" %3.0f%%", 100*share) + text
	room := p.width - len(text) - 3
	if room < 10 {
		return text
	}
	done := int(share * float64(room))
	return "[" + strings.Repeat("=", done) + strings.Repeat(" ", room-done) + "]" + text
}

// clear takes the line away, so that something else can be printed.
func (p *progressBar) clear() {
	if p.drawn {
		p.drawn = false
		p.next = time.Time{}
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

func rate(n int64, took time.Duration) int64 {
	if took <= 0 {
		return 0
	}
	return int64(float64(n) / took.Seconds())
}

// grouped is n with commas.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// A countingReader knows how much was read.
type countingReader struct {
	r io.Reader
	n atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
