package core

import (
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// answers is what one member is told of a turn.
type answers struct {
	member   *Member
	outcomes []space.Outcome
	refused  *wire.Error // the first; whatever follows it is refused for its sake
}

// acks sends the outcomes of a turn, one frame for each session, and then why it
// took no more.
func (s *Space) acks(t *Turn) {
	var all []answers
	index := map[*Member]int{}
	at := -1
	for i := range t.taken {
		q := &t.taken[i]
		if q.request != nil {
			s.answer(q.request, t.outcomes[i], t.refused[i], t.plan.Head())
			continue
		}
		if at < 0 || all[at].member != q.member { // those of one member tend to stand together
			n, known := index[q.member]
			if !known {
				n = len(all)
				index[q.member] = n
				all = append(all, answers{member: q.member, outcomes: make([]space.Outcome, 0, min(len(t.taken)-i, 64))})
			}
			at = n
		}
		a := &all[at]
		switch {
		case t.refused[i] != nil && a.refused == nil:
			a.refused = t.refused[i]
		case t.refused[i] == nil && t.outcomes[i].Kind != "":
			a.outcomes = append(a.outcomes, t.outcomes[i])
		}
	}
	for i := range all {
		a := &all[i]
		if len(a.outcomes) > 0 {
			s.ack(a.member, a.outcomes)
		}
		if a.refused != nil && !a.member.gone {
			e := *a.refused
			e.Space = string(s.cfg.Path)
			a.member.Sink.Send(wire.Encode(&e))
		}
	}
}

func (s *Space) ack(m *Member, outcomes []space.Outcome) {
	if !m.gone {
		m.Sink.Send(wire.AppendAck(make([]byte, 0, 64+48*len(outcomes)), s.cfg.Path, outcomes))
	}
}

func (s *Space) answer(r *Request, o space.Outcome, refused *wire.Error, head space.Cursor) {
	if r.Done == nil {
		return
	}
	if refused != nil {
		r.err = refused
	}
	r.outcomes = append(r.outcomes, o)
	if r.err != nil || len(r.outcomes) == len(r.Mutations) {
		r.Done(r.outcomes, head, r.err)
		r.Done = nil
	}
}

// fanOut sends a turn's commits to the live members of every view that sees
// them, encoded once for each view. Of the others only the authors are told how
// far they have got, so that their queues can empty.
func (s *Space) fanOut(t *Turn) error {
	if s.views.len() == 0 {
		return nil
	}
	var authors set[*Member]
	for i := range t.taken {
		if m := t.taken[i].member; m != nil && m.live {
			authors.add(m)
		}
	}
	deltas := t.plan.Deltas()
	views, err := s.concerned(deltas)
	if err != nil {
		return err
	}
	for m := range authors.all {
		if m.live {
			views.add(s.byClass[m.view.Class()])
		}
	}
	for lv := range views.all {
		frames, err := s.encode(lv, deltas)
		if err != nil {
			return err
		}
		to := &lv.members
		if frames == nil {
			to = &set[*Member]{}
			for m := range authors.all {
				if m.view == lv.view {
					to.add(m)
				}
			}
			if to.len() == 0 {
				continue
			}
			frames = [][]byte{wire.NewDiffWriter(s.cfg.Path, lv.view.ID(), lv.sent, s.head, false).Finish(false)}
		} else {
			lv.sent = s.head
		}
		for m := range to.all {
			s.deliver(m, frames)
		}
	}
	return nil
}

// encode makes the frames of a view; nil if the changes do not concern it.
func (s *Space) encode(lv *liveView, deltas []kernel.Delta) ([][]byte, error) {
	var frames [][]byte
	w := wire.NewDiffWriter(s.cfg.Path, lv.view.ID(), lv.sent, s.head, false)
	for i, d := range deltas {
		step, err := lv.view.Step(d)
		if err != nil {
			return nil, err
		}
		switch step.Action {
		case kernel.Put:
			w.Put(d.Key, step.Entry.Seq, step.Entry.Payload)
		case kernel.Del:
			if !s.cfg.Bugs.DroppedRemove {
				w.Del(d.Key)
			}
		}
		if s.cfg.Bugs.HalfCommit && !w.Empty() && i < len(deltas)-1 {
			frames = append(frames, w.Finish(false))
			w = wire.NewDiffWriter(s.cfg.Path, lv.view.ID(), lv.sent, s.head, false)
		}
	}
	if !w.Empty() {
		frames = append(frames, w.Finish(false))
	}
	return frames, nil
}

func (s *Space) deliver(m *Member, frames [][]byte) {
	for _, frame := range frames {
		if !m.Sink.Offer(frame) {
			s.lag(m)
			return
		}
	}
	m.cursor = s.head
}

// Advance tells live members of views that nothing has happened in how far the
// log has got, so that they need not walk it later. Call it now and then.
func (s *Space) Advance() {
	for lv := range s.views.all {
		if lv.sent == s.head {
			continue
		}
		frame := wire.NewDiffWriter(s.cfg.Path, lv.view.ID(), lv.sent, s.head, false).Finish(false)
		lv.sent = s.head
		for m := range lv.members.all {
			if m.cursor != s.head {
				s.deliver(m, [][]byte{frame})
			}
		}
	}
}
