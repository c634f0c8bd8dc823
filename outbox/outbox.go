package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/webhook"
)

// An Endpoint is where events are sent. *webhook.Client is one.
type Endpoint interface {
	// Send posts a body under an id and returns the answer, whatever its status.
	Send(ctx context.Context, id string, body []byte) (webhook.Answer, error)
	Attempts() int
	Parallel() int
}

// Options are what an Outbox is made with. All but Logger, Now, Retry and Bugs must be set.
type Options struct {
	Store     store.Store
	Ledger    *Ledger
	Rules     func(space.Path) *authz.Rules // those in force
	Endpoints map[string]Endpoint           // by name
	Logger    *slog.Logger                  // nil discards
	Now       func() time.Time              // nil: time.Now
	RetryBase time.Duration                 // the first delay; 0: a second
	Bugs      Bugs                          // planted by tests
}

// Bounds of what an outbox does at once.
const (
	maxLanes = 32               // of one delivery, that are being worked on
	rescan   = time.Minute      // how often all spaces are looked at: hints may be lost
	keepIdle = 16384            // lanes whose place is remembered
	patience = 30 * time.Second // after a failure of the outbox's own
)

// An Outbox tells endpoints of commits. Its methods may be called from any goroutine.
type Outbox struct {
	opts  Options
	stats Stats
	ctx   context.Context
	stop  context.CancelFunc
	wg    sync.WaitGroup
	wake  chan struct{}

	mu        sync.Mutex
	jobs      map[lanePlace]*job      // being worked on, ready or asleep
	ready     map[string][]*job       // by delivery
	working   map[string]int          // by delivery
	sleepers  sleepers                // by when they wake
	passed    map[lanePlace]space.Seq // how far idle lanes have read
	news      map[space.Path]struct{} // spaces that have perhaps changed
	replaying map[string]bool         // deliveries whose dead letters are being sent again
	letters   map[string]int          // dead letters, about, by delivery
	again     bool                    // scan at the next chance
	closed    bool
}

// A lanePlace is a delivery in a space.
type lanePlace struct {
	delivery string
	path     space.Path
}

func (p lanePlace) key() space.Key {
	return space.Key{Collection: inCursors, ID: p.delivery + " " + string(p.path)}
}

// A job is a lane that has, or may have, something to do.
type job struct {
	lanePlace
	working bool
	again   bool          // something has come while it was being worked on
	save    bool          // its place is wanted in the ledger, however little it has moved
	hurt    bool          // the outbox itself failed: commits do not wake it before its time
	news    chan struct{} // holds a token when something has come
	wakes   time.Time
	at      int // in sleepers, -1: not there
}

// New returns an outbox at rest.
func New(opts Options) *Outbox {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.RetryBase == 0 {
		opts.RetryBase = retryBase
	}
	o := &Outbox{
		opts: opts, wake: make(chan struct{}, 1),
		jobs: map[lanePlace]*job{}, ready: map[string][]*job{}, working: map[string]int{},
		passed: map[lanePlace]space.Seq{}, news: map[space.Path]struct{}{}, replaying: map[string]bool{}, letters: map[string]int{},
	}
	o.ctx, o.stop = context.WithCancel(context.Background())
	return o
}

// Start begins to tell. Close ends it.
func (o *Outbox) Start() {
	unwatch := o.opts.Store.Watch(o.hint)
	o.wg.Add(1)
	go func() {
		defer o.wg.Done()
		defer unwatch()
		o.run()
	}()
}

// Close stops; requests under way are cut short and sent again after the next start.
func (o *Outbox) Close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.stop()
	o.wg.Wait()
}

// hint is told of spaces that have changed.
func (o *Outbox) hint(path space.Path) {
	if path.Reserved() {
		return
	}
	o.mu.Lock()
	o.news[path] = struct{}{}
	o.mu.Unlock()
	o.nudge()
}

func (o *Outbox) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Hold says above which commit deliveries of a space still need its history. Lanes
// that have read further than the ledger says are made to save their places.
func (o *Outbox) Hold(ctx context.Context, path space.Path) (above space.Seq, held bool, err error) {
	for _, hook := range o.opts.Rules(path).Deliveries() {
		place := lanePlace{hook.Name, path}
		text, err := o.opts.Ledger.Get(ctx, place.key())
		if err != nil {
			return 0, true, err
		}
		var s saved
		if text != nil {
			if err := json.Unmarshal(text, &s); err != nil {
				return 0, true, err
			}
		}
		if !held || s.At.Seq < above {
			above, held = s.At.Seq, true
		}
		o.mu.Lock()
		if o.passed[place] > s.At.Seq && o.jobs[place] == nil {
			o.rouse(place)
			o.jobs[place].save = true
			o.nudge()
		}
		o.mu.Unlock()
	}
	return above, held, nil
}

// Stats returns the outbox's counters.
func (o *Outbox) Stats() *Stats { return &o.stats }

// errNoEndpoint is why nothing can be sent.
var errNoEndpoint = errors.New("there is no endpoint of this name")

// hook is what the rules in force say of a delivery, nil if they do not know it.
func (o *Outbox) hook(place lanePlace) *authz.Hook {
	for _, h := range o.opts.Rules(place.path).Deliveries() {
		if h.Name == place.delivery {
			return h
		}
	}
	return nil
}

// failure says for people why a request was not taken.
func failure(answer webhook.Answer, err error) string {
	if err != nil {
		return webhook.Plain(err.Error(), 200)
	}
	return fmt.Sprintf("status %d", answer.Status)
}

func (o *Outbox) endpoint(name string) (Endpoint, error) {
	e := o.opts.Endpoints[name]
	if e == nil {
		return nil, fmt.Errorf("%s: %w", name, errNoEndpoint)
	}
	return e, nil
}
