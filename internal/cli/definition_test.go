package cli

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/syncline/syncline/replica"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
)

// TestDefinitionSwitches: a real server, with somebody connected, says from which commit on other rules hold; the device
// drops what it may no longer see, and gets it back with the definition.
func TestDefinitionSwitches(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "app.yaml")
	write := func(read string) {
		t.Helper()
		text := fmt.Sprintf("spaces:\n  team/{team}:\n    open: 'true'\n    collections: {cards: {read: %s, write: 'true'}}\n", read)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`'true'`)
	p, err := startServer([]string{"serve", "--dir", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--definition", file}, dir, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	log, err := os.ReadFile(filepath.Join(dir, "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`admin address.*?http://([0-9.:]+)`).FindSubmatch(log)
	if found == nil {
		t.Fatalf("no admin address in %s", log)
	}
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("syncline", append(append([]string{"definition"}, args...), "--admin", string(found[1]))...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	r, err := replica.Open(t.Context(), replica.Options{Store: memstore.New(), URL: p.url, User: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := r.Space(t.Context(), "team/a", space.Part{In: "cards"})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"c1", "c2"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, p.url+"/v1/spaces/team/a/-/cards/"+id, strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil || response.StatusCode/100 != 2 {
			t.Fatalf("%v, %v", response, err)
		}
		_ = response.Body.Close()
	}
	held := func(want int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		n := -1
		for rows, err := range s.Watch(ctx, replica.Query{In: "cards"}) {
			if err != nil {
				t.Fatal(err)
			}
			if n = len(rows); n == want {
				return
			}
		}
		t.Fatalf("it holds %d, want %d", n, want)
	}
	held(2)
	write("'auth.uid == \"ada\"'")
	out := run("reload")
	for _, want := range []string{"team/a  bob  cards: gains 0, loses 2, sees other fields of 0\n", "team/a: holds after commit 2\n", "as number 2\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("reload does not say %q: %s", want, out)
		}
	}
	held(0)
	if out := run("show", "2"); !strings.Contains(out, "team/a: holds after commit 2\n") {
		t.Errorf("show: %s", out)
	}
	if log, err = os.ReadFile(filepath.Join(dir, "server.log")); err != nil || !regexp.MustCompile(`the definition has changed.*users=1 gains=0 loses=2.*switched=.?team/a@2`).Match(log) {
		t.Errorf("the log: %v: %s", err, log)
	}
	if out := run("restore", "1"); !strings.Contains(out, "team/a  bob  cards: gains 2, loses 0, sees other fields of 0\n") {
		t.Errorf("restore: %s", out)
	}
	held(2)
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}
