package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The test binary is also the programs that the tests start.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"syncline":    func() { os.Exit(Main()) },
		"crashwriter": func() { os.Exit(crashWriter()) },
	})
}

// TestScripts runs the files in testdata. Beside testscript's own they have the
// commands
//
//	serve [demo] ARG…    start a server on a free port; $URL is its address, $LISTEN that
//	                     without http://
//	halt                 stop it with SIGTERM; it must exit with code 0 (stop is testscript's own: it ends the script)
//	crash                end it with SIGKILL
//	hangup               send it SIGHUP
//	start NAME ARG…      start syncline ARG…, its output goes to NAME.out and NAME.err
//	end NAME             stop it with SIGTERM; it must exit with code 0
//	damage FILE-PATTERN  change a byte in the middle of the matching files
//	until FILE TEXT      wait until a file has a text in it
//	receive              start somebody else's server, which is told of changes: it writes
//	                     them to receiver.out; endpoints.json names it as "receiver"
//	status CODE          what it answers from now on
//	admin                $ADMIN is the server's admin address
//	get PATH             GET it from the server; the answer is in get.out
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Values["server"] = new(*program)
			env.Values["started"] = map[string]*program{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":  scriptServe,
			"halt":   scriptHalt,
			"crash":  scriptCrash,
			"start":  scriptStart,
			"end":    scriptEnd,
			"get":    scriptGet,
			"hangup": scriptHangup,
			"damage": scriptDamage,
			"until":  scriptUntil,

			"receive": scriptReceive,
			"status":  scriptStatus,
			"admin":   scriptAdmin,
		},
	})
}

func scriptServe(ts *testscript.TestScript, _ bool, args []string) {
	slot := ts.Value("server").(**program)
	if *slot != nil {
		ts.Fatalf("a server is running already")
	}
	command := "serve"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	args = append([]string{command, "--dir", ts.MkAbs("data"), "--listen", "127.0.0.1:0", "--admin", ""}, args...)
	p, err := startServer(args, ts.MkAbs("."), append(os.Environ(), "HOME="+ts.Getenv("HOME")))
	if err != nil {
		ts.Fatalf("%v; its log:\n%s", err, ts.ReadFile("server.log"))
	}
	*slot = p
	ts.Setenv("URL", p.url)
	ts.Setenv("LISTEN", strings.TrimPrefix(p.url, "http://"))
	ts.Defer(func() {
		if *slot != nil {
			(*slot).kill()
		}
	})
}

func scriptHalt(ts *testscript.TestScript, _ bool, _ []string) {
	slot := ts.Value("server").(**program)
	p := *slot
	*slot = nil
	if err := p.stop(); err != nil {
		ts.Fatalf("the server: %v; its log:\n%s", err, ts.ReadFile("server.log"))
	}
}

func scriptCrash(ts *testscript.TestScript, _ bool, _ []string) {
	slot := ts.Value("server").(**program)
	(*slot).kill()
	*slot = nil
}

func scriptHangup(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check((*ts.Value("server").(**program)).cmd.Process.Signal(syscall.SIGHUP))
}

func scriptStart(ts *testscript.TestScript, _ bool, args []string) {
	p := &program{cmd: exec.Command("syncline", args[1:]...), done: make(chan struct{})}
	out, err := os.Create(ts.MkAbs(args[0] + ".out"))
	ts.Check(err)
	defer out.Close()
	errs, err := os.Create(ts.MkAbs(args[0] + ".err"))
	ts.Check(err)
	defer errs.Close()
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = out, errs, ts.MkAbs(".")
	ts.Check(p.cmd.Start())
	p.reap()
	ts.Value("started").(map[string]*program)[args[0]] = p
	ts.Defer(p.kill)
}

func scriptEnd(ts *testscript.TestScript, _ bool, args []string) {
	if err := ts.Value("started").(map[string]*program)[args[0]].stop(); err != nil {
		ts.Fatalf("%s: %v", args[0], err)
	}
}

func scriptGet(ts *testscript.TestScript, _ bool, args []string) {
	response, err := http.Get(ts.Getenv("URL") + args[0])
	ts.Check(err)
	defer response.Body.Close()
	var b bytes.Buffer
	fmt.Fprintln(&b, response.Status)
	ts.Check(response.Header.Write(&b))
	_, err = b.ReadFrom(response.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("get.out"), b.Bytes(), 0o600))
}

func scriptDamage(ts *testscript.TestScript, _ bool, args []string) {
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	if err != nil || len(files) == 0 {
		ts.Fatalf("no file matches %s: %v", args[0], err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		ts.Check(err)
		data[len(data)/2] ^= 0x55
		ts.Check(os.WriteFile(name, data, 0o600))
	}
}

func scriptUntil(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(20 * time.Second)
	for {
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.Contains(string(data), args[1]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s does not come to hold %q; it holds\n%s", args[0], args[1], data)
		}
		<-time.After(5 * time.Millisecond) // files tell nobody that they grow
	}
}

// A program is a server process.
type program struct {
	cmd  *exec.Cmd
	url  string
	done chan struct{}
	err  error // of the process, when done is closed
}

// startServer starts syncline with args in dir, where server.log gets its log, and
// waits until it can be used.
func startServer(args []string, dir string, env []string) (*program, error) {
	return startProgram("syncline", args, dir, env)
}

func startProgram(name string, args []string, dir string, env []string) (*program, error) {
	file, err := os.OpenFile(filepath.Join(dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p := &program{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Stderr, p.cmd.Env, p.cmd.Dir = file, env, dir
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(out)
	for p.url == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			_ = p.cmd.Process.Kill()
			return nil, p.cmd.Wait()
		}
		if at := strings.Index(line, "http://"); at >= 0 {
			p.url = strings.TrimRight(strings.Fields(line[at:])[0], "/")
		}
	}
	p.reap()
	return p, nil
}

func (p *program) reap() {
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
}

func (p *program) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-p.done
	return p.err
}

func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}
