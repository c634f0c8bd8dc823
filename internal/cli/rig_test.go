package cli

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/syncline/syncline/space"
)

// A rig is a server's directory and address, with counters in a space.
type rig struct {
	t      *testing.T
	dir    string
	listen string
	server *program
	ledger ledger
	news   chan struct{}
}

func newRig(t *testing.T, counters int) *rig {
	t.Helper()
	g := &rig{t: t, dir: t.TempDir(), listen: "127.0.0.1:0", news: make(chan struct{}, 1)}
	g.serve()
	g.listen = strings.TrimPrefix(g.server.url, "http://")
	var rows strings.Builder
	for i := range counters {
		fmt.Fprintf(&rows, "{\"id\":\"w%d\",\"n\":0}\n", i)
	}
	cmd := exec.Command("syncline", "import", "--url", g.server.url, "--space", crashSpace, "--collection", "counters", "--format", "ndjson", "-")
	cmd.Stdin = strings.NewReader(rows.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() {
		if g.server != nil {
			g.server.kill()
		}
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(g.dir, "server.log"))
			t.Logf("the server's log:\n%s", log)
		}
	})
	return g
}

func (g *rig) args() []string {
	return []string{"serve", "--dir", filepath.Join(g.dir, "data"), "--listen", g.listen, "--admin", ""}
}

func (g *rig) serve() {
	g.t.Helper()
	p, err := startServer(g.args(), g.dir, os.Environ())
	if err != nil {
		g.t.Fatalf("the server does not start: %v", err)
	}
	g.server = p
}

// write starts a writer on the replica file of a counter.
func (g *rig) write(counter, generation int) *writer {
	name := fmt.Sprintf("w%d.%d", counter, generation)
	w := startWriter(g.t, "http://"+g.listen, filepath.Join(g.dir, fmt.Sprintf("w%d.db", counter)), name, g.news)
	g.ledger.writers = append(g.ledger.writers, w)
	return w
}

func (g *rig) remote(path space.Path) *remote {
	g.t.Helper()
	base, err := url.Parse(g.server.url)
	if err != nil {
		g.t.Fatal(err)
	}
	return &remote{base, path, ""}
}

// progress waits until something has been acknowledged n times.
func (g *rig) progress(n int) {
	g.t.Helper()
	for range n {
		select {
		case <-g.news:
		case <-time.After(30 * time.Second):
			g.t.Fatal("nothing is acknowledged any more")
		}
	}
}

// check lets the writers finish, compares, and verifies the directory.
func (g *rig) check(writers []*writer) {
	g.t.Helper()
	for _, w := range writers {
		w.finish(g.t)
	}
	for _, problem := range g.ledger.check(g.t, g.remote(crashSpace)) {
		g.t.Error(problem)
	}
	if err := g.server.stop(); err != nil {
		g.t.Errorf("the server ends with %v", err)
	}
	g.server = nil
	if out, err := exec.Command("syncline", "verify", filepath.Join(g.dir, "data")).CombinedOutput(); err != nil {
		g.t.Errorf("verify: %v: %s", err, out)
	}
}
