package appfile

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// look is how often files are looked at: what the eye takes for at once, at next to no cost.
const look = 200 * time.Millisecond

// A stamp tells a file that was changed from one that was not; zero: there is none.
type stamp struct {
	at   time.Time
	size int64
}

// stamps are those of files and of their directories: a file that an import has asked for in vain comes into one.
func stamps(files []string) map[string]stamp {
	all := map[string]stamp{}
	for _, f := range files {
		for _, path := range []string{f, filepath.Dir(f)} {
			if _, known := all[path]; known || path != f && strings.Contains(path, "node_modules") {
				continue
			}
			all[path] = stamp{}
			if info, err := os.Stat(path); err == nil {
				all[path] = stamp{info.ModTime(), info.Size()}
				if info.IsDir() {
					all[path] = stamp{at: info.ModTime()}
				}
			}
		}
	}
	return all
}

// Watch loads the file at path again after each change of it and of what it imports,
// and hands changed what became of that, until ctx ends. It may also do so when nothing has changed, as it
// does at its beginning. Calls do not overlap. files are those that the file was made of when it was last read.
func Watch(ctx context.Context, path string, files []string, changed func(*App, error)) {
	if abs, err := filepath.Abs(path); err == nil {
		files = append([]string{abs}, files...)
	}
	var seen map[string]stamp
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := stamps(files)
		if maps.Equal(now, seen) {
			continue
		}
		app, err := Load(path)
		if err == nil {
			files = append(files[:1:1], app.Files...) // one that is new is not in seen: so it is looked at again
		}
		seen = now
		changed(app, err)
	}
}
