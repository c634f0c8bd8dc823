package core

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// Some changes need the agreement of somebody outside (authz.Rules.Asks). Such a
// mutation is planned, and what it would change is asked about; it waits, and
// whatever its client sent after it waits behind it, while others go on. With the
// answer it is planned again, on the state that it would then be committed on: it is
// committed only if it changes there exactly what was agreed to, else asked about
// again. However that ends, it ends within AskFor.

// Bounds of asking.
const (
	AskFor    = 4 * time.Second // from when a mutation is first asked about until it is refused
	maxAsks   = 4               // questions about one mutation
	maxAsking = 64              // mutations of a space that wait for an answer
)

// An Ask is a mutation that needs somebody's agreement. It is not changed once
// Config.Ask was called with it.
type Ask struct {
	ID       string // the same whenever the same is asked
	Author   string
	At       time.Time // the time that the commit would have had
	Deadline time.Time // by which an answer is of use, by the clock of Begin's caller
	Asked    []Asked   // each must agree

	line *line
	hash [32]byte
}

// Asked is what one hook is asked about.
type Asked struct {
	Hook, To string
	Changes  []space.Change // each with its payload
	Old      []space.Version
}

// A Verdict is the answer to an Ask. The zero Verdict is no answer.
type Verdict struct {
	Agreed  bool
	Refused bool
	Message string // of a refusal, for people
	Busy    bool   // nobody was asked, since too many wait for answers
}

// A line is a mutation that waits for an answer, and what waits behind it.
type line struct {
	key   any
	n     uint64 // lines that began later have higher ones
	queue []queued
}

// consent is how far asking about a mutation has got.
type consent struct {
	asks     int
	deadline time.Time
	ask      *Ask // the last one
	verdict  Verdict
}

// asked is when a mutation was first asked about, zero if it was not: what a call takes for
// the time, so that it changes the same when it is planned again.
func (q *queued) asked() time.Time {
	if q.consent == nil {
		return time.Time{}
	}
	return q.consent.deadline.Add(-AskFor)
}

// errAsking is what Submit returns of a mutation that has to wait.
var errAsking = errors.New("somebody is asked")

// lineKey is what has an order of its own: a client, or a session or request without one.
func (q *queued) lineKey() any {
	switch {
	case !q.writer.Client.IsZero():
		return q.writer.Client
	case q.member != nil:
		return q.member
	}
	return q.request
}

// agree decides whether a mutation may be committed that makes these changes.
func (s *Space) agree(q *queued, changes []kernel.Delta, now time.Time) (*space.Refusal, error) {
	asked, err := s.asked(changes, now)
	if err != nil || len(asked) == 0 {
		return nil, err
	}
	hash, err := hashOf(asked)
	if err != nil {
		return nil, err
	}
	c := q.consent
	if c == nil {
		c = &consent{deadline: now.Add(AskFor)}
		q.consent = c
	}
	if c.ask != nil {
		same := c.ask.hash == hash || s.cfg.Bugs.OldConsent
		switch v := c.verdict; {
		case v.Busy:
			return nil, &wire.Error{Code: wire.CodeOverloaded, RetryMS: 1000, Message: "too many writes wait for the agreement of another system"}
		case same && v.Agreed:
			return nil, nil
		case same && v.Refused:
			return &space.Refusal{Code: space.CodeHookRefused, Message: kernel.Clip(v.Message)}, nil
		case !v.Agreed && !v.Refused:
			return unavailable("another system has to agree to this, and gave no answer in time"), nil
		}
	}
	switch {
	case s.cfg.Ask == nil:
		return unavailable("another system has to agree to this, and it cannot be asked"), nil
	case c.asks >= maxAsks || c.ask != nil && !now.Before(c.deadline):
		return unavailable("another system has to agree to this, and what it was asked about changed each time before it answered"), nil
	case len(s.lines) >= maxAsking:
		return nil, &wire.Error{Code: wire.CodeOverloaded, RetryMS: 1000, Message: "too many writes wait for the agreement of another system"}
	}
	c.asks++
	c.verdict = Verdict{}
	c.ask = &Ask{Author: q.writer.User, At: now, Deadline: c.deadline, Asked: asked, hash: hash}
	c.ask.ID = s.askID(q, hash)
	return nil, errAsking
}

// askID names a question: alike when a client sends a mutation again, but not when
// somebody without a client id wants the same as before.
func (s *Space) askID(q *queued, hash [32]byte) string {
	var once string
	if q.writer.Client.IsZero() {
		s.questions++
		once = fmt.Sprintf("%s %d", s.head, s.questions)
	}
	text := fmt.Sprintf("%x\n%s\n%s\n%s\n%d\n%x\n%s", hash, s.cfg.Path, q.writer.User, q.writer.Client, q.mutation.ID, q.mutation.ContentHash(), once)
	return fmt.Sprintf("ask_%x", sha256.Sum256([]byte(text)))[:36]
}

func unavailable(message string) *space.Refusal {
	return &space.Refusal{Code: space.CodeHookUnavailable, Message: message}
}

// asked lists who has to agree to which changes. A rule without an answer asks.
func (s *Space) asked(changes []kernel.Delta, now time.Time) (all []Asked, err error) {
	for _, hook := range s.cfg.Rules.Asks() {
		a := Asked{Hook: hook.Name, To: hook.To}
		for _, d := range changes {
			if wants, err := s.cfg.Rules.Wants(hook, d, now); !wants && err == nil {
				continue
			}
			old, err := d.Old()
			if err == nil {
				old, err = s.cfg.Rules.Present(d.Key, old)
			}
			next, nextErr := s.cfg.Rules.Present(d.Key, d.New)
			if err = errors.Join(err, nextErr); err != nil {
				return nil, err
			}
			a.Old = append(a.Old, old)
			a.Changes = append(a.Changes, space.Change{Key: d.Key, Type: next.Type, Deleted: next.Deleted, Payload: next.Payload})
		}
		if len(a.Changes) > 0 {
			all = append(all, a)
		}
	}
	return all, nil
}

// hashOf sums up everything that is asked.
func hashOf(all []Asked) ([32]byte, error) {
	h := sha256.New()
	for _, a := range all {
		fmt.Fprintf(h, "%q %q %d\n", a.Hook, a.To, len(a.Changes))
		for i := range a.Changes {
			c, old := &a.Changes[i], a.Old[i]
			fmt.Fprintf(h, "%q %q %t %x %t %x\n", c.Key.Collection, c.Key.ID,
				c.Deleted, space.PayloadHash(c.Payload), old.Live(), space.PayloadHash(old.Payload))
		}
	}
	return [32]byte(h.Sum(nil)), nil
}

// hold lets a mutation wait behind one of the same client that waits for an
// answer, and says whether it does.
func (s *Space) hold(q *queued) bool {
	if len(s.lines) == 0 {
		return false
	}
	l := s.lines[q.lineKey()]
	if l == nil {
		return false
	}
	l.queue = append(l.queue, *q)
	s.queued += Size(q.mutation)
	s.held++
	return true
}

// wait lets a mutation wait for an answer, and asks.
func (s *Space) wait(q *queued) {
	s.began++
	l := &line{key: q.lineKey(), n: s.began, queue: []queued{*q}}
	if s.lines == nil {
		s.lines = map[any]*line{}
	}
	s.lines[l.key] = l
	s.queued += Size(q.mutation)
	s.held++
	ask := q.consent.ask
	ask.line = l
	s.cfg.Ask(ask)
}

// Answer takes the answer to an Ask. What waited for it is planned next, and
// before what the same client sent since.
func (s *Space) Answer(ask *Ask, v Verdict) {
	l := ask.line
	if s.lines[l.key] != l || l.queue[0].consent.ask != ask {
		return // dismissed
	}
	l.queue[0].consent.verdict = v
	delete(s.lines, l.key)
	s.held -= len(l.queue)
	s.queue = append(l.queue, s.queue...)
}

// inLine yields what waits for answers, the oldest line first, and empties the lines.
func (s *Space) inLine() []queued {
	all := make([]queued, 0, s.held)
	for _, l := range slices.SortedFunc(maps.Values(s.lines), func(a, b *line) int { return cmp.Compare(a.n, b.n) }) {
		all = append(all, l.queue...)
	}
	s.lines, s.held = nil, 0
	return all
}

// askAnew puts what waits for answers back into the queue: the state that was asked about is not the real one.
func (s *Space) askAnew() {
	all := s.inLine()
	for i := range all {
		all[i].consent = nil
	}
	s.queue = append(all, s.queue...)
}

// Dismiss gives up on whatever waits for an answer: the space is being closed.
func (s *Space) Dismiss(reason *wire.Error) {
	all := s.inLine()
	for i := range all {
		q := &all[i]
		s.queued -= Size(q.mutation)
		if q.member != nil {
			q.member.waiting--
		} else {
			s.answer(q.request, space.Outcome{}, reason, s.head)
		}
	}
}
