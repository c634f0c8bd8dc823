package outbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/space"
)

// window is how many events of a lane, from the first that is not dealt with, may be
// told: those after them wait for it.
const window = 512

// A lane is what one delivery has told of one space. It decides and remembers, and
// does nothing: it is handed commits and outcomes, and says what may be sent.
//
// Events of one entry are told in their order, each when the one before it is dealt
// with: taken, or set aside as a dead letter. Those of different entries do not wait for each other.
type lane struct {
	at      space.Cursor // whatever is at and below it has been dealt with
	read    space.Cursor // the last commit added
	commits []*passed    // above at, in order
	events  int          // of commits
	known   map[ref]*try // of the saved state: of events not read yet
	retry   retry
	bugs    Bugs
}

// A ref names an event within a space: the commit and the change in it.
type ref struct {
	seq space.Seq
	n   int
}

func (r ref) String() string { return fmt.Sprintf("%d.%d", r.seq, r.n) }

// passed is a commit above a lane's cursor.
type passed struct {
	cursor space.Cursor
	events []*event
}

// An event is a change that is to be told.
type event struct {
	ref
	key  space.Key
	time time.Time // of the commit
	by   string    // the author
	id   string    // of the message
	try
	sending bool
	done    bool
}

// A try is how often an event was sent in vain.
type try struct {
	Done  bool      `json:"done,omitzero"`
	N     int       `json:"n,omitzero"`
	Next  time.Time `json:"next,omitzero"`
	Error string    `json:"error,omitzero"`
}

// saved is a lane as it is in the ledger.
type saved struct {
	At    space.Cursor   `json:"at"`
	Tries map[string]try `json:"tries,omitzero"` // by ref
}

// retry is when to send again.
type retry struct {
	attempts int
	base     time.Duration
	ceiling  time.Duration
	random   func() float64 // in [0, 1)
}

// Defaults of retries.
const (
	retryBase    = time.Second
	retryCeiling = time.Hour
)

// after is how long to wait after n attempts in vain: half of a doubling delay, and
// a random part of the other half, but not less than what the receiver asks for,
// up to the ceiling.
func (r retry) after(n int, asked time.Duration) time.Duration {
	d := r.ceiling
	if shift := min(n-1, 40); r.base<<shift > 0 && r.base<<shift < r.ceiling {
		d = r.base << shift
	}
	d = d/2 + time.Duration(r.random()*float64(d/2))
	return min(max(d, asked), r.ceiling)
}

// Bugs are faults that tests plant to prove that they would see them.
type Bugs struct {
	SavedFirst bool // what is sent counts as delivered before there is an answer
	AnyOrder   bool // an event does not wait for the one before it
	NoTries    bool // attempts are forgotten in a restart
	DeadLost   bool // dead letters are not written
}

func newLane(r retry, bugs Bugs) *lane {
	if r.random == nil {
		r.random = rand.Float64
	}
	return &lane{known: map[ref]*try{}, retry: r, bugs: bugs}
}

// load restores a lane.
func (l *lane) load(text []byte) error {
	var s saved
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	l.at, l.read = s.At, s.At
	for name, t := range s.Tries {
		var r ref
		if _, err := fmt.Sscanf(name, "%d.%d", &r.seq, &r.n); err != nil {
			return fmt.Errorf("event %q: %w", name, err)
		}
		l.known[r] = &t
	}
	return nil
}

// state is what has to be saved.
func (l *lane) state() ([]byte, error) {
	s := saved{At: l.at, Tries: map[string]try{}}
	for r, t := range l.known {
		if r.seq <= l.read.Seq {
			continue // another rule, and no event any more
		}
		s.Tries[r.String()] = *t
	}
	for _, c := range l.commits {
		for _, e := range c.events {
			t := e.try
			t.Done = e.done || l.bugs.SavedFirst && e.sending
			if !t.Done && l.bugs.NoTries {
				continue
			}
			if t != (try{}) {
				s.Tries[e.String()] = t
			}
		}
	}
	if l.bugs.SavedFirst {
		s.At = l.read
		s.Tries = nil
	}
	return json.Marshal(s, json.Deterministic(true))
}

// full reports whether no more commits should be added.
func (l *lane) full() bool { return l.events >= window }

// add adds the commit that follows, with the events that it holds for the lane.
func (l *lane) add(c space.Cursor, events []*event) {
	l.read = c
	for _, e := range events {
		if t := l.known[e.ref]; t != nil {
			e.try, e.done = *t, t.Done
			delete(l.known, e.ref)
		}
	}
	l.events += len(events)
	if last := len(l.commits) - 1; len(events) == 0 && last >= 0 && len(l.commits[last].events) == 0 {
		l.commits[last].cursor = c
	} else {
		l.commits = append(l.commits, &passed{c, events})
	}
	l.advance()
}

// advance moves the cursor over commits that are dealt with.
func (l *lane) advance() {
	for len(l.commits) > 0 {
		if slices.ContainsFunc(l.commits[0].events, func(e *event) bool { return !e.done }) {
			return
		}
		l.at = l.commits[0].cursor
		l.events -= len(l.commits[0].events)
		l.commits = l.commits[1:]
	}
}

// due lists up to limit events that may be sent now, and says when the next may
// if time is all that it waits for; zero: none does.
func (l *lane) due(now time.Time, limit int) (events []*event, next time.Time) {
	busy := map[space.Key]bool{} // entries of which an event is not dealt with
	for _, c := range l.commits {
		for _, e := range c.events {
			if e.done || busy[e.key] {
				continue
			}
			if !l.bugs.AnyOrder {
				busy[e.key] = true
			}
			switch {
			case e.sending:
			case e.Next.After(now):
				if next.IsZero() || e.Next.Before(next) {
					next = e.Next
				}
			case len(events) < limit:
				events = append(events, e)
			}
		}
	}
	return events, next
}

// taken notes that the receiver has an event.
func (l *lane) taken(e *event) { l.settle(e) }

func (l *lane) settle(e *event) {
	e.sending, e.done, e.try = false, true, try{}
	l.advance()
}

// failed notes that an attempt was in vain, and reports whether it was the last one.
func (l *lane) failed(e *event, now time.Time, asked time.Duration, why string) (dead bool) {
	e.sending = false
	e.N++
	e.Error = why
	e.Next = now.Add(l.retry.after(e.N, asked)).UTC().Truncate(time.Millisecond)
	return e.N >= l.retry.attempts
}

// buried notes that a dead letter holds an event.
func (l *lane) buried(e *event) { l.settle(e) }

// skip moves the lane to a commit below which history is gone.
func (l *lane) skip(to space.Cursor) {
	l.at, l.read, l.commits, l.events = to, to, nil, 0
	clear(l.known)
}
