package cli

import (
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestCrash kills the server at random points under load, and now and then a
// replica too, and starts them again.
func TestCrash(t *testing.T) {
	t.Parallel()
	rounds, writers := 10, 4
	if os.Getenv("SYNCLINE_LONG") != "" {
		rounds = 200
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	g := newRig(t, writers)
	running := make([]*writer, writers)
	for i := range running {
		running[i] = g.write(i, 0)
	}
	for round := range rounds {
		g.progress(1 + random.IntN(40))
		// Not only right after an acknowledgement.
		<-time.After(time.Duration(random.IntN(4000)) * time.Microsecond)
		g.server.kill()
		if round%2 == 1 {
			i := random.IntN(writers)
			running[i].kill()
			running[i] = g.write(i, round+1)
		}
		if round%3 == 2 { // also while it starts
			cmd := exec.Command("syncline", g.args()...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Duration(random.IntN(60)) * time.Millisecond)
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		g.serve()
		if round%4 == 3 { // a replica while the server runs
			g.progress(1 + random.IntN(10))
			i := random.IntN(writers)
			running[i].kill()
			running[i] = g.write(i, 1000+round)
		}
	}
	g.progress(1)
	g.check(running)
}

// TestLedger: what TestCrash looks for it would see.
func TestLedger(t *testing.T) {
	t.Parallel()
	g := newRig(t, 2)
	w := g.write(0, 0)
	g.progress(5)
	w.finish(t)
	change := func(method, path, body string) {
		t.Helper()
		request, err := http.NewRequest(method, g.server.url+"/v1/spaces/"+crashSpace+"/-/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode/100 != 2 {
			t.Fatalf("%s %s: %s", method, path, response.Status)
		}
	}
	expect := func(bug string, wants ...string) {
		t.Helper()
		problems := strings.Join(g.ledger.check(t, g.remote(crashSpace)), "\n")
		for _, want := range wants {
			if !strings.Contains(problems, want) {
				t.Errorf("%s is not seen: %q", bug, problems)
			}
		}
		if len(wants) == 0 && problems != "" {
			t.Errorf("%s: %s", bug, problems)
		}
	}
	expect("nothing wrong")
	change("PATCH", "counters/w0", `{"$inc":{"n":1}}`)
	expect("a mutation that came twice", "came twice")
	change("PATCH", "counters/w0", `{"$inc":{"n":-1}}`)
	expect("nothing wrong")
	change("DELETE", "marks/"+w.acked[2], "")
	expect("a lost mutation", w.acked[2]+" was queued and is lost")
	change("PUT", "marks/"+w.acked[2], "{}")
	change("PUT", "marks/w1.0.1", "{}")
	change("PUT", "marks/w1.0.2", "{}")
	expect("mutations from nowhere", "came twice or in part", "were queued by")
	if err := g.server.stop(); err != nil {
		t.Error(err)
	}
	g.server = nil
}
