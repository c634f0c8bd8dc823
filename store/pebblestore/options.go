package pebblestore

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options tune a store; the zero value is right for a small server.
type Options struct {
	// CacheBytes is the size of the block cache, 32 MiB if zero; it grows as it is used.
	CacheBytes int64

	// MemTableBytes is how much Pebble gathers in memory before it writes a
	// table, 64 MiB if zero. Memory grows towards a few times of it under load,
	// from 256 KiB when idle.
	MemTableBytes uint64

	// MaxOpenFiles bounds the open tables, 512 if zero.
	MaxOpenFiles int

	// CachedSpaces is how many idle spaces' heads are kept in memory, 4096 if
	// zero, at some 300 bytes each.
	CachedSpaces int

	// ReserveBytes is the free disk space below which Append is refused with
	// store.ErrFull, so that trims and Pebble's own work still have room. 64 MiB
	// if zero, none if negative.
	ReserveBytes int64

	// FS is where the files are, the operating system's if nil.
	FS vfs.FS

	// Logger receives Pebble's warnings and errors; nobody does if nil.
	Logger *slog.Logger

	// dangerouslyNoSync acknowledges appends that are not on disk. Tests prove by
	// it that the crash harness sees lost commits.
	dangerouslyNoSync bool
}

func (o Options) withDefaults() Options {
	if o.CacheBytes == 0 {
		o.CacheBytes = 32 << 20
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 64 << 20
	}
	if o.MaxOpenFiles == 0 {
		o.MaxOpenFiles = 512
	}
	if o.CachedSpaces == 0 {
		o.CachedSpaces = 4096
	}
	if o.ReserveBytes == 0 {
		o.ReserveBytes = 64 << 20
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return o
}

func (s *Store) pebbleOptions() *pebble.Options {
	o := &pebble.Options{
		CacheSize:          s.options.CacheBytes,
		Comparer:           comparer,
		FS:                 s.fs,
		FormatMajorVersion: pebble.FormatValueSeparation, // pinned: an upgrade is a decision
		Logger:             logger{s},
		MaxOpenFiles:       s.options.MaxOpenFiles,
		MemTableSize:       s.options.MemTableBytes,
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { s.options.Logger.Error("pebble: background work failed", "err", err) },
			// The default ends the process. Whoever reads the damage gets an error.
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				s.options.Logger.Error("pebble: damaged data", "info", info.String())
			},
		},
	}
	// Half of the CPU of a busy writer used to go into rewriting tables. More of them
	// may lie side by side before that: point reads have bloom filters.
	o.L0CompactionThreshold = 8
	o.LBaseMaxBytes = 256 << 20
	// One shard per file cache would be enough for the two cores of a small
	// server, and each costs memory and a goroutine.
	o.Experimental.FileCacheShards = 2
	o.Experimental.CompactionScheduler = newScheduler()
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].BlockSize = 8 << 10
		if i < 2 {
			// What is written here is soon written again further down.
			o.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
		}
	}
	return o
}

// logger passes on what Pebble logs. Pebble expects Fatalf not to return; while
// opening it does not (open recovers), later the store is broken and stays up.
type logger struct{ s *Store }

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.s.options.Logger.Error("pebble: " + fmt.Sprintf(format, args...))
}

func (l logger) Fatalf(format string, args ...any) {
	err := fmt.Errorf("pebble: "+format, args...)
	l.s.fs.fail(err)
	if !l.s.fs.armed.Load() {
		panic(err)
	}
}
