package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// benchHistory: a space with a long log is open at once, and what is not asked
// for stays on disk.
func benchHistory(r *run) error {
	commits := pick(r, 1_000_000, 20_000)
	keys := commits / 10
	dir := r.temp("history")
	begun := time.Now()
	cursor, err := build(dir, "history/long", commits, keys)
	if err != nil {
		return err
	}
	building := time.Since(begun)
	var opened, rss, killed []float64
	open := func(into *[]float64) (*process, error) {
		begun := time.Now()
		ours, err := spawn("syncline", dir)
		if err != nil {
			return nil, err
		}
		l, err := door{url: ours.url, spaces: []string{"history/long"}, writer: true, view: true, cursor: cursor}.open()
		if err != nil {
			ours.kill()
			return nil, err
		}
		defer l.close()
		if err := writeOne(l, "history/long"); err != nil {
			ours.kill()
			return nil, err
		}
		*into = append(*into, time.Since(begun).Seconds())
		return ours, nil
	}
	for range r.rounds {
		ours, err := open(&opened)
		if err != nil {
			return err
		}
		a, err := ours.ask(order{Do: "usage"})
		rss = append(rss, float64(a.RSS)/(1<<20))
		if err != nil {
			ours.kill()
			return err
		}
		// Once more after a crash.
		ours.kill()
		_ = ours.cmd.Wait()
		if ours, err = open(&killed); err != nil {
			return err
		}
		ours.stop()
	}
	what := fmt.Sprintf("%d commits: start, open the last 1,000, write one", commits)
	line := r.absolute(what, "s", opened, atMost(2))
	line.Note = fmt.Sprintf("built in %.0f s; %d MiB on disk", building.Seconds(), diskUsage(dir)>>20)
	r.absolute("same, after the server was killed", "s", killed, atMost(2))
	r.absolute("same, RSS then", "MiB", rss, noGoal)
	return nil
}

func writeOne(l *link, path string) error {
	done := make(chan struct{}, 1)
	l.hear(func(frame []byte) {
		if l.acks(frame) > 0 {
			done <- struct{}{}
		}
	})
	if err := l.send(l.push(nil, path, 1, 1, recordBytes)); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case err := <-l.failed:
		return err
	case <-time.After(20 * time.Second):
		return fmt.Errorf("a write is not acknowledged")
	}
}

func diskUsage(dir string) (bytes int64) {
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// benchStart: the binary on an empty directory.
func benchStart(r *run) error {
	binary := filepath.Join(r.dir, "syncline")
	if text, err := exec.Command("go", "build", "-o", binary, "./cmd/syncline").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: cmd/syncline does not build here: %s", errSkip, text)
	}
	var ready, rss []float64
	for range r.rounds {
		begun := time.Now()
		cmd := exec.Command(binary, "serve", "--dir", r.temp("empty"), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-level", "error")
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		stop := func() {
			_ = cmd.Process.Signal(os.Interrupt)
			_ = cmd.Wait()
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			stop()
			return err
		}
		url := strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
		l, err := door{url: url, spaces: []string{"start/space"}, view: true}.open()
		if err != nil {
			stop()
			return err
		}
		ready = append(ready, float64(time.Since(begun))/1e6)
		l.close()
		time.Sleep(pick(r, 5*time.Second, 100*time.Millisecond))
		rss = append(rss, float64(resident(cmd.Process.Pid))/(1<<20))
		stop()
	}
	r.absolute("from exec to a client that has an empty space open", "ms", ready, atMost(100))
	r.absolute("RSS 5 s later", "MiB", rss, atMost(30))
	return nil
}
