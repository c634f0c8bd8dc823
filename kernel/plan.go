package kernel

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// A Plan makes mutations into commits on top of a head, none of which exist
// until a store has appended them. A Plan is used once, by one goroutine.
type Plan struct {
	base    space.Cursor
	head    space.Cursor
	now     time.Time
	reader  Reader
	guard   Guard // of the mutation being submitted
	limits  wire.Limits
	commits []*space.Commit
	last    []Changed                   // what the last of commits changed
	state   map[space.Key]space.Version // what the plan's commits made so far
	read    map[space.Key]space.Version // of the base: rules, schemas and constraints look at the same again
	clients map[space.ClientID]space.ClientState
	docs    docs

	recalled map[space.Seq]*space.Commit // read from the log, nil if trimmed

	// Track says of which collections Changed tells; nil: of none.
	Track func(collection string) bool
	// Mutators carries out calls; nil: there are no mutators.
	Mutators Caller
	// CallTime is the time that a call is told; zero: the commit's.
	CallTime time.Time
	faulted  *Faulted // the last mutation

	// Agree, if not nil, has to agree to what the mutation being submitted changes, which
	// the guard has allowed. With an error Submit adds nothing and returns it.
	Agree func(changes []Delta) (*space.Refusal, error)
	// Bugs are faults planted for the simulator's self-test; zero otherwise.
	Bugs Bugs
}

// Bugs are faults that the simulator plants to prove that it would see them.
type Bugs struct {
	DoubleApply bool // a mutation sent again is carried out again
	StaleReads  bool // read sets are not checked
	// Of mutators:
	OtherSeed      bool // their random numbers are not those of the replica
	UnguardedCalls bool // what they write is not asked about
}

// NewPlan begins a plan on the head base, whose state reader shows. now is the
// authority's clock and becomes the time of the commits.
func NewPlan(base space.Cursor, now time.Time, reader Reader, limits wire.Limits) *Plan {
	return &Plan{
		base: base, head: base, now: time.UnixMilli(now.UnixMilli()).UTC(), reader: reader, limits: limits,
		state: map[space.Key]space.Version{}, clients: map[space.ClientID]space.ClientState{},
	}
}

// Base is the head that the plan was begun on.
func (p *Plan) Base() space.Cursor { return p.base }

// Head is the head that the space has once the plan's commits are appended.
func (p *Plan) Head() space.Cursor { return p.head }

// Commits are the plan's commits in order.
func (p *Plan) Commits() []*space.Commit { return p.commits }

// Clients is what the plan's commits leave behind of each client that has been
// looked up or has written.
func (p *Plan) Clients() map[space.ClientID]space.ClientState { return p.clients }

// Submit decides one mutation, which guard has to agree to. If it was dealt with before, that outcome is
// returned and nothing is added. Otherwise it becomes a commit of the plan,
// applied or rejected, and the outcome holds once that commit is durable.
//
// The error is a *wire.Error (a gap in ids, another user's client, a client id
// used twice) or what the reader returned; either way nothing was added.
func (p *Plan) Submit(w Writer, guard Guard, m *space.Mutation) (space.Outcome, error) {
	p.guard, p.last, p.faulted = guard, nil, nil
	known, err := p.client(w)
	if err != nil {
		return space.Outcome{}, err
	}
	content := m.ContentHash()
	if !w.Client.IsZero() {
		switch {
		case m.ID == 0 || m.ID > known.Last+1:
			return space.Outcome{}, &wire.Error{
				Code: wire.CodeMutationGap, Expected: known.Last + 1,
				Message: fmt.Sprintf("mutation %d; the next of this client is %d", m.ID, known.Last+1),
			}
		case m.ID <= known.Last && !p.Bugs.DoubleApply:
			return p.Recall(w, m.ID, &content)
		}
	} else if w.Salt != 0 {
		content = w.Salt // nobody compares it
	}
	if w.Client.IsZero() && m.ID != 0 {
		return space.Outcome{}, &wire.Error{Code: wire.CodeNoClient, Message: "a mutation with an id, but no client that it belongs to"}
	}

	c := &space.Commit{
		Seq: p.head.Seq + 1, Time: p.now, Author: w.User, Client: w.Client, Mutation: m.ID, Content: content, Previous: known.Seq,
	}
	changes, err := p.try(w, m, c.Seq)
	if err == nil && p.Agree != nil && len(changes) > 0 {
		err = p.agree(changes, c.Seq)
	}
	if err != nil && !errors.As(err, &c.Refusal) {
		return space.Outcome{}, err
	}
	if c.Refusal != nil {
		changes = nil
	}
	c.Changes = changes
	c.Seal(p.head.Digest)
	outcome := c.Outcome()
	if c.Refusal != nil && c.Refusal.Code == space.CodeStale && !c.Refusal.Key.IsZero() {
		if outcome.Current, err = p.current(c.Refusal.Key); err != nil {
			return space.Outcome{}, err
		}
	}

	for i := range changes {
		change := &changes[i]
		if p.Track != nil && p.Track(change.Key.Collection) {
			next := change.Version(c.Seq)
			old, err := p.get(change.Key)
			if err != nil {
				return space.Outcome{}, err
			}
			p.last = append(p.last, Changed{change.Key, old, next})
		}
	}
	c.Rejected = known.Rejected.Next(max(m.ID, known.Last), c.Refusal != nil)
	p.head = c.Cursor()
	p.commits = append(p.commits, c)
	for i := range changes {
		change := &changes[i]
		p.state[change.Key] = change.Version(c.Seq)
	}
	if !w.Client.IsZero() {
		p.clients[w.Client] = space.ClientState{Last: max(m.ID, known.Last), Seq: c.Seq, Author: w.User, Rejected: c.Rejected}
	}
	if c.Refusal == nil {
		guard.Applied()
	}
	return outcome, nil
}

// try executes a mutation; one that panics is set aside, so that it stops nobody.
func (p *Plan) try(w Writer, m *space.Mutation, seq space.Seq) (changes []space.Change, err error) {
	defer func() {
		if r := recover(); r != nil {
			p.faulted = &Faulted{
				Fault: Fault{Reason: "panic", Detail: trace(r, debug.Stack())}, User: w.User, Client: w.Client, Mutation: *m, Base: p.head, Seq: seq, Time: p.now,
			}
			changes, err = nil, setAside(seq)
		}
	}()
	return p.execute(w, m, seq)
}

// trace is what the operator is told of a panic: at most 1 KiB of what it says, and 4 KiB of where.
func trace(panicked any, stack []byte) string {
	text := fmt.Sprint(panicked)
	return fmt.Sprintf("%s\n%s", text[:min(len(text), 1<<10)], stack[:min(len(stack), 4<<10)])
}

// setAside is what the client is told of a mutation that broke down: nothing of how, which may tell
// what the client must not see, but the number under which the operator's quarantine and log have it.
func setAside(seq space.Seq) *space.Refusal {
	return &space.Refusal{Code: space.CodeQuarantined, Message: fmt.Sprintf("the server could not carry this out; it has been set aside as number %d for whoever looks after it", seq)}
}

// Try finds out what would come of a mutation, and adds nothing to the plan. The
// error is a *space.Refusal, or the reader's.
func (p *Plan) Try(w Writer, guard Guard, m *space.Mutation) ([]space.Change, error) {
	p.guard, p.last, p.faulted = guard, nil, nil
	return p.try(w, m, p.head.Seq+1)
}

// agree asks Agree about what a mutation changes.
func (p *Plan) agree(changes []space.Change, seq space.Seq) error {
	deltas := make([]Delta, len(changes))
	for i := range changes {
		c := &changes[i]
		next := c.Version(seq)
		deltas[i] = NewDelta(c.Key, next, func() (space.Version, error) { return p.get(c.Key) })
	}
	refusal, err := p.Agree(deltas)
	if refusal != nil {
		return refusal
	}
	return err
}

// Client returns what the plan knows of the writer's client, after its own
// commits. The error is a *wire.Error when the client is another user's.
func (p *Plan) Client(w Writer) (space.ClientState, error) { return p.client(w) }

func (p *Plan) client(w Writer) (space.ClientState, error) {
	if w.Client.IsZero() {
		return space.ClientState{}, nil
	}
	s, ok := p.clients[w.Client]
	if !ok {
		var err error
		if s, err = p.reader.Client(w.Client); err != nil {
			return s, err
		}
		p.clients[w.Client] = s
	}
	if !s.IsZero() && s.Author != w.User {
		return s, &wire.Error{Code: wire.CodeClientMismatch, Message: "this client id belongs to another user"}
	}
	return s, nil
}

// get returns the newest version of key that the plan knows.
func (p *Plan) get(key space.Key) (space.Version, error) {
	if v, ok := p.state[key]; ok {
		return v, nil
	}
	return p.before(key)
}

// Bounds of what a plan remembers of its base.
const (
	maxRead      = 1024     // entries
	maxReadBytes = 16 << 10 // of one
)

// before returns the version of key that the plan was begun on.
func (p *Plan) before(key space.Key) (space.Version, error) {
	if v, ok := p.read[key]; ok {
		return v, nil
	}
	v, err := p.reader.Get(key, p.base.Seq)
	if err == nil && len(p.read) < maxRead && len(v.Payload) <= maxReadBytes {
		if p.read == nil {
			p.read = map[space.Key]space.Version{}
		}
		p.read[key] = v
	}
	return v, err
}

// seen is get as the principal sees it: what may not be seen is not there.
func (p *Plan) seen(key space.Key) (space.Version, error) {
	whole, err := p.get(key)
	if err != nil {
		return whole, err
	}
	is, visible, err := p.show(p.guard.Sight(key.Collection), key, whole)
	if err != nil || !visible {
		return space.Version{}, err
	}
	return is, nil
}

// show is Show for a version that others look at, too.
func (p *Plan) show(f Filter, key space.Key, v space.Version) (is space.Version, visible bool, err error) {
	return show(f, key, v, p.docs.doc)
}

// state is what the plan has made so far, as a State.
type state struct{ plan *Plan }

func (s state) Doc(key space.Key, v space.Version) (map[string]any, error) {
	return s.plan.docs.doc(key, v)
}

func (s state) Get(key space.Key) (space.Version, error) { return s.plan.get(key) }

func (p *Plan) current(key space.Key) (*space.Current, error) {
	v, err := p.seen(key)
	if err != nil {
		return nil, err
	}
	current := &space.Current{In: key.Collection, ID: key.ID}
	if v.Live() {
		current.Version, current.Value = v.Seq, v.Payload
	}
	return current, nil
}

// Changed is one entry that a commit changed.
type Changed struct {
	Key      space.Key
	Old, New space.Version
}

// Changed is what the commit of the last Submit changed in the collections of
// Track, nothing if it made no commit.
func (p *Plan) Changed() []Changed { return p.last }

// A Delta is one key that the plan changed, as it was and as it will be.
type Delta struct {
	Key space.Key
	New space.Version
	old func() (space.Version, error)
}

// NewDelta makes a delta; old is asked at most once.
func NewDelta(key space.Key, next space.Version, old func() (space.Version, error)) Delta {
	var was space.Version
	known := false
	return Delta{key, next, func() (space.Version, error) {
		var err error
		if !known {
			was, err = old()
			known = err == nil
		}
		return was, err
	}}
}

// Old is the version before.
func (d Delta) Old() (space.Version, error) { return d.old() }

// Deltas returns the plan's changes, each key once, in the order in which keys
// were first changed.
func (p *Plan) Deltas() []Delta {
	deltas := make([]Delta, 0, len(p.state))
	seen := make(map[space.Key]struct{}, len(p.state))
	for _, c := range p.commits {
		for i := range c.Changes {
			key := c.Changes[i].Key
			if _, dup := seen[key]; dup {
				continue
			}
			seen[key] = struct{}{}
			deltas = append(deltas, NewDelta(key, p.state[key], func() (space.Version, error) { return p.before(key) }))
		}
	}
	return deltas
}
