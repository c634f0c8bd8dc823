package host

import (
	"sync"

	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/wire"
)

// An outbox holds the frames that wait to be sent to one session: the bound on
// what a slow receiver costs. It is the core.Sink of the session's members.
type outbox struct {
	limit int
	wake  func() // called, without the lock, when frames wait and nobody takes them
	stats *Stats

	mu     sync.Mutex
	frames [][]byte
	bytes  int
	busy   bool          // a taker has been woken and has not yet found the box empty
	ended  bool          // no more frames are let in; the last may still be taken
	room   chan struct{} // closed when there is room again or the box has ended; nil if nobody waits
}

// reserve is by how much frames that must not be left out may overfill the box.
const reserve = 4

// Send implements core.Sink.
func (o *outbox) Send(frame []byte) {
	o.mu.Lock()
	if o.bytes > reserve*o.limit+wire.DefaultLimits.Message {
		// The client takes no answers but goes on asking.
		o.finish(nil)
		o.mu.Unlock()
		return
	}
	o.add(frame)
}

// Offer implements core.Sink.
func (o *outbox) Offer(frame []byte) bool {
	o.mu.Lock()
	if len(o.frames) > 0 && o.bytes+len(frame) > o.limit {
		o.mu.Unlock()
		o.stats.Overflows.Add(1)
		return false
	}
	o.add(frame)
	return true
}

// offerCatchUp queues a catch-up's frame once there is room, and says whether it
// did: not if the catch-up has been dropped or the session has ended. However
// many catch-ups a session has under way, they overfill it by one frame.
func (o *outbox) offerCatchUp(c *core.CatchUp, frame []byte) bool {
	for {
		o.mu.Lock()
		if c.Dropped() || o.ended {
			o.mu.Unlock()
			return false
		}
		if o.bytes <= o.limit/2 {
			o.add(frame)
			return true
		}
		room := o.waitLocked()
		o.mu.Unlock()
		<-room
	}
}

// over reports whether the session has ended.
func (o *outbox) over() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ended
}

// add queues a frame and unlocks.
func (o *outbox) add(frame []byte) {
	if o.ended {
		o.mu.Unlock()
		return
	}
	o.frames = append(o.frames, frame)
	o.bytes += len(frame)
	wake := !o.busy
	o.busy = true
	o.mu.Unlock()
	o.stats.Delivered.Add(1)
	if wake {
		o.wake()
	}
}

// end lets a last frame in, if there is one, and no more after it.
func (o *outbox) end(last []byte) {
	o.mu.Lock()
	if o.ended {
		o.mu.Unlock()
		return
	}
	o.finish(last)
	wake := !o.busy
	o.busy = true
	o.mu.Unlock()
	if wake {
		o.wake()
	}
}

func (o *outbox) finish(last []byte) {
	if last != nil {
		o.frames = append(o.frames, last)
	}
	o.ended = true
	o.makeRoom()
}

func (o *outbox) makeRoom() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

// take removes frames of about max bytes, at least one if there are any. It
// returns none when the box is empty; open tells whether more may come.
func (o *outbox) take(max int) (frames [][]byte, open bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, bytes := 0, 0
	for n < len(o.frames) && (n == 0 || bytes+len(o.frames[n]) <= max) {
		bytes += len(o.frames[n])
		n++
	}
	frames = o.frames[:n:n]
	if o.frames = o.frames[n:]; len(o.frames) == 0 {
		o.frames = nil // an idle session holds no buffer
	}
	o.bytes -= bytes
	if n == 0 {
		o.busy = false
	}
	if o.bytes <= o.limit/2 {
		o.makeRoom()
	}
	return frames, !o.ended
}

// wait returns a channel that is closed once there is room, nil if there is now.
func (o *outbox) wait() (room <-chan struct{}, open bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return nil, false
	}
	if o.bytes <= o.limit/2 {
		return nil, true
	}
	return o.waitLocked(), true
}

// waitLocked is the channel of wait where there is no room.
func (o *outbox) waitLocked() <-chan struct{} {
	if o.room == nil {
		o.room = make(chan struct{})
	}
	return o.room
}
