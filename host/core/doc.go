// Package core is one active space as the node that orders it sees it: the
// members who have it open, the mutations that wait, the live views and who gets
// which frame. It is deterministic: no goroutine, clock, randomness or network;
// of the outside it sees a store and the members' sinks. Package host runs one
// loop around each Space; the simulator runs the same code from its event queue.
//
// Ordering, which clients rely on: of each member's session, Opened comes before
// anything else of the space; the outcomes of its mutations come before the diff
// that contains them; diffs come in the order of commits and cover whole ones.
package core

import (
	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/constraint"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/wire"
)

// A Sink takes the frames of one session, in order. Frames are shared: nobody
// may alter them.
type Sink interface {
	// Send queues a frame that must not be left out. A sink that has no room for
	// it ends its session.
	Send(frame []byte)
	// Offer queues a frame if there is room and says whether it did.
	Offer(frame []byte) bool
}

// Config is what a Space is made with.
type Config struct {
	Path   space.Path
	Store  store.Store
	Limits wire.Limits
	// Rules say who may do what; nil: everybody everything.
	Rules *authz.Rules
	// Mutators carries out calls; nil: there are none.
	Mutators kernel.Caller
	// Lagging is called when a member is no longer live and must be caught up
	// (Member.CatchUp, then Attach).
	Lagging func(*Member)
	// Ask is called when somebody outside has to agree to a mutation; Answer must
	// follow, later and once. nil: whatever would have to be asked about is refused.
	Ask func(*Ask)
	// PartBytes is the size, about, of the parts that a long catch-up is sent in; 0
	// is 64 KiB.
	PartBytes int
	// EagerDrops sends a drop for all that it can be sent for, even if it saves
	// nothing: for tests with few entries.
	EagerDrops bool
	// Bugs are faults planted for the simulator's self-test; zero otherwise.
	Bugs Bugs
}

// Bugs are faults that the simulator plants to prove that it would see them.
type Bugs struct {
	Kernel        kernel.Bugs
	Constraints   constraint.Bugs
	EarlyAck      bool // outcomes are sent before the commits are durable
	HalfCommit    bool // a diff is sent in two halves, each claiming to be whole
	DroppedRemove bool // deletions are left out of diffs
	AnyDigest     bool // a cursor's digest is not compared with the log's
	StaysMember   bool // a commit that changes relations changes no live member's scope
	NewKeysOnly   bool // of a changed entry only the keys that it has now are looked up
	AnyScope      bool // the name of a replica's scope is not compared
	BlindDrops    bool // what a drop covers and the replica is to keep is not sent again
	OldConsent    bool // an agreement is taken to hold whatever the mutation changes by now
	TodaysScope   bool // what a replica held is taken to be what it may see now
	Unlifted      bool // mutations and rules find entries in the form in which they were stored
}
