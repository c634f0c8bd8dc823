package syncline

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/hook"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/outbox"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/webhook"
)

// connect makes clients of the operator's endpoints.
func (s *Server) connect(endpoints map[string]webhook.Endpoint) error {
	s.endpoints = map[string]*webhook.Client{}
	for _, name := range slices.Sorted(maps.Keys(endpoints)) {
		if err := authz.CheckHookName(name); err != nil {
			return fmt.Errorf("endpoint %.64q: %w", name, err)
		}
		c, err := webhook.New(endpoints[name])
		if err != nil {
			return fmt.Errorf("endpoint %s: %w", name, err)
		}
		s.endpoints[name] = c
	}
	return nil
}

// connected refuses a definition that names endpoints which nobody has configured.
func (s *Server) connected(p *authz.Policy) error {
	for _, h := range slices.Concat(p.Deliveries(), p.Asks()) {
		if s.endpoints[h.To] == nil {
			return fmt.Errorf("the definition's hook %s wants the endpoint %s, which the operator has not configured", h.Name, h.To)
		}
	}
	return nil
}

// openOutbox makes what tells others of commits, and introduces the definition's deliveries.
func (s *Server) openOutbox(ctx context.Context, opts Options, authority authz.Authority) error {
	var err error
	if s.ledger, err = outbox.OpenLedger(ctx, s.store, nil); err != nil {
		return err
	}
	to := map[string]outbox.Endpoint{}
	for name, c := range s.endpoints {
		to[name] = c
	}
	s.readers = &outbox.Readers{Ledger: s.ledger}
	s.outbox = outbox.New(outbox.Options{Store: s.store, Ledger: s.ledger, Rules: authority.Rules, Endpoints: to, Logger: opts.Logger})
	if s.authority == nil {
		return nil
	}
	return s.outbox.Introduce(ctx, s.authority.Policy())
}

// asker is what asks those who have to agree.
func (s *Server) asker(log *slog.Logger) func(context.Context, space.Path, *core.Ask) core.Verdict {
	a := &hook.Asker{Endpoints: map[string]hook.Caller{}, Logger: log}
	if log == nil {
		a.Logger = slog.New(slog.DiscardHandler)
	}
	for name, c := range s.endpoints {
		a.Endpoints[name] = c
	}
	return a.Ask
}

// Outbox is what tells others of commits, for metrics.
func (s *Server) Outbox() *outbox.Outbox { return s.outbox }

// Ledger holds how far that has got, and the dead letters.
func (s *Server) Ledger() *outbox.Ledger { return s.ledger }
