package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syncline/syncline/space"
)

// TestImportResumes kills an import again and again: run again with its state file
// it puts each row once.
func TestImportResumes(t *testing.T) {
	t.Parallel()
	const n = 10_000
	g := newRig(t, 1)
	file := filepath.Join(g.dir, "rows.ndjson")
	var rows strings.Builder
	for i := 1; i <= n; i++ {
		if i%2500 == 0 {
			rows.WriteString("no row\n")
			continue
		}
		fmt.Fprintf(&rows, "{\"id\":\"r%06d\",\"text\":\"some text of row %d\"}\n", i, i)
	}
	if err := os.WriteFile(file, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(path string) *exec.Cmd {
		return exec.Command("syncline", "import", "--url", g.server.url, "--space", "imported", "--collection", "c", "--state", filepath.Join(g.dir, "state"), path)
	}
	r := g.remote("imported")
	for kill := range 4 {
		cmd := command(file)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		for running := true; running; {
			head, err := r.head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			select {
			case <-ended:
				running = false
			case <-time.After(time.Millisecond):
				running = head.Head.Seq < space.Seq(8*(kill+1))
			}
		}
		_ = cmd.Process.Kill()
		<-ended
		if kill == 1 { // the server too
			g.server.kill()
			g.serve()
		}
	}
	out, err := command(file).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "dealt with before") || !strings.Contains(string(out), "bad_row") {
		t.Errorf("the last run: %v: %s", err, out)
	}
	// Once more there is nothing to do.
	if out, err := command(file).CombinedOutput(); err == nil && !strings.HasPrefix(string(out), "0 rows imported") {
		t.Errorf("one run more: %v: %s", err, out)
	}
	// Another file's state is not this one's.
	other := command(file)
	other.Args = append(other.Args[:len(other.Args)-1], "--id", "text", file)
	if out, err := other.CombinedOutput(); err == nil || !strings.Contains(string(out), "belongs to another import") {
		t.Errorf("another import with the same state: %v: %s", err, out)
	}
	checkOnce(t, r, n-n/2500)
	g.check(nil)
}

// checkOnce checks by the log that each row was put once.
func checkOnce(t *testing.T, r *remote, want int) {
	t.Helper()
	var ids []string
	var out strings.Builder
	w := watcher{remote: r, out: &out, err: os.Stderr, json: true}
	head, err := r.head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for w.after < head.Head.Seq {
		if err := w.poll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for part := range strings.SplitSeq(out.String(), `["c","`) {
		if id, _, ok := strings.Cut(part, `","put"]`); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if once := slices.Compact(slices.Clone(ids)); len(ids) != want || len(once) != want {
		t.Errorf("%d puts of %d rows, want %d", len(ids), len(once), want)
	}
}
