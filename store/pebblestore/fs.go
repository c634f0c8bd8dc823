package pebblestore

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A faultFS notices the first failure to write. Before it is armed it changes
// nothing (Open reports errors by itself). After a failure it keeps the disk as
// it is: changes are swallowed, except that new tables may still be written,
// which nothing on disk refers to. See the package comment for why it then
// claims success.
type faultFS struct {
	vfs.FS
	log    *slog.Logger
	armed  atomic.Bool
	broken atomic.Pointer[error]
	failed chan struct{} // closed when broken is set
}

// fail notes err as the reason why the store is broken, unless there is one.
func (f *faultFS) fail(err error) {
	if f.broken.CompareAndSwap(nil, &err) {
		close(f.failed)
		f.log.Error("the store is broken and takes no more writes until it is opened anew", "err", err)
	}
}

// err is why the store is broken, nil if it is not.
func (f *faultFS) err() error {
	if p := f.broken.Load(); p != nil {
		return *p
	}
	return nil
}

func (f *faultFS) frozen() bool { return f.armed.Load() && f.broken.Load() != nil }

// check looks at the error of a change to path and returns what Pebble is told.
func (f *faultFS) check(op, path string, err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) || !f.armed.Load() {
		return err
	}
	f.fail(fmt.Errorf("%s %s: %w", op, path, err))
	if isTable(path) {
		// Pebble copes, by trying again at once and for ever. Not so fast.
		time.Sleep(50 * time.Millisecond)
		return err
	}
	return nil
}

func isTable(path string) bool {
	ext := filepath.Ext(path)
	return ext == ".sst" || ext == ".blob"
}

// swallow reports whether a change to path is to be left out.
func (f *faultFS) swallow(path string) bool {
	return f.frozen() && !isTable(path)
}

func (f *faultFS) made(op, path string, file vfs.File, err error) (vfs.File, error) {
	if err = f.check(op, path, err); err != nil {
		return nil, err
	}
	if file == nil { // it failed, and Pebble is not to know
		return newNowhere(f.FS, path), nil
	}
	return &faultFile{file, f, path, newGrowth(path)}, nil
}

// syncDir makes durable what files a directory has.
func (f *faultFS) syncDir(path string) error {
	dir, err := f.OpenDir(path)
	if err != nil {
		return f.check("open", path, err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (f *faultFS) Create(path string, c vfs.DiskWriteCategory) (vfs.File, error) {
	// A marker's name says which manifest counts. Pebble makes both durable by one
	// sync of the directory, and a crash before it might leave the marker alone.
	if strings.HasPrefix(f.FS.PathBase(path), "marker.") && !f.swallow(path) {
		if err := f.syncDir(f.FS.PathDir(path)); err != nil {
			return nil, err
		}
	}
	if f.swallow(path) {
		return newNowhere(f.FS, path), nil
	}
	file, err := f.FS.Create(path, c)
	return f.made("create", path, file, err)
}

func (f *faultFS) OpenReadWrite(path string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	if f.swallow(path) {
		return newNowhere(f.FS, path), nil
	}
	file, err := f.FS.OpenReadWrite(path, c, o...)
	return f.made("open", path, file, err)
}

func (f *faultFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if f.swallow(to) {
		return newNowhere(f.FS, to), nil
	}
	file, err := f.FS.ReuseForWrite(from, to, c)
	return f.made("reuse", to, file, err)
}

func (f *faultFS) OpenDir(path string) (vfs.File, error) {
	file, err := f.FS.OpenDir(path)
	if err != nil {
		return nil, err
	}
	return &faultFile{File: file, fs: f, path: path}, nil
}

func (f *faultFS) Link(from, to string) error {
	if f.swallow(to) {
		return nil
	}
	return f.check("link", to, f.FS.Link(from, to))
}

func (f *faultFS) Rename(from, to string) error {
	if f.frozen() {
		return nil
	}
	return f.check("rename", to, f.FS.Rename(from, to))
}

func (f *faultFS) Remove(path string) error {
	if f.frozen() {
		return nil
	}
	return f.check("remove", path, f.FS.Remove(path))
}

func (f *faultFS) RemoveAll(path string) error {
	if f.frozen() {
		return nil
	}
	return f.check("remove", path, f.FS.RemoveAll(path))
}

func (f *faultFS) MkdirAll(path string, perm fs.FileMode) error {
	if f.frozen() {
		return nil
	}
	return f.check("mkdir", path, f.FS.MkdirAll(path, perm))
}

func (f *faultFS) Unwrap() vfs.FS { return f.FS }

// A faultFile is a file of a faultFS that may be written or synced.
type faultFile struct {
	vfs.File
	fs     *faultFS
	path   string
	growth growth
}

func (f *faultFile) Write(p []byte) (int, error) {
	if f.fs.swallow(f.path) {
		return len(p), nil
	}
	f.growth.ahead(f.File, len(p))
	n, err := f.File.Write(p)
	if err = f.fs.check("write", f.path, err); err == nil {
		n = len(p)
	}
	return n, err
}

func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	if f.fs.swallow(f.path) {
		return len(p), nil
	}
	n, err := f.File.WriteAt(p, off)
	if err = f.fs.check("write", f.path, err); err == nil {
		n = len(p)
	}
	return n, err
}

func (f *faultFile) Preallocate(off, n int64) error {
	if f.fs.swallow(f.path) {
		return nil
	}
	return f.fs.check("preallocate", f.path, f.File.Preallocate(off, n))
}

func (f *faultFile) Sync() error {
	if f.fs.swallow(f.path) {
		return nil
	}
	return f.fs.check("sync", f.path, f.File.Sync())
}

func (f *faultFile) SyncData() error {
	if f.fs.swallow(f.path) {
		return nil
	}
	return f.fs.check("sync", f.path, f.File.SyncData())
}

func (f *faultFile) SyncTo(n int64) (bool, error) {
	if f.fs.swallow(f.path) {
		return true, nil
	}
	full, err := f.File.SyncTo(n)
	if err != nil {
		err = f.fs.check("sync", f.path, err)
		full = err == nil
	}
	return full, err
}

func (f *faultFile) Close() error {
	return f.fs.check("close", f.path, f.File.Close())
}

// newNowhere is a file that takes everything and keeps it in memory, for the
// little that Pebble writes to its log and manifest after the disk has failed.
func newNowhere(real vfs.FS, path string) vfs.File {
	mem := vfs.NewMem()
	file, err := mem.Create(real.PathBase(path), vfs.WriteCategoryUnspecified)
	if err != nil {
		panic(err) // memory does not fail
	}
	return file
}
