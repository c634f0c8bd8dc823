package pebblestore

import (
	"os"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/storetest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Opener {
		fs := vfs.NewMem()
		return func() (store.Store, error) { return Open("db", Options{FS: fs, CachedSpaces: 2}) }
	})
}

func TestConformanceOnDisk(t *testing.T) {
	if os.Getenv("SYNCLINE_LONG") == "" {
		t.Skip("some thousand fsyncs: set SYNCLINE_LONG=1")
	}
	storetest.Run(t, func(t testing.TB) storetest.Opener {
		dir := t.TempDir()
		return func() (store.Store, error) { return Open(dir, Options{}) }
	})
}
