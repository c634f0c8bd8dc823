package boltstore

import (
	"path/filepath"
	"testing"

	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/storetest"
)

func BenchmarkAppend(b *testing.B) {
	storetest.BenchmarkAppend(b, func(t testing.TB) storetest.Opener {
		path := filepath.Join(t.TempDir(), "db")
		return func() (store.Store, error) { return Open(path, Options{}) }
	})
}
