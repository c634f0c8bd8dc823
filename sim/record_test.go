package sim

import (
	"fmt"
	"time"

	"github.com/syncline/syncline/replica/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// A recording is what went into one replica of a schedule and what came out of
// it. Mutations are numbered 1, 2, 3, … in the order in which the application made
// them (a retry makes one), client ids likewise in the order in which they appear:
// both are chosen by the replica.
type recording struct {
	seed   uint64
	client *client
	w      *world

	view   string // at the beginning
	events []*taped
	last   *taped // the one under way, nil before the first
	ended  string // why nothing more is recorded, "" while it goes on

	ids     map[space.ClientID]int
	numbers map[string]int // of mutations, by their operations
	made    int            // mutations so far

	// What the last event said.
	shown             map[space.Key]string
	pending, rejected string
	cursor            space.Cursor
	live              bool

	unanswered int // open messages
	known      outcomes
	has        map[string]bool // of what the corpus must cover, what text does not tell
}

// A taped event is one line: what happened, and what followed from it.
type taped struct {
	at      time.Duration
	what    string   // the first members of the line
	state   []string // members for what is different now
	sent    []string
	stepped bool // whether the state was looked at
}

// begin makes room for what follows from something that happened now.
func (r *recording) begin(what string) {
	if r.ended == "" {
		r.last = &taped{at: r.client.now, what: what}
		r.events = append(r.events, r.last)
	}
}

func (r *recording) crashed() { r.end("crash") }

func (r *recording) connected() {
	r.unanswered = 0
	r.begin(`"on":true`)
}

func (r *recording) lost() {
	r.unanswered = 0
	r.begin(`"off":true`)
	r.snapshot()
}

const frame = `"frame":`

func (r *recording) received(data []byte) {
	if r.ended != "" {
		return
	}
	m, err := wire.DecodeServer(data)
	if err != nil {
		r.end(err.Error())
		return
	}
	what := frame + string(data)
	if r.last != nil && r.last.what == what {
		r.has["a message that came twice"] = true
	}
	fatal := false
	switch m := m.(type) {
	case *wire.Opened:
		r.opened(m)
	case *wire.Ack:
		r.ack(m)
	case *wire.Diff:
		if !m.Reset && m.From.Seq > r.cursor.Seq {
			r.has["a diff that is missing"] = true
		}
	case *wire.Error:
		fatal = m.Fatal
	}
	r.begin(what)
	if fatal {
		r.snapshot() // the replica is not told
	}
}

// stepped is called after each step of the core. One that nothing was said of
// before is a mutation of the workload's.
func (r *recording) stepped(fx core.Effects) {
	if r.ended != "" {
		return
	}
	c := r.client
	if r.last == nil || r.last.stepped {
		pending := c.core.Pending()
		m := pending[len(pending)-1]
		r.number(m)
		r.begin(`"mutate":` + encode(space.Mutation{Ops: m.Ops, Reads: m.Reads}))
	}
	r.snapshot()
	r.finished(fx)
	if wait := c.core.Hold().Sub(c.time()); wait > 0 {
		// The client would wait for the end of an earlier hold, if that is later.
		c.after(wait, c.push)
	}
}

// number gives a mutation the next number. Its operations are known by its mark.
func (r *recording) number(m core.Mutation) {
	r.made++
	r.numbers[encode(m.Ops)] = r.made
}

func (r *recording) sent(message any) {
	if r.ended != "" {
		return
	}
	const wait = `"wait":true`
	if r.last.at < r.client.now {
		r.begin(wait)
		r.last.stepped = true
	}
	if _, open := message.(*wire.Open); open && r.last.what == wait && r.unanswered == 0 {
		// Of an error that came while an answer was on its way.
		r.drop("asked again, though it was answered")
		return
	}
	id := r.client.core.Client()
	if r.ids[id] == 0 {
		r.ids[id] = len(r.ids) + 1
		r.has["a second client id"] = len(r.ids) > 1
	}
	switch m := message.(type) {
	case *wire.Open:
		r.unanswered++
		line := fmt.Sprintf(`["open",%d,%d,%q`, r.ids[id], m.Acked, m.Cursor)
		if len(m.Was) > 0 {
			line += "," + encode(m.Was)
		}
		r.last.sent = append(r.last.sent, line+"]")
		r.alive() // it no longer is
	case *wire.Push:
		for _, one := range m.Mutations {
			n := r.numbers[encode(one.Ops)]
			r.last.sent = append(r.last.sent, fmt.Sprintf(`["push",%d,%d,%d]`, r.ids[id], one.ID, n))
		}
	}
}
