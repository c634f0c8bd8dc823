// Package script makes mutators of JavaScript: one self-contained script, run in a
// sandbox (QuickJS) without I/O, with bounds for time, memory and recursion.
//
// A script leaves globalThis.__syncline = {mutators: {pattern: {name: function (tx, args)}}} behind;
// docs/MUTATORS.md says what tx has. What it computes follows from what it is
// handed: Date and Math.random are the mutation's, and nothing that one run
// leaves behind can be seen by another, since the script is run anew for each and all else is frozen.
package script

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"modernc.org/quickjs"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/mutator"
)

// Options bound what scripts may take. The zero value is right.
type Options struct {
	// Memory is what one realm may use, in bytes; 0 is 32 MiB.
	Memory int
}

const (
	// MaxSource bounds the text of a script, in bytes.
	MaxSource = 4 << 20

	defaultMemory = 32 << 20
	loadTime      = 2 * time.Second
	maxStack      = 512  // frames
	maxUses       = 2000 // of a realm, then a new one is made
	maxIdle       = 8    // realms that wait for work
)

// Load reads a script. The error says what is wrong with it.
func Load(source string, opt Options) (mutator.Set, error) {
	if len(source) > MaxSource {
		return nil, fmt.Errorf("a script of %d bytes; the limit is %d", len(source), MaxSource)
	}
	if opt.Memory == 0 {
		opt.Memory = defaultMemory
	}
	sum := sha256.Sum256([]byte(source))
	p := &pool{source: source, opt: opt, version: base64.RawURLEncoding.EncodeToString(sum[:12]), idle: make(chan *realm, maxIdle)}
	if err := check(source); err != nil {
		return nil, err
	}
	r, err := newRealm(source, opt)
	if err != nil {
		return nil, fmt.Errorf("the script: %w", err)
	}
	timer := time.AfterFunc(loadTime, r.vm.Interrupt)
	text, err := r.text(r.names)
	if !timer.Stop() {
		err = fmt.Errorf("its top level did not end within %v", loadTime)
	}
	var names [][2]string
	if err == nil {
		err = json.Unmarshal([]byte(text), &names)
	}
	if err != nil {
		r.close()
		return nil, fmt.Errorf("the script: %w", err)
	}
	p.put(r)
	runtime.AddCleanup(p, drain, p.idle)
	set := mutator.Set{}
	for _, n := range names {
		kind, name := n[0], n[1]
		if set[kind] == nil {
			set[kind] = map[string]mutator.Func{}
		}
		set[kind][name] = func(tx *mutator.Tx, args jsontext.Value) error { return p.run(kind, tx, args) }
	}
	if _, err := mutator.New(set, mutator.Options{}); err != nil {
		return nil, fmt.Errorf("the script: %w", err)
	}
	return set, nil
}

// check compiles the script as what it is, so that it cannot close the function that it is put into.
func check(source string) error {
	vm, err := quickjs.NewVM()
	if err != nil {
		return err
	}
	defer vm.Close()
	if _, err := vm.Compile(source, quickjs.EvalGlobal); err != nil {
		return fmt.Errorf("the script does not compile: %w", err)
	}
	return nil
}

// A pool holds realms that are at rest and clean.
type pool struct {
	source, version string
	opt             Options
	idle            chan *realm
}

func (p *pool) get() (*realm, error) {
	select {
	case r := <-p.idle:
		return r, nil
	default:
		return newRealm(p.source, p.opt)
	}
}

func (p *pool) put(r *realm) {
	if r.uses < maxUses {
		select {
		case p.idle <- r:
			return
		default:
		}
	}
	r.close()
}

// drain closes what a pool that nobody uses any more has left.
func drain(idle chan *realm) {
	for {
		select {
		case r := <-idle:
			r.close()
		default:
			return
		}
	}
}

func (p *pool) run(kind string, tx *mutator.Tx, args jsontext.Value) error {
	r, err := p.get()
	if err != nil {
		return &kernel.Fault{Reason: "error", Detail: err.Error(), Version: p.version}
	}
	stop := context.AfterFunc(tx.Context(), r.vm.Interrupt)
	clean, err := r.run(kind, tx, args)
	if stop() && clean {
		p.put(r)
	} else {
		r.close()
	}
	var f *kernel.Fault
	if errors.As(err, &f) {
		f.Version = p.version
	}
	return err
}
