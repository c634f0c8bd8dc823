package cli

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/web"
)

// TestDemoRules: the demo's rules are cheap, and a demo that runs has them. What they allow is tested by
// the tests that the definition brings along (TestExamples).
func TestDemoRules(t *testing.T) {
	t.Parallel()
	rules, err := definition.ParseFile("demo.yaml", web.DemoRules)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := authz.Compile(rules)
	if err != nil {
		t.Fatal(err)
	}
	if warnings := policy.Warnings(); len(warnings) > 0 {
		t.Error("dear rules:", warnings)
	}

	dir := t.TempDir()
	p, err := startServer([]string{"demo", "--dir", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--cities", "none"}, dir, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	for _, c := range []struct {
		user, record string
		status       int
		has          string
	}{
		{"ada", "demo/studio/-/projects/aurora", 200, `"budget":48000`},
		{"ben", "demo/studio/-/projects/aurora", 200, `"budget":48000`},
		{"cleo", "demo/studio/-/projects/aurora", 200, `{"name":"Aurora","project":"aurora"}`},
		{"ben", "demo/studio/-/projects/harbour", 200, `{"name":"Harbour","project":"harbour"}`},
		{"cleo", "demo/studio/-/documents/archive-1", 404, "not_found"},
		{"cleo", "demo/board/-/cards/c01", 200, `"title":"Welcome!`},
		{"eve", "demo/board/-/cards/c01", 403, "forbidden"},
		{"eve", "demo/studio/-/projects/aurora", 404, "not_found"},
	} {
		request, err := http.NewRequest(http.MethodGet, p.url+"/v1/spaces/"+c.record, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Syncline-User", c.user)
		status, body := answerTo(t, request)
		if status != c.status || !strings.Contains(body, c.has) {
			t.Errorf("%s reads %s: %d %s, want %d and %q", c.user, c.record, status, body, c.status, c.has)
		}
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

// TestSeedWithoutRoles: data of a demo that had no rules yet keeps what is in it, and people get their roles.
func TestSeedWithoutRoles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	old, err := startServer([]string{"serve", "--dir", data, "--listen", "127.0.0.1:0", "--admin", ""}, dir, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	defer old.kill()
	request, err := http.NewRequest(http.MethodPut, old.url+"/v1/spaces/demo/board/-/cards/c01", strings.NewReader(`{"title":"Mine","column":"todo","order":1}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if status, body := answerTo(t, request); status >= 300 {
		t.Fatal(status, body)
	}
	if err := old.stop(); err != nil {
		t.Fatal(err)
	}
	p, err := startServer([]string{"demo", "--dir", data, "--listen", "127.0.0.1:0", "--cities", "none"}, dir, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	for record, want := range map[string]string{"cards/c01": `"title":"Mine"`, "cards/c02": "not_found", "members/cleo": `"role":"viewer"`} {
		request, err := http.NewRequest(http.MethodGet, p.url+"/v1/spaces/demo/board/-/"+record, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Syncline-User", owner)
		if status, body := answerTo(t, request); !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, without %q", record, status, body, want)
		}
	}
}

func answerTo(t *testing.T, request *http.Request) (status int, body string) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
