package host

import (
	"errors"
	"fmt"

	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

func (s *Session) push(m *wire.Push, bytes int) error {
	p, err := s.place(m.Space)
	if err != nil {
		return err
	}
	if len(m.Mutations) == 0 {
		return nil
	}
	if wait := s.rate.take(len(m.Mutations), s.host.opts.Now()); wait > 0 {
		ack := []space.Outcome{{ID: m.Mutations[0].ID, Kind: space.RetryAfter, RetryMS: int(wait.Milliseconds()) + 1}}
		s.out.Send(wire.AppendAck(nil, p.loop.path, ack))
		return nil
	}
	return p.loop.postBytes(bytes, func(sp *core.Space) {
		if err := sp.Push(p.member, m.Mutations); err != nil {
			s.failed(p.loop.path, err)
		}
	})
}

func (s *Session) presence(m *wire.Presence) error {
	p, err := s.place(m.Space)
	if err != nil {
		return err
	}
	if err := s.light(m.Space, len(m.State)); err != nil {
		return err
	}
	return p.loop.postBytes(len(m.State), func(sp *core.Space) {
		if err := sp.SetPresence(p.member, m.State); err != nil {
			s.failed(p.loop.path, err)
		}
	})
}

// maxTopic bounds the topic of a cast, in bytes.
const maxTopic = 128

func (s *Session) cast(m *wire.Cast) error {
	p, err := s.place(m.Space)
	if err != nil {
		return err
	}
	if len(m.Topic) > maxTopic {
		return &wire.Error{Code: wire.CodeBadName, Space: m.Space, Message: fmt.Sprintf("a topic may have %d bytes", maxTopic)}
	}
	if err := s.light(m.Space, len(m.Data)); err != nil {
		return err
	}
	return p.loop.postBytes(len(m.Data), func(sp *core.Space) {
		if err := sp.Cast(p.member, m); err != nil {
			s.failed(p.loop.path, err)
		}
	})
}

// light checks what never touches the disk against its limits.
func (s *Session) light(name string, bytes int) error {
	if limit := s.host.opts.Limits.Presence; bytes > limit {
		return &wire.Error{
			Code: wire.CodeMessageTooLarge, Space: name, Limit: "presence",
			Message: fmt.Sprintf("%d bytes; the limit is %d", bytes, limit),
		}
	}
	if wait := s.rate.take(1, s.host.opts.Now()); wait > 0 {
		return &wire.Error{
			Code: wire.CodeRateLimited, Space: name, Limit: "rate", RetryMS: int(wait.Milliseconds()) + 1,
			Message: "more messages a second than the limit",
		}
	}
	return nil
}

// check sums up the member's view, one check at a time.
func (s *Session) check(m *wire.Check) error {
	p, err := s.place(m.Space)
	if err != nil {
		return err
	}
	select {
	case s.checking <- struct{}{}:
	default:
		return &wire.Error{Code: wire.CodeRateLimited, Space: m.Space, RetryMS: 1000, Message: "a check is under way"}
	}
	err = p.loop.post(func(sp *core.Space) {
		view, at := sp.Sees(p.member), sp.Head()
		if view == nil || !sp.Has(p.member) {
			<-s.checking
			s.failed(p.loop.path, &wire.Error{Code: wire.CodeNotOpen, Message: "this session has not opened the space with a view"})
			return
		}
		s.host.work(func() {
			sum, err := s.sum(p.loop.path, view, at)
			if err != nil {
				s.failed(p.loop.path, err)
				return
			}
			s.out.Send(wire.Encode(&wire.Checked{Space: m.Space, View: view.ID(), At: at, Count: sum.Count, Sum: sum.String()}))
		})
	})
	if err != nil {
		<-s.checking
	}
	return err
}

// sum is the host's, and makes room for the next check before this one is answered.
func (s *Session) sum(path space.Path, view *kernel.View, at space.Cursor) (wire.Sum, error) {
	defer func() { <-s.checking }()
	return s.host.sum(path, view, at)
}

func (h *Host) sum(path space.Path, view *kernel.View, at space.Cursor) (wire.Sum, error) {
	var sum wire.Sum
	v, err := h.opts.Store.View(h.ctx, path, at.Seq)
	if errors.Is(err, space.ErrTrimmed) {
		return sum, &wire.Error{Code: wire.CodeOverloaded, RetryMS: 1000, Message: "history was trimmed meanwhile"}
	}
	if err != nil {
		return sum, err
	}
	v = core.Lifted(view, v)
	defer v.Close()
	for step, err := range kernel.Diff(nil, nil, view, v) {
		if err != nil {
			return sum, err
		}
		sum.Add(step.Entry.Key, step.Entry.Seq)
	}
	return sum, nil
}
