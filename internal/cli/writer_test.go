package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/replica"
	"github.com/syncline/syncline/space"
)

const crashSpace = "crash/test"

// crashWriter is the program "crashwriter URL FILE NAME": a replica in FILE that
// counts up the entry counters/NAME, each time together with a mark of its own,
// until its stdin ends; then it waits until everything has an outcome. It prints
// "queued ID" when a mutation is in its file and "acked ID" when the server has
// taken it.
func crashWriter() int {
	url, file, name := os.Args[1], os.Args[2], os.Args[3]
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if err := crashWrite(ctx, url, file, name); err != nil {
		fmt.Fprintln(os.Stderr, "crashwriter", name, err)
		return 1
	}
	return 0
}

func crashWrite(ctx context.Context, url, file, name string) error {
	all := context.WithoutCancel(ctx)
	// KeepDone: a server that lost what it acknowledged must not get it again from
	// here, or nobody would notice.
	r, err := replica.Open(all, replica.Options{Path: file, URL: url, User: "crash", KeepDone: -1})
	if err != nil {
		return err
	}
	defer r.Close()
	counter, _, _ := strings.Cut(name, ".")
	s, err := r.Space(all, crashSpace, space.Part{In: "counters"})
	if err != nil {
		return err
	}
	var printing sync.Mutex
	say := func(what, id string) {
		printing.Lock()
		defer printing.Unlock()
		fmt.Println(what, id)
	}
	var waits sync.WaitGroup
	free := make(chan struct{}, 32)
	for i := 1; ctx.Err() == nil; i++ {
		free <- struct{}{}
		id := fmt.Sprintf("%s.%06d", name, i)
		p, err := s.Mutate(all, func(tx *replica.Tx) error {
			if err := tx.Patch("counters", counter, `{"$inc":{"n":1}}`); err != nil {
				return err
			}
			return tx.Put("marks", id, `{}`)
		})
		if err != nil {
			return err
		}
		say("queued", id)
		waits.Go(func() {
			if _, err := p.Wait(all); err != nil {
				say("failed", id+" "+err.Error())
			} else {
				say("acked", id)
			}
			<-free
		})
	}
	waits.Wait()
	return s.Sync(all)
}

// A writer is a crashwriter process, and what it has said.
type writer struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	done   chan struct{}
	name   string
	news   chan struct{} // gets something when something was acknowledged
	mu     sync.Mutex
	queued []string
	acked  []string
	failed []string
}

func startWriter(t *testing.T, url, file, name string, news chan struct{}) *writer {
	t.Helper()
	w := &writer{cmd: exec.Command("crashwriter", url, file, name), done: make(chan struct{}), name: name, news: news}
	w.cmd.Stderr = os.Stderr
	in, err := w.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.stdin = in
	t.Cleanup(w.kill)
	go func() {
		defer close(w.done)
		// A line that the end of the process cut in two counts for nothing.
		for lines := bufio.NewReader(out); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				break
			}
			w.heard(strings.TrimSuffix(line, "\n"))
		}
		_ = w.cmd.Wait()
	}()
	return w
}

func (w *writer) heard(line string) {
	what, id, _ := strings.Cut(line, " ")
	w.mu.Lock()
	defer w.mu.Unlock()
	switch what {
	case "queued":
		w.queued = append(w.queued, id)
	case "acked":
		w.acked = append(w.acked, id)
		select {
		case w.news <- struct{}{}:
		default:
		}
	default:
		w.failed = append(w.failed, line)
	}
}

// kill ends the process wherever it is.
func (w *writer) kill() {
	_ = w.cmd.Process.Kill()
	<-w.done
}

// finish lets the process end when everything has an outcome.
func (w *writer) finish(t *testing.T) {
	t.Helper()
	_ = w.stdin.Close()
	<-w.done
	if code := w.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("writer %s ended with code %d", w.name, code)
	}
	if len(w.queued) != len(w.acked) {
		t.Errorf("writer %s queued %d and was acknowledged %d", w.name, len(w.queued), len(w.acked))
	}
}

// A ledger compares what writers have said with what the server holds.
type ledger struct{ writers []*writer }

// check reports what was lost or came twice. Each counter must stand at the number
// of its marks, because both are written together; each mark that was queued must
// be there; a writer that was killed may have queued one more than it could say.
func (l *ledger) check(t *testing.T, r *remote) (problems []string) {
	t.Helper()
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	marks, counters := map[string]bool{}, map[string]int{}
	for collection, take := range map[string]func(id, record string){
		"marks":    func(id, _ string) { marks[id] = true },
		"counters": func(id, record string) { counters[id], _ = strconv.Atoi(strings.Trim(record, `{}"n:`)) },
	} {
		err := r.snapshot(t.Context(), space.View{{In: collection}}, func(id string, record jsontext.Value) error {
			take(id, string(record))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	of := map[string]int{}
	for id := range marks {
		counter, _, _ := strings.Cut(id, ".")
		of[counter]++
	}
	for counter, n := range counters {
		if n != of[counter] {
			problem("counter %s stands at %d, but has %d marks: a mutation came twice or in part", counter, n, of[counter])
		}
	}
	total := 0
	for _, w := range l.writers {
		for _, id := range w.queued {
			if !marks[id] {
				problem("mutation %s was queued and is lost", id)
			}
		}
		for _, line := range w.failed {
			problem("writer %s says: %s", w.name, line)
		}
		total += len(w.queued)
	}
	if extra := len(marks) - total; extra < 0 || extra > len(l.writers) {
		problem("%d marks, %d were queued by %d writers", len(marks), total, len(l.writers))
	}
	t.Logf("%d mutations of %d writers, %d marks", total, len(l.writers), len(marks))
	return problems
}
