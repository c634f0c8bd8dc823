package cli

import (
	"errors"
	"os"

	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/pebblestore"
)

// withStopped opens the data directory of a server that does not run, for as long as do
// takes. busy says what to do if one does.
func withStopped(dir, busy string, do func(store.Store) error) error {
	if _, err := os.Stat(dir); err != nil {
		return usage("%w", err) // opening would make what is not there
	}
	st, err := pebblestore.Open(dir, pebblestore.Options{})
	if err != nil {
		return usage("%s: %w; %s", dir, err, busy)
	}
	return errors.Join(do(st), st.Close())
}
