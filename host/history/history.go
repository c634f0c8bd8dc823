// Package history keeps the definitions that were in force on a server: what they said, since
// when, and where in each space's order they came into force. It is kept in a space of
// the same store as the data, so that it is as durable, and is there wherever the data is.
//
// It decides nothing, except what a restored definition outlasts: see [Record.Holds].
package history

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// Path is the space that holds the history. No client can name it: see space.Path.Reserved.
const Path = space.Path("_definitions")

const collection = "records"

// Bounds of what is kept. The oldest records go first; the newest stays, whatever its size.
const (
	MaxRecords  = 50
	MaxBytes    = 32 << 20
	MaxSwitches = 1000 // of one record
)

// A Record is one definition that came into force.
type Record struct {
	Number  int       `json:"number"` // 1, 2, 3 and so on
	Time    time.Time `json:"time"`
	Version string    `json:"version"`         // of the definition
	Digest  string    `json:"digest"`          // of the definition and the script: see Digest
	Source  string    `json:"source,omitzero"` // the name of the file that said it
	// Restored is the number of the record that was brought back, 0 for one that the file said;
	// Instead is the digest of what the file said at that time.
	Restored int    `json:"restored,omitzero"`
	Instead  string `json:"instead,omitzero"`
	// DespiteTests tells that its tests failed, and that the operator wanted it nevertheless.
	DespiteTests bool `json:"despiteTests,omitzero"`

	Definition jsontext.Value `json:"definition,omitzero"`
	Script     string         `json:"script,omitzero"` // of the mutators, if they belong to it

	// Switches are where the spaces switched that were active, by path, at most MaxSwitches; More is how many others did.
	Switches []host.Switch `json:"switches,omitzero"`
	More     int           `json:"more,omitzero"`
}

// Holds reports whether the record stays in force at a start although the file says something:
// it was restored, and the file still says what it was restored in the place of.
func (r *Record) Holds(digest string) bool { return r.Restored != 0 && r.Instead == digest }

// ErrDamaged is returned where a record cannot be read, or is not what was written.
var ErrDamaged = errors.New("the history of definitions is damaged")

// Digest is short, and equal for definitions and scripts that are equal. Without a
// script it is the definition's version.
func Digest(d *definition.Definition, script string) string {
	if script == "" {
		return d.Version()
	}
	return sum(d.Version(), script)
}

func sum(version, script string) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s\n%s", version, script)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
}

// A History is that of one store. Its methods may be called from any goroutine.
type History struct {
	st  store.Store
	now func() time.Time
	mu  sync.Mutex // held by who writes
}

// New returns the history that is in a store. now is the clock; nil is time.Now.
func New(st store.Store, now func() time.Time) *History {
	if now == nil {
		now = time.Now
	}
	return &History{st: st, now: now}
}

// All are the records, oldest first. The error is ErrDamaged, or the store's.
func (h *History) All(ctx context.Context) ([]Record, error) {
	entries, err := h.entries(ctx)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	out := make([]Record, len(entries))
	for i, e := range entries {
		if err := decode(e, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Last is the newest record, nil if there is none. It looks at no other.
func (h *History) Last(ctx context.Context) (*Record, error) {
	entries, err := h.entries(ctx)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	r := &Record{}
	return r, decode(entries[len(entries)-1], r)
}

// Get is the record with a number.
func (h *History) Get(ctx context.Context, number int) (*Record, error) {
	all, err := h.All(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Number == number {
			return &all[i], nil
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no definition has been in force yet")
	}
	return nil, fmt.Errorf("no definition %d is kept; those from %d to %d are", number, all[0].Number, all[len(all)-1].Number)
}

// Add keeps a record as the newest, which gives it its number and time. It is on disk when Add returns.
func (h *History) Add(ctx context.Context, r *Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	last, err := h.Last(ctx)
	if err != nil {
		return err
	}
	r.Number, r.Time = 1, h.now().UTC()
	if last != nil {
		r.Number = last.Number + 1
	}
	return h.save(ctx, r)
}

// Restore keeps a copy of a record as the newest, in the place of what the file last said: at the next
// start it is in force, if the file says the same then.
func (h *History) Restore(ctx context.Context, number int) (*Record, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, err := h.Get(ctx, number)
	if err != nil {
		return nil, err
	}
	last, err := h.Last(ctx)
	if err != nil {
		return nil, err
	}
	r.Restored, r.Instead = number, last.Digest
	if last.Restored != 0 {
		r.Instead = last.Instead
	}
	r.Switches, r.More = nil, 0
	r.Number, r.Time = last.Number+1, h.now().UTC()
	return r, h.save(ctx, r)
}

// Switched notes where the active spaces switched to a record.
func (h *History) Switched(ctx context.Context, number int, switches []host.Switch) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, err := h.Get(ctx, number)
	if err != nil {
		return err
	}
	r.Switches = switches
	if r.More = len(switches) - MaxSwitches; r.More > 0 {
		r.Switches = switches[:MaxSwitches]
	} else {
		r.More = 0
	}
	return h.save(ctx, r)
}

// Forget removes all records: for a history that is damaged.
func (h *History) Forget(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.st.Drop(ctx, Path)
}

// Said is the definition of a record. The error says why this release cannot read it.
func (r *Record) Said() (*definition.Definition, error) {
	return definition.ParseComputed(r.Definition)
}

// Of begins a record of a definition and its script.
func Of(d *definition.Definition, script, source string) (*Record, error) {
	text, err := json.Marshal(d, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("a definition: %w", err)
	}
	return &Record{Version: d.Version(), Digest: Digest(d, script), Source: source, Definition: text, Script: script}, nil
}
