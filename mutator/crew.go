package mutator

import "time"

// A crew is goroutines that carry out work, one piece each at a time. Those that have come to rest wait a little for more:
// a script needs a deep stack, which a new goroutine has to grow anew.
type crew struct{ rest chan func() }

// restFor is how long one waits for more work. No more wait than have worked at once.
const restFor = 100 * time.Millisecond

func newCrew() *crew { return &crew{rest: make(chan func())} }

// do has work carried out, on a goroutine that waits if there is one.
func (c *crew) do(work func()) {
	select {
	case c.rest <- work:
	default:
		go c.serve(work)
	}
}

func (c *crew) serve(work func()) {
	timer := time.NewTimer(restFor)
	defer timer.Stop()
	for {
		work()
		timer.Reset(restFor)
		select {
		case work = <-c.rest:
		case <-timer.C:
			return
		}
	}
}
