package replica

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"
)

// Call queues the call of a mutator, and shows what it does here (see
// Options.Mutators). args is anything that encodes to JSON, nil for none. The server runs the mutator on its
// own state: what it refuses is rejected and kept, as with Put, and so is what the caller may not call. A mutator that
// refuses here shows no effect, and is sent all the same: the server may know better. Errors are as Put's.
func (s *Space) Call(ctx context.Context, name string, args any) (*Pending, error) {
	var raw jsontext.Value
	if args != nil {
		var err error
		if raw, err = record(args); err != nil {
			return nil, err
		}
	}
	if err := s.lock(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	m, fx, err := s.core.Call(ctx, s.r.now(), name, raw)
	return s.queued(ctx, m, fx, err)
}
