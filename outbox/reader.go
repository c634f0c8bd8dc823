package outbox

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/space"
)

// Readers keep how far programs have read the logs of spaces, by name. Its methods
// may be called from any goroutine.
type Readers struct {
	Ledger *Ledger

	mu     sync.Mutex
	active map[space.Key]bool
}

type readerRow struct {
	At space.Cursor `json:"at"`
}

func readerKey(name string, path space.Path) (space.Key, error) {
	if err := authz.CheckHookName(name); err != nil {
		return space.Key{}, err
	}
	return space.Key{Collection: inReaders, ID: name + " " + string(path)}, nil
}

// Begin reserves a name in a space until end is called, and returns where it
// stands: the zero Cursor for a new one.
func (r *Readers) Begin(ctx context.Context, name string, path space.Path) (at space.Cursor, end func(), err error) {
	key, err := readerKey(name, path)
	if err != nil {
		return at, nil, err
	}
	r.mu.Lock()
	if r.active[key] {
		r.mu.Unlock()
		return at, nil, fmt.Errorf("%s is being read as %s already", path, name)
	}
	if r.active == nil {
		r.active = map[space.Key]bool{}
	}
	r.active[key] = true
	r.mu.Unlock()
	end = func() {
		r.mu.Lock()
		delete(r.active, key)
		r.mu.Unlock()
	}
	text, err := r.Ledger.Get(ctx, key)
	var row readerRow
	if err == nil && text != nil {
		err = json.Unmarshal(text, &row)
	}
	if err != nil {
		end()
		return at, nil, err
	}
	return row.At, end, nil
}

// Save notes how far a name has got in a space.
func (r *Readers) Save(name string, path space.Path, at space.Cursor) error {
	key, err := readerKey(name, path)
	if err != nil {
		return err
	}
	text, err := json.Marshal(readerRow{at})
	if err != nil {
		return err
	}
	return r.Ledger.Save(Row{key, text})
}
