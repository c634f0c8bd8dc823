package cli

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestQuarantineCommands: a mutator of a script that breaks down, as an operator sees it, across
// a restart of the server.
func TestQuarantineCommands(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "app.js")
	write := func(body string) {
		t.Helper()
		text := `globalThis.__syncline = {mutators: {"team/{team}": {hang(tx, args) {` + body + `}}}}`
		if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start := func() (*program, string) {
		t.Helper()
		_ = os.Remove(filepath.Join(dir, "server.log"))
		p, err := startServer([]string{"serve", "--dir", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--mutators", script}, dir, os.Environ())
		if err != nil {
			t.Fatal(err)
		}
		log, err := os.ReadFile(filepath.Join(dir, "server.log"))
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`admin address.*?(http://[0-9.:]+)`).FindSubmatch(log)
		if m == nil {
			p.kill()
			t.Fatalf("no admin address in %s", log)
		}
		return p, string(m[1])
	}
	run := func(admin string, args ...string) (string, error) {
		out, err := exec.Command("syncline", append(append([]string{"quarantine"}, args...), "--admin", admin)...).CombinedOutput()
		return string(out), err
	}

	write(`for (;;) {}`)
	p, admin := start()
	body := `{"client":"quarantine-0123456789","muts":[{"id":1,"call":"hang","args":{"a":[1]}},{"id":2,"ops":[{"op":"put","in":"cards","id":"x","value":{}}]}]}`
	response, err := http.Post(p.url+"/v1/spaces/team/alpha/-/_push", "application/json", strings.NewReader(body))
	if err != nil {
		p.kill()
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if out, err := run(admin, "list"); err != nil || !regexp.MustCompile(`^team/alpha +1 +\S+ +"" +hang +time\n$`).MatchString(out) {
		t.Errorf("list: %s, %v", out, err)
	}
	if out, err := run(admin, "list", "--space", "team/beta"); err != nil || out != "" {
		t.Errorf("list of another: %s, %v", out, err)
	}
	if out, err := run(admin, "show", "team/alpha", "1"); err != nil || !strings.Contains(out, `"call": "hang"`) || !strings.Contains(out, `"base": "0"`) {
		t.Errorf("show: %s, %v", out, err)
	}
	if out, err := run(admin, "show", "team/alpha", "2"); err == nil {
		t.Errorf("show of another: %s", out)
	}
	if out, err := run(admin, "replay", "team/alpha", "1"); err == nil || !strings.Contains(out, `"code": "time"`) {
		t.Errorf("replay: %s, %v", out, err)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}

	write(`tx.put("cards", "y", {now: tx.now > 0, a: args.a})`)
	p, admin = start()
	out, err := run(admin, "replay", "team/alpha", "1")
	if err != nil || !strings.Contains(out, `"outcome": "applied"`) || !strings.Contains(out, `"id": "y"`) {
		t.Errorf("replay of what was mended: %s, %v", out, err)
	}
	// A page that was led here under another name gets nothing.
	r, err := http.NewRequest(http.MethodGet, admin+"/quarantine", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example"
	if response, err = http.DefaultClient.Do(r); err != nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("%v, %v", response, err)
	} else {
		_ = response.Body.Close()
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if out, err := exec.Command("syncline", "serve", "--dir", filepath.Join(dir, "data"), "--mutators", filepath.Join(dir, "none.js")).CombinedOutput(); err == nil || !strings.Contains(string(out), "none.js") {
		t.Errorf("a script that is not there: %s, %v", out, err)
	}
}
