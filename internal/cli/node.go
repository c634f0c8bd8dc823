package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/authz/token"
	"github.com/syncline/syncline/internal/admin"
)

// shutdownTimeout is how long a server that was told to stop waits for requests
// that are being answered. Commits are not among what it gives up.
const shutdownTimeout = 10 * time.Second

// A node is a server with its listeners.
type node struct {
	log    *slog.Logger
	server *syncline.Server
	app    app // as the files were at the start
	main   *http.Server
	admin  *http.Server // nil without one
	url    string
	errs   chan error // of the listeners

	definitions *definitions
}

// start listens, opens the data and serves. pages, if not nil, get what is not
// below /v1/.
func (o *nodeFlags) start(ctx context.Context, log *slog.Logger, pages http.Handler) (n *node, err error) {
	TuneGC()
	if err := checkLimits(o.limits); err != nil {
		return nil, err
	}
	if o.retain == 0 {
		return nil, usage("--retain 0: want how long history is kept, such as 720h, or a negative duration for ever")
	}
	ruled := o.definition != "" || o.own.definition != nil
	if err := checkListen(ctx, o.listen, o.anyone || ruled && o.tokens != ""); err != nil {
		return nil, err
	}
	if err := checkAdmin(ctx, o.admin); err != nil {
		return nil, err
	}
	if o.anyone {
		log.Warn("anyone who can connect may read and write everything", "listen", o.listen)
	}
	said := o.own
	if o.definition != "" {
		if said, err = readBoth(o.definition, o.mutators); err != nil {
			return nil, usage("%w", err)
		}
	}
	var tokens *token.Config
	if o.tokens != "" {
		if tokens, err = readTokens(o.tokens); err != nil {
			return nil, usage("%w", err)
		}
	}
	if o.definition == "" && o.mutators != "" {
		if said.mutators, err = readMutators(o.mutators); err != nil {
			return nil, usage("%w", err)
		}
	}
	var others endpoints
	if o.endpoints != "" {
		if others, err = readEndpoints(o.endpoints); err != nil {
			return nil, usage("%w", err)
		}
	}
	// Addresses before data: a second server on one machine finds out without
	// having touched anything.
	var listeners []net.Listener
	defer func() {
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
		}
	}()
	for _, a := range []struct{ flag, address string }{{"listen", o.listen}, {"admin", o.admin}} {
		if a.address == "" {
			continue
		}
		l, err := net.Listen("tcp", a.address)
		if err != nil {
			return nil, usage("--%s %s: %w; is another server running? A port of 0 takes any that is free", a.flag, a.address, err)
		}
		listeners = append(listeners, l)
	}
	n = &node{log: log, errs: make(chan error, 2)}
	n.server, err = syncline.Open(ctx, syncline.Options{
		Dir: o.dir, Limits: o.limits, Retain: o.retain, CacheBytes: o.cacheBytes, Logger: log,
		Origins: o.origins, Tokens: tokens, MutatorTime: o.mutatorTime,
		Definition: said.definition, Mutators: said.mutators, Script: said.script(), Source: o.source(), Revive: o.revive,
		Endpoints: others.byName, HoldFor: others.holdFor, AnyoneMayReadAndWriteEverything: o.anyone,
	})
	if err != nil {
		return nil, usage("%w", said.locate(err))
	}
	n.app, n.definitions = said, &definitions{Server: n.server, log: log, files: o}
	if said.definition != nil {
		warn(log, n.server.Warnings())
	}
	switch {
	case o.definition != "":
		go atHangups(ctx, func() { n.definitions.hangup(ctx) })
	case o.mutators != "":
		go reloadMutators(ctx, log, n.server, o.mutators)
	}
	handler := n.server.Handler()
	if pages != nil {
		mux := http.NewServeMux()
		mux.Handle("/v1/", handler)
		mux.Handle("/", pages)
		handler = mux
	}
	n.url = "http://" + listeners[0].Addr().String()
	n.main = n.serve(listeners[0], handler)
	if len(listeners) > 1 {
		n.admin = n.serve(listeners[1], admin.New(n.definitions, log))
		log.Info("admin address", "url", "http://"+listeners[1].Addr().String(), "paths", "/metrics /healthz /readyz /debug/pprof/")
	}
	log.Info("serving", "url", n.url, "dir", o.dir, "version", syncline.Version)
	return n, nil
}

func (n *node) serve(l net.Listener, handler http.Handler) *http.Server {
	s := &http.Server{
		Handler:           handler,
		ErrorLog:          slog.NewLogLogger(n.log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		// No WriteTimeout: streams last as long as their readers. The transport sets
		// a deadline for each write.
	}
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			n.errs <- fmt.Errorf("listener %s: %w", l.Addr(), err)
		}
	}()
	return s
}

// wait serves until ctx ends or something fails, then stops in order.
func (n *node) wait(ctx context.Context) error {
	var failure error
	select {
	case <-ctx.Done():
		n.log.Info("stopping: a second signal ends the process at once")
	case <-n.server.Failed():
		failure = fmt.Errorf("storage has failed: %w; what was acknowledged is on disk: see to the disk and start again", n.server.Err())
	case failure = <-n.errs:
	}
	if err := n.stop(); err != nil && failure == nil {
		failure = fmt.Errorf("stop: %w", err)
	}
	if failure != nil {
		return &exit{exitFailed, failure}
	}
	n.log.Info("stopped")
	return nil
}

// stop takes no more connections, commits what waits, sends everybody away and
// closes the store. Streams end because their sessions do: so Shutdown, which
// waits for them, runs beside Close, and first, which shuts the listeners.
func (n *node) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	shut := make(chan struct{})
	n.main.RegisterOnShutdown(func() { close(shut) }) // called when the listeners are closed
	done := make(chan error, 1)
	go func() { done <- n.main.Shutdown(ctx) }()
	<-shut
	err := n.server.Close(ctx)
	if e := <-done; e != nil {
		n.log.Warn("requests were cut short", "error", e)
		_ = n.main.Close()
	}
	if n.admin != nil {
		_ = n.admin.Close()
	}
	return err
}

// source names where the definition comes from.
func (o *nodeFlags) source() string {
	if o.definition == "" && o.own.definition != nil {
		return "the program's own"
	}
	return filepath.Base(o.definition)
}
