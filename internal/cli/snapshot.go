package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// snapshot hands the entries of a view, as of one commit, to each; the records
// are good until it returns. The error is also that something is missing.
func (r *remote) snapshot(ctx context.Context, view space.View, each func(id string, record jsontext.Value) error) error {
	text, err := json.Marshal(view)
	if err != nil {
		return usage("the view: %w", err)
	}
	response, err := r.get(ctx, "_snapshot", url.Values{"view": {string(text)}})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(make([]byte, 64<<10), wire.MaxCarried)
	var sum wire.Sum
	for lines.Scan() {
		message, err := wire.DecodeServer(lines.Bytes())
		if err != nil {
			return fmt.Errorf("server %s: %w", r.base, err)
		}
		diff, ok := message.(*wire.Diff)
		if !ok {
			continue
		}
		for _, row := range diff.Put {
			sum.Add(row.Key, row.Version)
			if err := each(row.Key.ID, row.Value); err != nil {
				return err
			}
		}
		if diff.More {
			continue
		}
		if diff.Count == nil || *diff.Count != sum.Count || diff.Sum != sum.String() {
			return fmt.Errorf("server %s: the snapshot of space %s at %s is not what its check sum says: %d entries came; try again", r.base, r.path, diff.To, sum.Count)
		}
		return nil
	}
	if err := lines.Err(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("server %s: %w", r.base, err)
	}
	return fmt.Errorf("server %s: the snapshot of space %s was broken off after %d entries; try again", r.base, r.path, sum.Count)
}

// writeFile has write make the file path, which appears when it is complete, or,
// if path is "", write to out.
func writeFile(out io.Writer, path string, write func(io.Writer) error) error {
	if path == "" || path == "-" {
		return write(out)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return usage("%w", err)
	}
	defer os.Remove(temp.Name()) // nothing is there once it was renamed
	err = write(temp)
	if err == nil {
		err = temp.Chmod(0o644)
	}
	if err == nil {
		err = temp.Sync()
	}
	if e := temp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("%s was not written: %w", path, err)
	}
	return nil
}
