package replica

import (
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/boltstore"
)

// openFile opens the store in a file. It is the one place that names the engine.
func openFile(path string) (store.Store, error) { return boltstore.Open(path, boltstore.Options{}) }
