package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

type watchFlags struct {
	remoteFlags
	from string
	json bool
}

func newWatch(s streams) *cobra.Command {
	var o watchFlags
	cmd := &cobra.Command{
		Use:   "watch --space SPACE",
		Short: "Print the commits of a space as they happen",
		Long: `Prints one line for each commit of a space: when, which, whose, and what it changed,
or why it was refused. Goes on after the server was away. Ends with SIGINT.`,
		Example: `  syncline watch --space demo/board
  syncline watch --space demo/board --from 0 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := o.remote(cmd)
			if err != nil {
				return err
			}
			w := watcher{remote: r, out: s.out, err: s.err, json: o.json}
			err = w.run(cmd.Context(), o.from)
			if cmd.Context().Err() != nil {
				return nil // that is how it ends
			}
			return err
		},
	}
	f := cmd.Flags()
	o.remoteFlags.register(f)
	f.StringVar(&o.from, "from", "", "cursor or number of the commit after which to begin; 0 begins with the first, nothing with the next")
	f.BoolVar(&o.json, "json", false, "print each commit as a JSON object")
	return cmd
}

// A watcher follows the log of a space.
type watcher struct {
	*remote
	out, err io.Writer
	json     bool
	after    space.Seq // the last commit that was printed
}

// A logLine is a commit as the server's _log tells it.
type logLine struct {
	Cursor   space.Cursor `json:"cursor"`
	Time     time.Time    `json:"time"`
	Author   string       `json:"author"`
	Rejected *struct {
		Code    string `json:"code"`
		Path    string `json:"path"`
		Message string `json:"message"`
	} `json:"rejected"`
	Changes [][3]string `json:"changes"`
}

func (w *watcher) run(ctx context.Context, from string) error {
	if from == "" {
		head, err := w.head(ctx)
		if err != nil {
			return err
		}
		w.after = head.Head.Seq
	} else if n, err := strconv.ParseUint(from, 10, 53); err == nil {
		w.after = space.Seq(n)
	} else if c, err := space.ParseCursor(from); err == nil {
		w.after = c.Seq
	} else {
		return usage("--from %q: want a cursor, as watch --json prints, or the number of a commit", from)
	}
	fmt.Fprintf(w.err, "watching space %s after commit %d\n", w.path, w.after)
	connected := false
	for wait := time.Duration(0); ; {
		err := w.poll(ctx)
		if err == nil {
			wait, connected = 0, true
			continue
		}
		var refusal *wire.Error
		if ctx.Err() != nil || !connected || errors.As(err, &refusal) && wire.ClassOf(refusal.Code) != wire.Retry {
			return w.explain(ctx, err)
		}
		wait = min(max(2*wait, 250*time.Millisecond), 30*time.Second)
		pause := time.Duration(rand.Int64N(int64(wait)))
		if refusal != nil {
			pause += time.Duration(refusal.RetryMS) * time.Millisecond
		}
		fmt.Fprintf(w.err, "syncline: %v; trying again\n", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		if head, err := w.head(ctx); err == nil && head.Head.Seq < w.after {
			fmt.Fprintf(w.err, "syncline: the server's log ends at commit %d, before %d: it was restored from a backup, or is another one\n", head.Head.Seq, w.after)
			w.after = head.Head.Seq
		}
	}
}

// poll waits for commits and prints them.
func (w *watcher) poll(ctx context.Context) error {
	response, err := w.get(ctx, "_log", url.Values{"after": {w.after.String()}, "wait": {"25000"}})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewReader(response.Body)
	for {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(text) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("server %s: %w", w.base, err)
		}
		var line logLine
		if err := json.Unmarshal(text, &line); err != nil {
			return fmt.Errorf("server %s: a line of the log: %w", w.base, err)
		}
		if !w.json {
			text = line.text()
		}
		if _, err := w.out.Write(text); err != nil {
			return &exit{exitFailed, err}
		}
		w.after = line.Cursor.Seq
	}
}

// text is a commit for people.
func (l *logLine) text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s  %s  %s  ", l.Time.Format("2006-01-02T15:04:05.000Z07:00"), l.Cursor.Seq, cmp.Or(l.Author, "-"))
	if l.Rejected != nil {
		fmt.Fprintf(&b, "refused: %s", l.Rejected.Code)
		if l.Rejected.Path != "" {
			fmt.Fprintf(&b, " at %s", l.Rejected.Path)
		}
		fmt.Fprintf(&b, ": %s\n", l.Rejected.Message)
		return b.Bytes()
	}
	const shown = 8
	for i, c := range l.Changes[:min(shown, len(l.Changes))] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %s/%s", c[2], c[0], strings.ToValidUTF8(c[1], "?"))
	}
	switch n := len(l.Changes); {
	case n > shown:
		fmt.Fprintf(&b, " and %d more", n-shown)
	case n == 0:
		b.WriteString("nothing changed")
	}
	b.WriteByte('\n')
	return b.Bytes()
}

type logHead struct {
	Head    space.Cursor `json:"head"`
	Horizon space.Cursor `json:"horizon"`
}

func (r *remote) head(ctx context.Context) (h logHead, err error) {
	response, err := r.get(ctx, "_head", nil)
	if err != nil {
		return h, err
	}
	defer response.Body.Close()
	if err := json.UnmarshalRead(io.LimitReader(response.Body, 64<<10), &h); err != nil {
		return h, fmt.Errorf("server %s: the head of space %s: %w", r.base, r.path, err)
	}
	return h, nil
}

// explain adds where history begins to an error that it is gone.
func (w *watcher) explain(ctx context.Context, err error) error {
	if head, e := w.head(ctx); e == nil && w.after < head.Horizon.Seq {
		return fmt.Errorf("history up to commit %d is gone, and with it what came after %d: begin with --from %d", head.Horizon.Seq, w.after, head.Horizon.Seq)
	}
	return err
}
