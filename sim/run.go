package sim

import (
	"fmt"
	"time"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
)

// A Result is what came of a schedule.
type Result struct {
	Seed    uint64
	Err     error  // the first promise that was broken
	Trace   string // digest of all events, equal for equal runs
	Events  int
	Commits int
	Counts  Counts
}

// Counts tell whether a schedule did anything worth checking.
type Counts struct {
	Applied, Rejected, Reopened, Reconnected, Restored, Dropped, Called, Hidden, Lensed int
}

type counts struct{ applied, rejected, reopened, reconnected, dropped, called, hidden, lensed int }

// A schedule's plan: how much happens and how much goes wrong. Of probabilities
// it holds the n of "once in n", 0 for never.
type plan struct {
	clients       int
	mutations     int
	length        time.Duration // until everything is healed
	minDelay      time.Duration
	maxDelay      time.Duration
	drop          int
	duplicate     int
	reorder       int
	vanish        int
	unreachable   int
	full          int
	crashInAppend int
	serverCrash   int // once in n mutations, as are the following
	clientCrash   int
	cut           int
	trim          int
	skew          int
	backup        int
	restore       int
	outbox        int
	part          int  // bytes of a part of a diff
	strict        bool // no client may be told to stop
	ruled         bool // there are rules; see rules.go
	called        bool // some mutations are calls; see calls.go
	switched      int  // once in n mutations they change
	drops         bool // clients understand drops
	chunk         int  // entries that a step of a replica's housekeeping touches, 0 for many
	eager         bool // the server sends drops even where they do not pay
	lensed        bool // some devices speak an older version of cards; see lenses.go
	evolves       bool // the server knows that version only at first
	asked         bool // somebody has to agree to some mutations; see ask.go
	leased        bool // some collections have leases; see lease.go
}

// world is one schedule under way.
type world struct {
	*clock
	seed    uint64
	bugs    Bugs
	plan    plan
	server  *server
	judge   *judge
	clients []*client
	oracle  *oracle
	views   map[string]*kernel.View
	conns   int
	healed  bool
	ruled   int // which rules are in force
	evolved bool
	err     error
	counts  counts
}

// maxEvents bounds a schedule: what has not settled by then never will.
const maxEvents = 60_000

// Run runs the schedule of a seed. log, if not nil, is told of each event.
func Run(seed uint64, bugs Bugs, log func(string)) Result {
	w := &world{clock: &clock{log: log}, seed: seed, bugs: bugs, views: map[string]*kernel.View{}}
	w.oracle = &oracle{w: w, marks: map[string]space.Seq{}, versions: map[space.Key][]space.Version{}}
	chief := w.newActor(seed, 0)
	w.plan = draw(chief)
	if rules := w.newActor(seed, 3); rules.chance(2) { // of its own, so that other schedules stay what they are
		w.plan.ruled, w.plan.switched = true, []int{0, 8, 20}[rules.rand.IntN(3)]
		w.plan.asked = rules.chance(3)
	}
	if drops := w.newActor(seed, 4); !drops.chance(3) {
		w.plan.drops, w.plan.eager = true, !drops.chance(4)
		w.plan.chunk = drops.rand.IntN(4)
	}
	calls := w.newActor(seed, 6) // likewise
	w.plan.called = calls.chance(3)
	leases := w.newActor(seed, 7) // likewise
	w.plan.leased = w.plan.ruled && !w.plan.called && !w.plan.asked && leases.chance(2)
	lenses := w.newActor(seed, 8) // likewise
	w.plan.lensed = w.plan.ruled && !w.plan.asked && !w.plan.called && lenses.chance(2)
	programs := w.newActor(seed, 9) // likewise
	w.plan.evolves = w.plan.lensed && programs.chance(2)
	chief.note("plan %+v", w.plan)
	w.server = &server{actor: w.newActor(seed, 1), w: w, store: memstore.New(), oracle: w.oracle}
	w.judge = &judge{w.newActor(seed, 5), map[string]bool{}}
	w.server.start()
	for i := range w.plan.clients {
		c := &client{actor: w.newActor(seed, 10+i), w: w, name: fmt.Sprintf("r%d", i), store: memstore.New()}
		c.view = drawView(c)
		if w.plan.lensed {
			if c.speak(2); w.plan.evolves || lenses.chance(2) {
				c.speak(1)
			}
		}
		w.clients = append(w.clients, c)
		c.after(c.between(0, 50*time.Millisecond), c.start)
	}
	for range w.plan.mutations {
		chief.after(chief.between(0, w.plan.length), func() { w.disturb(chief) })
	}
	if w.plan.called {
		for range w.plan.mutations {
			calls.after(calls.between(0, w.plan.length), func() { w.clients[calls.rand.IntN(len(w.clients))].call() })
		}
	}
	if w.plan.lensed {
		w.evolve(programs)
	}
	if w.plan.leased {
		w.lease()
	}
	chief.after(w.plan.length, w.heal)
	events := 0
	for events < maxEvents && w.err == nil && w.clock.step() {
		events++
	}
	if w.err == nil && events == maxEvents {
		w.fail("the schedule does not settle")
	}
	if w.err == nil {
		w.converged()
	}
	return Result{
		Seed: seed, Err: w.err, Trace: w.digest(), Events: events, Commits: len(w.oracle.commits),
		Counts: Counts{w.counts.applied, w.counts.rejected, w.counts.reopened, w.counts.reconnected, w.oracle.lost, w.counts.dropped, w.counts.called, w.counts.hidden, w.counts.lensed},
	}
}

// draw makes the plan of a schedule. Not every kind of trouble is in each: some
// faults hide others.
func draw(a *actor) plan {
	often := func(choices ...int) int { return choices[a.rand.IntN(len(choices))] }
	p := plan{
		clients: 2 + a.rand.IntN(3), mutations: 10 + a.rand.IntN(40),
		length:   a.between(200*time.Millisecond, 4*time.Second),
		minDelay: a.between(0, 2*time.Millisecond),
		drop:     often(0, 0, 20, 60), duplicate: often(0, 0, 5, 20), reorder: often(0, 0, 5, 20), unreachable: often(0, 2, 4), vanish: often(0, 0, 0, 12),
		full: often(0, 0, 0, 5), crashInAppend: often(0, 0, 10, 30),
		serverCrash: often(0, 0, 10, 25), clientCrash: often(0, 0, 6, 15), cut: often(0, 0, 8, 20),
		trim: often(0, 0, 5, 15), skew: often(0, 0, 10), outbox: often(400, 2000, 100_000), part: often(200, 1000, 100_000),
	}
	p.maxDelay = p.minDelay + a.between(time.Millisecond, 80*time.Millisecond)
	if a.chance(6) {
		p.backup, p.restore = 6, 15
	}
	// A client may find its own former session still there and displaced, but never
	// be displaced itself, unless messages overtake each other.
	p.strict = p.reorder == 0 && p.duplicate == 0 && p.drop == 0
	return p
}

func drawView(c *client) space.View {
	all := space.View{{In: "cards"}, {In: "marks"}, {In: "pair"}, {In: "register"}}
	if c.w.plan.ruled {
		all = append(all, space.Part{In: "books"}, space.Part{In: "shelves"})
	}
	if c.w.plan.ruled && c.chance(2) {
		all = append(all, space.Part{In: "members"})
	}
	if c.w.plan.called {
		all = append(all, space.Part{In: "calc"}, space.Part{In: "made"})
	}
	if c.chance(3) {
		all[0].Where = []byte(`{"on":{"$eq":true}}`)
	}
	return all
}

func (w *world) view(c *client) *kernel.View {
	v := w.views[c.name]
	if v == nil {
		var err error
		if v, err = kernel.CompileView(c.view, limits); err != nil {
			w.fail("view: %v", err)
			v, _ = kernel.CompileView(nil, limits)
		}
		w.views[c.name] = v
	}
	return v
}

// disturb is one turn of the workload: somebody writes, and something may break.
func (w *world) disturb(a *actor) {
	p := &w.plan
	w.clients[a.rand.IntN(len(w.clients))].mutate()
	if w.healed {
		return
	}
	victim := w.clients[a.rand.IntN(len(w.clients))]
	switch {
	case a.chance(p.serverCrash) && !w.server.down:
		w.server.crash()
	case a.chance(p.clientCrash):
		victim.crash()
	case a.chance(p.cut) && victim.conn != nil:
		victim.conn.lose()
	case a.chance(p.trim):
		w.server.trim()
	case p.ruled && a.chance(p.switched) && !w.server.down && !w.server.turning:
		w.server.switchRules()
	case a.chance(p.skew):
		w.server.skew += a.between(-48*time.Hour, 48*time.Hour)
	case a.chance(p.backup) && w.server.backup == nil:
		w.server.backup = w.server.store.Clone()
		a.note("backup")
	case a.chance(p.restore):
		w.server.restore()
	}
}

// heal ends all trouble: from here on everything must settle.
func (w *world) heal() {
	w.healed = true
	for _, c := range w.clients {
		if c.conn != nil && (c.conn.silent || c.conn.lossy) {
			c.conn.lose()
		}
	}
	// As the host's loop does now and then: whoever missed something learns of it.
	for i := range 3 {
		w.server.after(time.Duration(i+1)*2*time.Second, func() {
			if w.server.space != nil {
				w.server.space.Advance()
			}
		})
	}
}
