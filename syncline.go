// Package syncline is a sync engine for local-first software: applications read
// and write local data, at once and offline, and the engine keeps every copy
// consistent.
//
// A Server is the authority of the spaces in one directory: it orders writes,
// validates them, makes them durable and pushes what changed. Serve its Handler
// over HTTP:
//
//	server, err := syncline.Open(ctx, syncline.Options{Dir: "data"})
//	if err != nil {
//		return err
//	}
//	defer server.Close(ctx)
//	return http.ListenAndServe("127.0.0.1:4600", server.Handler())
//
// Package replica is the other end for Go programs, web/client for browsers and
// Node; docs/PROTOCOL.md is what they speak.
//
// # What is guaranteed
//
// A mutation that was acknowledged is on disk. The commits of a space are in one
// order, and every replica sees them in that order, whole. A mutation takes
// effect once, however often it is sent. Serializable mutations are linearizable
// within their space. docs/ARCHITECTURE.md says which test holds each promise.
//
// # What is not
//
// There are no access rules yet: whoever can reach the Handler may read and
// write everything under any name. Handler therefore answers only requests that
// come in on a loopback name, unless Options say otherwise.
//
// # Compatibility
//
// Before version 1.0 the Go API may change in any release. The protocol has a
// version of its own (wire.Version). Directories written by an earlier release
// can be opened by a later one, or are refused with a reason.
package syncline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/token"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/host/history"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/outbox"
	"github.com/syncline/syncline/store/pebblestore"
	"github.com/syncline/syncline/transport"
	"github.com/syncline/syncline/webhook"
	"github.com/syncline/syncline/wire"
)

// Version is the version of this release.
const Version = "0.1.0"

// Options are what a Server is opened with. Dir must be set.
type Options struct {
	// Dir is the directory that holds the data; it is made if need be. Only one
	// process may have it open.
	Dir string
	// Limits bound what clients may send; zero fields take their defaults.
	Limits wire.Limits
	// Retain is how long history is kept; 0 is 30 days, negative for ever.
	Retain time.Duration
	// CacheBytes is the size of the block cache; 0 is the engine's default.
	CacheBytes int64
	// Logger gets what an operator should know; nil discards it.
	Logger *slog.Logger
	// Origins are web origins that may connect besides the server's own.
	Origins []string
	// Definition says who may read and write what; nil: everybody everything, on a loopback address only.
	// If another one was restored in the place of this one, that one is in force (see Server.Switch).
	Definition *definition.Definition
	// Source and Script are kept with the definition in the history: the name of the file that it is from, and
	// the script that its mutators were loaded from, where they belong to it.
	Source, Script string
	// Revive makes of a record of the history what it was kept of, with its mutators; nil takes its definition alone.
	Revive func(*history.Record) (App, error)
	// Tokens says which tokens are believed. Without it everybody is believed who
	// says who they are, on a loopback address only.
	Tokens *token.Config
	// Mutators are the functions of the application's own that clients may call, in Go or
	// from script.Load; the Definition says who may.
	Mutators mutator.Set
	// MutatorTime is how long one run of a mutator may take; 0 is 250 ms.
	MutatorTime time.Duration
	// Endpoints are the addresses of others that the definition's hooks may name. No
	// other address is ever called for them.
	Endpoints map[string]webhook.Endpoint
	// HoldFor is for how long beyond Retain history is kept that has not been
	// delivered yet; 0 is 30 days.
	HoldFor time.Duration
	// AnyoneMayReadAndWriteEverything lets requests in that name the server by
	// another name than a loopback one. There are no access rules yet.
	AnyoneMayReadAndWriteEverything bool
}

// A Server is the authority of the spaces in one directory. Its methods may be
// called from any goroutine.
type Server struct {
	store     *pebblestore.Store
	host      *host.Host
	transport *transport.Handler
	authority *authz.Ruled    // nil without a definition
	tokens    *token.Verifier // nil without tokens
	endpoints map[string]*webhook.Client
	ledger    *outbox.Ledger
	outbox    *outbox.Outbox
	readers   *outbox.Readers
	closing   chan struct{}

	mutatorTime time.Duration
	log         *slog.Logger

	history   *history.History // of definitions; nil without one
	switching sync.Mutex       // held by who puts another definition into force; guards what follows
	app       App              // in force
	said      string           // the digest of what was last in force and not restored
	despite   bool             // app was put into force although its tests fail
}

// Open opens or creates a directory. The error says what is wrong with it, such
// as that another process has it open.
func Open(ctx context.Context, opts Options) (*Server, error) {
	if opts.Dir == "" {
		return nil, errors.New("syncline: Options.Dir is empty: which directory holds the data?")
	}
	s := &Server{mutatorTime: opts.MutatorTime, closing: make(chan struct{}), log: opts.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.connect(opts.Endpoints); err != nil {
		return nil, fmt.Errorf("syncline: %w", err)
	}
	st, err := pebblestore.Open(opts.Dir, pebblestore.Options{CacheBytes: opts.CacheBytes, Logger: opts.Logger})
	if err != nil {
		return nil, fmt.Errorf("syncline: open %s: %w", opts.Dir, err)
	}
	s.store = st
	fail := func(err error) (*Server, error) {
		if s.tokens != nil {
			s.tokens.Close()
		}
		return nil, errors.Join(fmt.Errorf("syncline: %w", err), st.Close())
	}
	if err := s.begin(ctx, opts); err != nil {
		return fail(err)
	}
	mutators, err := mutator.New(s.app.Mutators, mutator.Options{Time: opts.MutatorTime})
	if err != nil {
		return fail(err)
	}
	authority, err := s.authorize(opts)
	if err != nil {
		return fail(err)
	}
	if err := s.openOutbox(ctx, opts, authority); err != nil {
		return fail(fmt.Errorf("open %s: %w", opts.Dir, err))
	}
	if err := s.enter(ctx); err != nil {
		return fail(err)
	}
	h := host.New(host.Options{
		Store: st, Authority: authority, Mutators: mutators, Limits: opts.Limits, Logger: opts.Logger, Retain: opts.Retain,
		Ask: s.asker(opts.Logger), Hold: s.outbox.Hold, HoldFor: opts.HoldFor,
	})
	t := transport.NewHandler(h, transport.Options{
		Origins: opts.Origins, LoopbackOnly: opts.Tokens == nil && !opts.AnyoneMayReadAndWriteEverything, Logger: opts.Logger,
	})
	s.host, s.transport = h, t
	s.outbox.Start()
	return s, nil
}

// authorize makes the authority that the options ask for.
func (s *Server) authorize(opts Options) (authz.Authority, error) {
	if opts.Definition == nil {
		if opts.Tokens != nil {
			return nil, errors.New("Options.Tokens without a Definition: nobody would be allowed anything")
		}
		return authz.Development{}, nil
	}
	policy, _, err := s.compile(context.Background(), s.app, s.despite)
	if err != nil {
		return nil, err
	}
	var verify func(context.Context, string) (authz.Principal, error)
	if opts.Tokens != nil {
		// Key sets are fetched until the server is closed, whatever becomes of the context that opened it.
		if s.tokens, err = token.New(context.Background(), *opts.Tokens, token.Options{Logger: opts.Logger}); err != nil {
			return nil, err
		}
		verify = func(ctx context.Context, text string) (authz.Principal, error) {
			c, err := s.tokens.Verify(ctx, text)
			return authz.Principal{User: c.User, Claims: c.All, Expires: c.Expires}, err
		}
	}
	s.authority = authz.NewRuled(policy, verify)
	return s.authority, nil
}

// Warnings says what of the definition in force costs more than it needs to.
func (s *Server) Warnings() []string {
	if s.authority == nil {
		return nil
	}
	return s.authority.Policy().Warnings()
}

// Handler serves the protocol below /v1/.
func (s *Server) Handler() http.Handler { return s.transport }

// Host is the spaces of the server, for metrics and for code that lives beside it.
func (s *Server) Host() *host.Host { return s.host }

// Store is the server's store, for metrics and verification.
func (s *Server) Store() *pebblestore.Store { return s.store }

// Failed is closed when storage has failed. The process should then end: what is
// acknowledged is on disk, and a fresh start recovers it. Err says what happened.
func (s *Server) Failed() <-chan struct{} { return s.host.Failed() }

// Err is why Failed was closed.
func (s *Server) Err() error { return s.host.Err() }

// Close commits what waits, tells clients to come back later and closes the
// store. Shut the http.Server down before or after; open WebSockets end here. If
// ctx ends first, clients learn the outcome of what was cut short when they return.
func (s *Server) Close(ctx context.Context) error {
	close(s.closing)
	err := s.host.Close(ctx)
	s.transport.Close()
	s.outbox.Close()
	for _, e := range s.endpoints {
		e.Close()
	}
	if s.tokens != nil {
		s.tokens.Close()
	}
	return errors.Join(err, s.store.Close())
}
