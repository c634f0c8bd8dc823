package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/syncline/syncline/store"
)

// Pebble takes a manifest whose end is missing for one that a crash has cut off,
// and opens an older state, an empty one even: it cannot know that there was
// more. After an orderly Close we can. Close writes every row to a table, so that
// no log matters, and then notes the manifest's name, length and checksum in a
// file beside. Open compares, and removes the note, because from then on the
// manifest changes. (Tables have checksums, and the manifest knows their sizes.)
const closedFile = "SYNCLINE-CLOSED"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkClosed compares the manifest with the note of the last orderly Close and
// removes the note. One that is missing or damaged proves nothing.
func (s *Store) checkClosed() error {
	path := s.fs.PathJoin(s.dir, closedFile)
	note, err := s.readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	n := len(note) - 4
	if n < 0 || crc32.Checksum(note[:n], castagnoli) != binary.BigEndian.Uint32(note[n:]) {
		s.options.Logger.Warn("the note of the last orderly close is damaged, and of no further use")
	} else {
		now, err := s.describeManifest()
		if err != nil {
			return err
		}
		if string(now) != string(note[:n]) {
			return fmt.Errorf("%w: Pebble's manifest was %s when the store was closed, and is %s", store.ErrCorrupt, note[:n], now)
		}
	}
	if err := s.fs.Remove(path); err != nil {
		return err
	}
	// Or the note comes back after a crash, about a manifest that is no more.
	return s.fs.syncDir(s.dir)
}

// describeManifest is a line about the newest manifest.
func (s *Store) describeManifest() ([]byte, error) {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return nil, err
	}
	newest := ""
	for _, name := range names {
		// Numbers have six digits or more: the longer is the greater.
		if strings.HasPrefix(name, "MANIFEST-") && (len(name) > len(newest) || len(name) == len(newest) && name > newest) {
			newest = name
		}
	}
	if newest == "" {
		return []byte("missing"), nil
	}
	b, err := s.readFile(s.fs.PathJoin(s.dir, newest))
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s of %d bytes, checksum %08x", newest, len(b), crc32.Checksum(b, castagnoli)), nil
}

// noteClosed writes the note, after the database was closed. A file of a store
// that is closed may not be written in place, so there is a temporary one.
func (s *Store) noteClosed() error {
	note, err := s.describeManifest()
	if err != nil {
		return err
	}
	note = binary.BigEndian.AppendUint32(note, crc32.Checksum(note, castagnoli))
	path := s.fs.PathJoin(s.dir, closedFile)
	f, err := s.fs.Create(path+".tmp", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(note)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := s.fs.Rename(path+".tmp", path); err != nil {
		return err
	}
	return s.fs.syncDir(s.dir)
}

func (s *Store) readFile(path string) ([]byte, error) {
	f, err := s.fs.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
