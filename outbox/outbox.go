package outbox

import (
	"container/heap"
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

// Introduce begins the deliveries of a policy that have never been in force before:
// they are told of what is committed from now on. It must be called before the policy
// is in force. What has been in force before goes on where it was.
func (o *Outbox) Introduce(ctx context.Context, policy *authz.Policy) error {
	fresh := map[*authz.Hook]bool{}
	for _, h := range policy.Deliveries() {
		row, err := o.opts.Ledger.Get(ctx, introduced(h))
		if err != nil {
			return err
		}
		if row == nil {
			fresh[h] = true
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	// First where each existing space stands, then that the delivery is known: a
	// space that has no row once it is, is a new one and told of from its beginning.
	var rows []Row
	for h, err := range o.opts.Store.Heads(ctx) {
		if err != nil {
			return err
		}
		if h.Space == Path {
			continue
		}
		for _, hook := range policy.Rules(h.Space).Deliveries() {
			key := lanePlace{hook.Name, h.Space}.key()
			if row, err := o.opts.Ledger.Get(ctx, key); err != nil || row != nil || !fresh[hook] {
				if err != nil {
					return err
				}
				continue
			}
			text, err := json.Marshal(saved{At: h.Cursor})
			if err != nil {
				return err
			}
			rows = append(rows, Row{key, text})
		}
		if len(rows) >= 1000 {
			if err := o.opts.Ledger.Save(rows...); err != nil {
				return err
			}
			rows = nil
		}
	}
	for h := range fresh {
		rows = append(rows, Row{introduced(h), []byte("{}")})
	}
	return o.opts.Ledger.Save(rows...)
}

func introduced(h *authz.Hook) space.Key {
	return space.Key{Collection: inHooks, ID: h.Name + " " + h.Kind()}
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
	if path == Path {
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

// run plans until the outbox is closed.
func (o *Outbox) run() {
	var scanned time.Time
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := o.opts.Now()
		if o.asked() || scanned.IsZero() || now.Sub(scanned) >= rescan {
			if err := o.scan(); err != nil && o.ctx.Err() == nil {
				o.opts.Logger.Error("the outbox could not look for what is to be told", "error", err)
			}
			scanned = now
		}
		timer.Reset(min(o.plan(now), rescan))
		select {
		case <-o.ctx.Done():
			return
		case <-o.wake:
		case <-timer.C:
		}
	}
}

// asked reports whether a scan was asked for.
func (o *Outbox) asked() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	again := o.again
	o.again = false
	return again
}

// scan looks at all spaces, and at dead letters that are to be sent again.
func (o *Outbox) scan() error {
	for h, err := range o.opts.Store.Heads(o.ctx) {
		if err != nil {
			return err
		}
		if h.Space != Path {
			o.due(h.Space, func(read space.Seq) bool { return read != h.Cursor.Seq })
		}
	}
	return o.replays()
}

// due makes the lanes of a space ready, of those at rest the ones that more tells of.
func (o *Outbox) due(path space.Path, more func(read space.Seq) bool) {
	for _, hook := range o.opts.Rules(path).Deliveries() {
		place := lanePlace{hook.Name, path}
		o.mu.Lock()
		if read, ok := o.passed[place]; !ok || more(read) {
			o.rouse(place)
		}
		o.mu.Unlock()
	}
}

// rouse makes a lane ready. o.mu is held.
func (o *Outbox) rouse(place lanePlace) {
	j := o.jobs[place]
	switch {
	case j == nil:
		j = &job{lanePlace: place, at: -1, news: make(chan struct{}, 1)}
		o.jobs[place] = j
	case j.working:
		j.again = true
		select {
		case j.news <- struct{}{}:
		default:
		}
		return
	case j.at < 0 || j.hurt:
		return // ready already, or better left alone
	default:
		heap.Remove(&o.sleepers, j.at)
	}
	o.ready[place.delivery] = append(o.ready[place.delivery], j)
}

// plan starts what is ready and says when to look again.
func (o *Outbox) plan(now time.Time) time.Duration {
	o.mu.Lock()
	news := o.news
	o.news = map[space.Path]struct{}{}
	o.mu.Unlock()
	for path := range news {
		o.due(path, func(space.Seq) bool { return true })
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.sleepers) > 0 && !o.sleepers[0].wakes.After(now) {
		o.sleepers[0].hurt = false
		o.rouse(o.sleepers[0].lanePlace)
	}
	for delivery, ready := range o.ready {
		for len(ready) > 0 && o.working[delivery] < maxLanes && !o.closed {
			j := ready[0]
			ready = ready[1:]
			j.working = true
			o.working[delivery]++
			o.wg.Add(1)
			go o.work(j)
		}
		if o.ready[delivery] = ready; len(ready) == 0 {
			delete(o.ready, delivery)
		}
	}
	if len(o.sleepers) > 0 {
		return max(o.sleepers[0].wakes.Sub(now), 0)
	}
	return rescan
}

// work tells what a lane has to tell, and lets it sleep or forgets it.
func (o *Outbox) work(j *job) {
	defer o.wg.Done()
	o.mu.Lock()
	save := j.save
	j.save = false
	o.mu.Unlock()
	read, wakes, err := o.tell(j.lanePlace, save, j.news)
	if err != nil && o.ctx.Err() == nil {
		o.opts.Logger.Error("an outbox lane stopped; it is tried again", "delivery", j.delivery, "space", j.path, "error", err)
		wakes = o.opts.Now().Add(patience)
	}
	o.mu.Lock()
	j.working, j.hurt = false, err != nil
	o.working[j.delivery]--
	switch {
	case o.closed:
	case j.again && err == nil:
		j.again = false
		o.ready[j.delivery] = append(o.ready[j.delivery], j)
	case !wakes.IsZero():
		j.again = false
		j.wakes = wakes
		heap.Push(&o.sleepers, j)
	default:
		delete(o.jobs, j.lanePlace)
		if len(o.passed) >= keepIdle {
			clear(o.passed)
		}
		o.passed[j.lanePlace] = read
	}
	o.mu.Unlock()
	o.nudge()
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

// sleepers is a heap of jobs by when they wake.
type sleepers []*job

func (s sleepers) Len() int           { return len(s) }
func (s sleepers) Less(i, j int) bool { return s[i].wakes.Before(s[j].wakes) }
func (s sleepers) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].at, s[j].at = i, j
}

func (s *sleepers) Push(v any) {
	j := v.(*job)
	j.at = len(*s)
	*s = append(*s, j)
}

func (s *sleepers) Pop() any {
	all := *s
	j := all[len(all)-1]
	j.at = -1
	*s = all[:len(all)-1]
	return j
}

// errNoEndpoint is why nothing can be sent.
var errNoEndpoint = errors.New("there is no endpoint of this name")

func (o *Outbox) endpoint(name string) (Endpoint, error) {
	e := o.opts.Endpoints[name]
	if e == nil {
		return nil, fmt.Errorf("%s: %w", name, errNoEndpoint)
	}
	return e, nil
}
