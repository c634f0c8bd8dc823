package core

import (
	"maps"
	"slices"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
	"github.com/syncline/syncline/wire"
)

// An oracle is a server so naive that it can be believed: it keeps the whole state
// after each commit.
type oracle struct {
	branch  byte // of history, changes when the server is restored
	states  []world
	cursors []space.Cursor
	commits []oracleCommit
	out     []wire.ServerMessage // to the client, in order

	// The session.
	client space.ClientID
	view   *kernel.View
	at     space.Cursor // what the client has been sent
	open   bool
}

type world map[space.Key]versioned

type versioned struct {
	version space.Seq
	value   string
}

type oracleCommit struct {
	client  space.ClientID
	id      space.MutationID
	content uint64
	outcome space.Outcome
	token   string // of the mutation, if applied
}

func newOracle() *oracle {
	return &oracle{states: []world{{}}, cursors: []space.Cursor{{}}, commits: []oracleCommit{{}}}
}

func (o *oracle) head() space.Seq { return space.Seq(len(o.states) - 1) }

// commit is one mutation, carried out or refused.
func (o *oracle) commit(client space.ClientID, m *space.Mutation) space.Outcome {
	seq := o.head() + 1
	next := maps.Clone(o.states[o.head()])
	outcome := space.Outcome{ID: m.ID, Kind: space.Applied, Seq: seq}
	if code := apply(next, m.Ops, seq, nil); code != "" {
		next = o.states[o.head()]
		outcome.Kind, outcome.Code = space.Rejected, code
	}
	c := oracleCommit{client, m.ID, m.ContentHash(), outcome, ""}
	if outcome.Kind == space.Applied {
		c.token = token(m.Ops)
	}
	o.states = append(o.states, next)
	o.commits = append(o.commits, c)
	o.cursors = append(o.cursors, cur(seq, o.branch))
	return outcome
}

func token(ops []space.Op) string { return ops[len(ops)-1].ID }

// apply changes w. With queued, the keys in it were changed by queued mutations
// before and have no version.
func apply(w world, ops []space.Op, seq space.Seq, queued map[space.Key]bool) (code string) {
	own := map[space.Key]bool{}
	for i := range ops {
		op := &ops[i]
		key := op.Key()
		old, there := w[key]
		if op.If != nil && (own[key] || queued[key] || *op.If != old.version) {
			return "stale"
		}
		changed := true
		switch op.Op {
		case space.OpPut:
			if string(op.Value) == `{"bad":true}` && queued == nil {
				return "invalid" // the server's rules, which the client does not know
			}
			w[key] = versioned{seq, string(op.Value)}
		case space.OpDelete:
			delete(w, key)
			changed = there
		case space.OpPatch:
			if !there {
				return "not_found"
			}
			u, err := selector.ParseUpdate(op.Patch, value.Limits{})
			if err != nil {
				panic(err)
			}
			raw, err := kernel.Patch([]byte(old.value), u, value.Limits{})
			if err != nil {
				return "invalid"
			}
			w[key] = versioned{seq, string(raw)}
		}
		if changed {
			own[key] = true
		}
	}
	for key := range own {
		if queued != nil {
			queued[key] = true
		}
	}
	return ""
}

func (w world) seen(view *kernel.View) world {
	out := world{}
	for key, v := range w {
		seen, err := view.See(key, space.Version{Seq: v.version, Type: space.Record, Payload: []byte(v.value)})
		if err != nil {
			panic(err)
		}
		if seen.Live() {
			out[key] = v
		}
	}
	return out
}

func compileView(v space.View) *kernel.View {
	view, err := kernel.CompileView(v, wire.DefaultLimits)
	if err != nil {
		panic(err)
	}
	return view
}

func (o *oracle) last(client space.ClientID) (last space.MutationID) {
	for _, c := range o.commits {
		if c.client == client {
			last = max(last, c.id)
		}
	}
	return last
}

func (o *oracle) disconnect() { o.open, o.out = false, nil }

// handleOpen answers an Open and sends what is missing, in parts of a few rows.
func (o *oracle) handleOpen(m *wire.Open, part int) {
	o.client, o.view, o.open = m.Client, compileView(m.View), true
	opened := &wire.Opened{Space: m.Space, From: m.Cursor, View: o.view.ID(), Head: o.cursors[o.head()], Last: o.last(m.Client)}
	for _, c := range o.commits {
		if c.client == m.Client && c.id > space.MutationID(m.Acked) {
			opened.Outcomes = append(opened.Outcomes, c.outcome)
		}
	}
	from, err := space.ParseCursor(m.Cursor)
	before := world{}
	switch {
	case m.Cursor == "":
		opened.Resume, opened.Reason = wire.ResumeReset, wire.ResetNew
	case err != nil || from.Seq > o.head() || o.cursors[from.Seq] != from:
		fork := min(o.head(), from.Seq)
		opened.Resume, opened.Reason, opened.Fork = wire.ResumeReset, wire.ResetForked, &fork
	default:
		was := o.view
		opened.Resume = wire.ResumeDiff
		if m.Was != nil {
			was = compileView(m.Was)
		} else if from.Seq == o.head() {
			opened.Resume = wire.ResumeCurrent
		}
		before = o.states[from.Seq].seen(was)
	}
	o.out = append(o.out, opened)
	if opened.Resume == wire.ResumeReset {
		from = space.Cursor{}
	}
	if opened.Resume != wire.ResumeCurrent {
		o.send(before, from, part, opened.Resume == wire.ResumeReset)
	}
	o.at = o.cursors[o.head()]
}

// catchUp sends a live client what has happened.
func (o *oracle) catchUp(part int) {
	if o.open && o.at != o.cursors[o.head()] {
		o.send(o.states[o.at.Seq].seen(o.view), o.at, part, false)
		o.at = o.cursors[o.head()]
	}
}

func (o *oracle) send(before world, from space.Cursor, part int, reset bool) {
	after := o.states[o.head()].seen(o.view)
	var sum wire.Sum
	d := &wire.Diff{View: o.view.ID(), From: from, To: o.cursors[o.head()], Reset: reset}
	flush := func() {
		if len(d.Put)+len(d.Del) >= part {
			d.More = true
			o.out = append(o.out, d)
			d = &wire.Diff{View: d.View, From: from, To: d.To}
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(after), space.Key.Compare) {
		if v := after[key]; before[key] != v {
			sum.Add(key, v.version)
			d.Put = append(d.Put, wire.Row{Key: key, Version: v.version, Value: []byte(v.value)})
			flush()
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(before), space.Key.Compare) {
		if _, ok := after[key]; !ok {
			d.Del = append(d.Del, key.Pair())
			flush()
		}
	}
	if reset {
		n := sum.Count
		d.Count, d.Sum = &n, sum.String()
	}
	o.out = append(o.out, d)
}

// handlePush takes mutations as docs/PROTOCOL.md, section 5, says.
func (o *oracle) handlePush(p *wire.Push) {
	if !o.open {
		return
	}
	ack := &wire.Ack{}
	var refusal *wire.Error
	defer func() {
		// Outcomes come before the refusal of what follows.
		if len(ack.Outcomes) > 0 {
			o.out = append(o.out, ack)
		}
		if refusal != nil {
			o.out = append(o.out, refusal)
		}
	}()
	for i := range p.Mutations {
		m := &p.Mutations[i]
		last := o.last(o.client)
		switch {
		case m.ID > last+1:
			refusal = &wire.Error{Code: wire.CodeMutationGap, Expected: last + 1}
			return
		case m.ID <= last:
			j := slices.IndexFunc(o.commits, func(c oracleCommit) bool { return c.client == o.client && c.id == m.ID })
			if o.commits[j].content != m.ContentHash() {
				refusal = &wire.Error{Code: wire.CodeClientForked}
				return
			}
			ack.Outcomes = append(ack.Outcomes, o.commits[j].outcome)
		default:
			ack.Outcomes = append(ack.Outcomes, o.commit(o.client, m))
		}
	}
}

// restore takes the server back to an earlier commit, as a backup does.
func (o *oracle) restore(to space.Seq) {
	o.branch++
	o.states, o.cursors, o.commits = o.states[:to+1:to+1], o.cursors[:to+1:to+1], o.commits[:to+1:to+1]
	o.disconnect()
}

// applied counts how often each token has been applied.
func (o *oracle) applied() map[string]int {
	n := map[string]int{}
	for _, c := range o.commits {
		if c.token != "" {
			n[c.token]++
		}
	}
	return n
}
