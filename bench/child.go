package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"github.com/syncline/syncline/internal/cli"
	"github.com/syncline/syncline/internal/cputime"
)

// childEnv, when set, makes this program one of the servers.
const childEnv = "SYNCLINE_BENCH_CHILD"

// A process is a server that this program has started.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	url string // http://…
}

// An order is what a process can be asked.
type order struct {
	Do      string `json:"do"` // usage, profile, load, stream
	GC      bool   `json:"gc,omitempty"`
	File    string `json:"file,omitempty"`
	Name    string `json:"name,omitempty"`
	Writers int    `json:"writers,omitempty"`
	Spaces  int    `json:"spaces,omitempty"`
	MS      int    `json:"ms,omitempty"`
}

// An answer is what it answers.
type answer struct {
	Error     string        `json:"error,omitempty"`
	URL       string        `json:"url,omitempty"`
	CPU       time.Duration `json:"cpu,omitempty"`
	RSS       int64         `json:"rss,omitempty"`
	Heap      int64         `json:"heap,omitempty"` // in use, after a collection if GC was asked for
	Sessions  int64         `json:"sessions,omitempty"`
	Overflows int64         `json:"overflows,omitempty"`
	Commits   int64         `json:"commits,omitempty"`
	Appends   int64         `json:"appends,omitempty"`
	Rate      float64       `json:"rate,omitempty"` // of a load, a second
}

// spawn starts this program as a server and returns when that is ready. Servers
// of kind "syncline" have their data in dir.
func spawn(kind, dir string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, dir)
	cmd.Env = append(os.Environ(), childEnv+"="+kind)
	cmd.Stderr = os.Stderr
	p := &process{cmd: cmd}
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	a, err := p.read()
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("server %s: %w", kind, err)
	}
	p.url = a.URL
	return p, nil
}

func (p *process) read() (answer, error) {
	var a answer
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(line, &a); err != nil {
		return a, err
	}
	if a.Error != "" {
		return a, fmt.Errorf("%s", a.Error)
	}
	return a, nil
}

func (p *process) ask(o order) (answer, error) {
	line, err := json.Marshal(o)
	if err != nil {
		return answer{}, err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return answer{}, err
	}
	return p.read()
}

// stop ends a server in good order.
func (p *process) stop() {
	_ = p.in.Close()
	timer := time.AfterFunc(20*time.Second, p.kill)
	_ = p.cmd.Wait()
	timer.Stop()
}

// kill ends a server at once.
func (p *process) kill() { _ = p.cmd.Process.Kill() }

// profiled makes a CPU profile of a server while f runs, if profiles are wanted;
// `go tool pprof` merges those of several rounds.
func (r *run) profiled(p *process, name string, round int, f func() error) error {
	if r.profile == "" {
		return f()
	}
	if _, err := p.ask(order{Do: "profile", File: filepath.Join(r.profile, fmt.Sprintf("%s-%d.pprof", name, round))}); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	_, err := p.ask(order{Do: "profile"})
	return err
}

// used returns the processor time that a server spends on what f does.
func (p *process) used(f func() error) (time.Duration, error) {
	before, err := p.ask(order{Do: "usage"})
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := p.ask(order{Do: "usage"})
	return after.CPU - before.CPU, err
}

// child is the program as a server: it says where it listens and then does what
// its standard input orders, until that ends.
func child(kind string) error {
	cli.TuneGC() // Syncline and floors alike
	var s server
	var err error
	switch kind {
	case "syncline":
		s, err = newSynclineServer(os.Args[1])
	case "floor":
		s, err = newFloorServer(os.Args[1])
	case "pebble":
		s, err = newPebbleServer(os.Args[1])
	case "build":
		s, err = builder{}, nil
	default:
		err = fmt.Errorf("no such server")
	}
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(answer{URL: s.address()}); err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	var profile *os.File
	for in.Scan() {
		var o order
		var a answer
		err := json.Unmarshal(in.Bytes(), &o)
		switch {
		case err != nil:
		case o.Do == "profile" && o.File != "":
			if profile, err = os.Create(o.File); err == nil {
				err = pprof.StartCPUProfile(profile)
			}
		case o.Do == "profile":
			pprof.StopCPUProfile()
			err = profile.Close()
		case o.Do == "usage":
			if o.GC {
				runtime.GC()
				debug.FreeOSMemory()
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			a = answer{CPU: cputime.Used(), RSS: resident(os.Getpid()), Heap: int64(m.HeapAlloc + m.StackInuse)}
			s.count(&a)
		default:
			a, err = s.do(o)
		}
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
	return s.close()
}

// A server is what runs in a process of its own.
type server interface {
	address() string
	count(*answer)
	do(order) (answer, error)
	close() error
}
