package host

import (
	"runtime"

	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/space"
)

// PlantBugs is for the tests that prove that others would find them.
func (o *Options) PlantBugs(b core.Bugs) { o.bugs = b }

// Live waits until a session is up to date in a space, so that what is committed
// from then on reaches it in diffs of its own.
func (s *Session) Live(path space.Path) {
	for live := false; !live; {
		p := s.find(path)
		if p == nil {
			return
		}
		answer := make(chan bool, 1)
		if p.loop.post(func(*core.Space) { answer <- p.member.CatchUp() == nil }) != nil {
			return
		}
		select {
		case live = <-answer:
			runtime.Gosched()
		case <-p.loop.dead:
			return
		}
	}
}
