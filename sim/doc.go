// Package sim runs one server and several replicas in one goroutine, against a
// clock of its own and a network that loses, doubles, delays and reorders, and
// checks the promises of the design after every step.
//
// What runs is the real thing: kernel and host/core on the server's side,
// replica/core on the other, wire's codec between them, memstore below both. What
// is simulated is only what those are handed: time, messages, crashes.
//
// A schedule follows from its seed alone (Run). The same seed gives the same
// events, byte for byte: Result.Trace is a digest of them. What must not happen
// here, therefore: iteration over a map where its order shows, time.Now, a
// goroutine, randomness from anywhere but the schedule's generators.
package sim

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math/rand/v2"
	"time"

	hostcore "github.com/syncline/syncline/host/core"
	replicacore "github.com/syncline/syncline/replica/core"
)

// Bugs are the faults planted in a run to prove that the checks see them.
type Bugs struct {
	Host    hostcore.Bugs
	Replica replicacore.Bugs
}

// epoch is when every schedule begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// An event is something that will happen. Events at one instant are ordered by
// who planned them and in which order, so that the order does not depend on how
// others are iterated over.
type event struct {
	at    time.Duration
	actor int
	n     int
	run   func()
}

type agenda []*event

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	if a[i].at != a[j].at {
		return a[i].at < a[j].at
	}
	if a[i].actor != a[j].actor {
		return a[i].actor < a[j].actor
	}
	return a[i].n < a[j].n
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(*event)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// clock is the simulated time and what is planned in it.
type clock struct {
	now    time.Duration
	agenda agenda
	actors []*actor     // in the order in which they came
	log    func(string) // for people, nil if nobody looks
}

// digest is one of all that the actors noted. Each has one of its own: which
// of two frames for different clients is made first at one instant is nobody's
// business.
func (c *clock) digest() string {
	all := sha256.New()
	for _, a := range c.actors {
		all.Write(a.trace.Sum(nil))
	}
	return hex.EncodeToString(all.Sum(nil)[:8])
}

// An actor is somebody with a generator and a count of its own.
type actor struct {
	*clock
	id    int
	n     int
	rand  *rand.Rand
	trace hash.Hash
}

func (c *clock) newActor(seed uint64, id int) *actor {
	a := &actor{clock: c, id: id, rand: rand.New(rand.NewPCG(seed, uint64(id))), trace: sha256.New()}
	c.actors = append(c.actors, a)
	return a
}

// after plans run.
func (a *actor) after(d time.Duration, run func()) {
	a.n++
	heap.Push(&a.agenda, &event{a.now + max(d, 0), a.id, a.n, run})
}

// between is a random duration.
func (a *actor) between(low, high time.Duration) time.Duration {
	return low + time.Duration(a.rand.Int64N(int64(high-low)+1))
}

// chance is true once in n times; never for n 0.
func (a *actor) chance(n int) bool { return n > 0 && a.rand.IntN(n) == 0 }

// note adds an event to the trace.
func (a *actor) note(format string, args ...any) {
	var head [8]byte
	binary.BigEndian.PutUint64(head[:], uint64(a.now))
	a.trace.Write(head[:])
	text := fmt.Sprintf(format, args...)
	a.trace.Write([]byte(text))
	if a.log != nil {
		a.log(fmt.Sprintf("%9.3fms %2d %s", float64(a.now)/1e6, a.id, text))
	}
}

// step runs the next event and says whether there was one.
func (c *clock) step() bool {
	if len(c.agenda) == 0 {
		return false
	}
	e := heap.Pop(&c.agenda).(*event)
	c.now = e.at
	e.run()
	return true
}
