package memstore_test

import (
	"testing"

	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/store/storetest"
)

func BenchmarkAppend(b *testing.B) {
	storetest.BenchmarkAppend(b, func(testing.TB) storetest.Opener {
		return func() (store.Store, error) { return memstore.New(), nil }
	})
}
