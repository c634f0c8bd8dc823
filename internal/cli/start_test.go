package cli

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestAdminAddress: a server tells its health and its metrics on another address.
func TestAdminAddress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := startServer([]string{"serve", "--dir", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-format", "json"}, dir, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	log, err := os.ReadFile(filepath.Join(dir, "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`"msg":"admin address","url":"([^"]*)"`).FindSubmatch(log)
	if found == nil {
		t.Fatalf("the log does not tell the admin address: %s", log)
	}
	for path, want := range map[string]string{"/healthz": "alive", "/readyz": "ready", "/metrics": "syncline_commits_total 0"} {
		response, err := http.Get(string(found[1]) + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s, without %q", path, response.Status, want)
		}
	}
	// What is for operators is not for users.
	response, err := http.Get(p.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusNotFound {
		t.Errorf("/metrics for users: %s", response.Status)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

// TestStartup holds the binary as it is shipped to its figures: it can be used
// within 100 ms and takes less than 30 MiB when it has nothing to do. Figures of a
// machine that does other things too mean little, so this runs with SYNCLINE_LONG.
func TestStartup(t *testing.T) {
	if os.Getenv("SYNCLINE_LONG") == "" {
		t.Skip("SYNCLINE_LONG is not set")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "bin", "syncline")
	build := exec.Command("go", "build", "-o", binary, "github.com/syncline/syncline/cmd/syncline")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	best := time.Hour
	for range 5 {
		begun := time.Now()
		p, err := startProgram(binary, []string{"serve", "--dir", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, dir, os.Environ())
		if err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(begun))
		status, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
		if err != nil {
			p.kill()
			t.Skip("there is no /proc here")
		}
		found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
		if kib, _ := strconv.Atoi(string(found[1])); kib > 30<<10 {
			t.Errorf("it takes %d KiB", kib)
		} else {
			t.Logf("ready after %v, %d KiB", time.Since(begun), kib)
		}
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	}
	if best > 100*time.Millisecond {
		t.Errorf("it can be used after %v at best", best)
	}
}
