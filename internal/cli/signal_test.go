package cli

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTerminate stops the server by SIGTERM under load, again and again: exit code
// 0, nothing lost.
func TestTerminate(t *testing.T) {
	t.Parallel()
	g := newRig(t, 2)
	running := []*writer{g.write(0, 0), g.write(1, 0)}
	for range 3 {
		g.progress(20)
		if err := g.server.stop(); err != nil {
			t.Errorf("the server ends with %v", err)
		}
		g.serve()
	}
	g.progress(1)
	g.check(running)
	log, err := os.ReadFile(filepath.Join(g.dir, "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"level=ERROR", "cut short"} {
		if strings.Contains(string(log), bad) {
			t.Errorf("the log holds %s:\n%s", bad, log)
		}
	}
}

// TestSecondSignal: a server that waits for a request ends at the second signal.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	g := newRig(t, 1)
	conn := hangingRequest(t, g.listen)
	defer conn.Close()
	if err := g.server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, filepath.Join(g.dir, "server.log"), "stopping: a second signal")
	// Signals take their default way very soon after that was logged: the first one
	// that does ends it.
	for ended := false; !ended; {
		_ = g.server.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-g.server.done:
			ended = true
		case <-time.After(5 * time.Millisecond):
		}
	}
	status, ok := g.server.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("the server ends with %v", g.server.err)
	}
	g.server = nil
	g.serve()
	g.check(nil)
}

// hangingRequest begins a request that it does not end.
func hangingRequest(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /v1/poll HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n", address)
	// "100 Continue" comes when the handler reads the body.
	if _, err := conn.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// waitFor waits until a file has a text in it.
func waitFor(t *testing.T, file, text string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		data, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(data), text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come to hold %q; it holds\n%s", file, text, data)
		}
		<-time.After(5 * time.Millisecond) // files tell nobody that they grow
	}
}
