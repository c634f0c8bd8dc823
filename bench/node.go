package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/syncline/syncline/wire"
)

// web is where the JavaScript is: from the root of the repository.
const (
	webClient = "web/client"
	nodeRun   = "bench/node/run.mjs"
)

// bundle makes one file of the client and returns its path.
func bundle(dir string) (string, error) {
	for _, need := range []string{"node_modules/ws", "node_modules/.bin/esbuild"} {
		if _, err := os.Stat(filepath.Join("web", need)); err != nil {
			return "", fmt.Errorf("%w: run it in the root of the repository after `npm ci` in web/ (%w)", errSkip, err)
		}
	}
	out := filepath.Join(dir, "client.mjs")
	cmd := exec.Command("web/node_modules/.bin/esbuild", webClient+"/src/index.ts",
		"--bundle", "--format=esm", "--platform=node", "--target=node20", "--log-level=warning", "--outfile="+out)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("bundle web/client: %w\n%s", err, text)
	}
	return out, nil
}

// A node is one run of run.mjs.
type node struct {
	cmd *exec.Cmd
	in  *json.Encoder
	out *bufio.Reader
}

type nodeSays struct {
	MS    float64 `json:"ms"`
	Bytes int     `json:"bytes"`
	Rows  int     `json:"rows"`
}

func startNode(config map[string]any) (*node, nodeSays, error) {
	modules, err := filepath.Abs(filepath.Join(webClient, "package.json"))
	if err != nil {
		return nil, nodeSays{}, err
	}
	config["modules"] = modules
	text, err := json.Marshal(config)
	if err != nil {
		return nil, nodeSays{}, err
	}
	n := &node{cmd: exec.Command("node", nodeRun, string(text))}
	n.cmd.Stderr = os.Stderr
	in, err := n.cmd.StdinPipe()
	if err != nil {
		return nil, nodeSays{}, err
	}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, nodeSays{}, err
	}
	n.in, n.out = json.NewEncoder(in), bufio.NewReader(out)
	if err := n.cmd.Start(); err != nil {
		return nil, nodeSays{}, err
	}
	s, err := n.read()
	return n, s, err
}

func (n *node) read() (nodeSays, error) {
	var s nodeSays
	timer := time.AfterFunc(90*time.Second, func() { _ = n.cmd.Process.Kill() })
	defer timer.Stop()
	line, err := n.out.ReadBytes('\n')
	if err != nil {
		return s, fmt.Errorf("%s has ended: %w", nodeRun, err)
	}
	return s, json.Unmarshal(line, &s)
}

func (n *node) catchUp(rows int, from uint64) (nodeSays, error) {
	if err := n.in.Encode(map[string]any{"rows": rows, "from": string(appendNumber(nil, from))}); err != nil {
		return nodeSays{}, err
	}
	return n.read()
}

func (n *node) stop() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}

// A capture is what a replica received until it was up to date.
type capture struct {
	frames []byte // as appendFrame
	bytes  int
	rows   int
	head   string
}

// record brings a replica up to date from a cursor and keeps what it received.
func record(url, path, cursor string) (capture, error) {
	var c capture
	l, err := door{
		url: url, spaces: []string{path}, view: true, cursor: cursor,
		opened: func(o *wire.Opened) { c.head = o.Head.String() },
		during: func(line []byte) {
			c.frames = appendFrame(c.frames, line)
			c.bytes += len(line)
			marks(line, func(int) { c.rows++ })
		},
	}.open()
	if err != nil {
		return c, err
	}
	l.close()
	return c, nil
}

// change makes n writes to different records and waits until they are
// acknowledged.
func change(url, path string, n int, from uint64) error {
	l, err := door{url: url, spaces: []string{path}, writer: true}.open()
	if err != nil {
		return err
	}
	defer l.close()
	acked := make(chan struct{}, n)
	l.hear(func(frame []byte) {
		for range l.acks(frame) {
			acked <- struct{}{}
		}
	})
	for i := range n {
		if err := l.send(l.push(nil, path, uint64(i), from+uint64(i), recordBytes)); err != nil {
			return err
		}
		if i >= 64 {
			<-acked
		}
	}
	for range min(n, 64) {
		select {
		case <-acked:
		case err := <-l.failed:
			return err
		}
	}
	return nil
}

// benchNode: a Node process that has nothing gets everything, and later what has
// changed, with Syncline's client and as a floor by parsing the same bytes.
func benchNode(r *run) error {
	client, err := bundle(r.dir)
	if err != nil {
		return err
	}
	records, small, changes := pick(r, 100_000, 5000), pick(r, 10_000, 1000), pick(r, 1000, 100)
	dir := r.temp("syncline")
	if _, err := build(dir, "node/big", records, records); err != nil {
		return err
	}
	if _, err := build(dir, "node/small", small, small); err != nil {
		return err
	}
	floor, err := spawn("floor", r.temp("floor"))
	if err != nil {
		return err
	}
	defer floor.stop()
	ours, err := spawn("syncline", dir)
	if err != nil {
		return err
	}
	defer ours.stop()
	give := func(name string, c capture) error {
		file := filepath.Join(r.dir, name)
		if err := os.WriteFile(file, c.frames, 0o644); err != nil {
			return err
		}
		_, err := floor.ask(order{Do: "stream", Name: name, File: file})
		return err
	}

	var full, fullFloor, catch, catchFloor, fullCPU, catchCPU, fullBytes, catchBytes []float64
	for round := range r.rounds {
		before, err := record(ours.url, "node/big", "")
		if err != nil {
			return err
		}
		if before.rows != records {
			return fmt.Errorf("a new replica got %d records of %d", before.rows, records)
		}
		if err := give("full", before); err != nil {
			return err
		}
		var replica, parser *node
		var got, parsed nodeSays
		loads := []func() error{
			func() (err error) {
				cpu, err := ours.used(func() (err error) {
					replica, got, err = startNode(map[string]any{"kind": "client", "bundle": client, "url": ours.url, "path": "node/big", "rows": records})
					return err
				})
				fullCPU = append(fullCPU, float64(cpu)/1e6)
				return err
			},
			func() (err error) {
				parser, parsed, err = startNode(map[string]any{"kind": "floor", "url": floor.url, "rows": records})
				return err
			},
		}
		for i := range loads {
			if err := loads[(i+round)%2](); err != nil {
				return err
			}
		}
		defer replica.stop()
		defer parser.stop()
		if got.Rows != records || parsed.Rows != records {
			return fmt.Errorf("%d and %d records of %d", got.Rows, parsed.Rows, records)
		}
		full, fullFloor, fullBytes = append(full, got.MS), append(fullFloor, parsed.MS), append(fullBytes, float64(got.Bytes))

		from := uint64((round + 1) * records)
		if err := change(ours.url, "node/big", changes, from); err != nil {
			return err
		}
		after, err := record(ours.url, "node/big", before.head)
		if err != nil {
			return err
		}
		if after.rows != changes {
			return fmt.Errorf("catching up brought %d records of %d", after.rows, changes)
		}
		if err := give("changes", after); err != nil {
			return err
		}
		catches := []func() error{
			func() (err error) {
				cpu, err := ours.used(func() (err error) { got, err = replica.catchUp(changes, from); return err })
				catchCPU = append(catchCPU, float64(cpu)/1e6)
				return err
			},
			func() (err error) { parsed, err = parser.catchUp(changes, from); return err },
		}
		for i := range catches {
			if err := catches[(i+round)%2](); err != nil {
				return err
			}
		}
		if got.Rows != changes {
			return fmt.Errorf("the client has %d changed records of %d", got.Rows, changes)
		}
		catch, catchFloor, catchBytes = append(catch, got.MS), append(catchFloor, parsed.MS), append(catchBytes, float64(got.Bytes))
		replica.stop()
		parser.stop()
	}
	r.ratio(fmt.Sprintf("%d records queryable in a new Node client", records), "ms", full, fullFloor, atMost(3))
	r.ratio(fmt.Sprintf("%d changes of %d caught up", changes, records), "ms", catch, catchFloor, atMost(3))
	share := float64(changes) / float64(records)
	line := r.ratio("bytes of catching up, against the whole", "bytes", catchBytes, fullBytes, atMost(2*share))
	line.Note = fmt.Sprintf("%.4f of the records have changed", share)
	r.ratio("server CPU of catching up, against the whole", "ms", catchCPU, fullCPU, noGoal)

	// The same changes of a space with a tenth of the records, many times over.
	var bytes, cpu [2][]float64
	for i, path := range []string{"node/big", "node/small"} {
		at, err := record(ours.url, path, "")
		if err != nil {
			return err
		}
		if err := change(ours.url, path, changes, 900_000_000); err != nil {
			return err
		}
		for round := range r.rounds {
			const times = 20
			var c capture
			used, err := ours.used(func() error {
				return r.profiled(ours, "catchup-"+filepath.Base(path), round, func() (err error) {
					for range times {
						if c, err = record(ours.url, path, at.head); err != nil {
							return err
						}
					}
					return nil
				})
			})
			if err != nil {
				return err
			}
			bytes[i], cpu[i] = append(bytes[i], float64(c.bytes)), append(cpu[i], float64(used)/1e6/times)
		}
	}
	r.ratio(fmt.Sprintf("bytes of %d changes, of %d against of %d records", changes, records, small), "bytes", bytes[0], bytes[1], atMost(1.1))
	r.ratio("server CPU of the same", "ms", cpu[0], cpu[1], atMost(2))
	return nil
}
