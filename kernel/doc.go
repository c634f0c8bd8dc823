// Package kernel is one space: a multi-version ordered map with a log. It turns
// mutations into commits (Plan), and versions into differences (View, Diff).
//
// It is pure. It starts no goroutine and asks no clock, disk or network; what it
// needs it is handed through the Reader and Snapshot interfaces, and what it
// decides it returns. The server's host, the simulator and, later, peers run the
// same code. What does not belong here: sessions, frames, engines, identity.
//
// The whole life of a write passes through Plan.Submit, the one place where a
// commit is made, and Submit asks the Guard: there is no way around it.
package kernel

import (
	"iter"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
)

// A Reader is the state that a Plan is made on: a space at its head.
type Reader interface {
	// Get returns the newest version of key at or below at, the zero Version if
	// there is none.
	Get(key space.Key, at space.Seq) (space.Version, error)
	// Scan yields the live entries of a collection with ids above after, in the
	// order of ids, as of the commit at.
	Scan(collection, after string, at space.Seq) iter.Seq2[space.Entry, error]
	// Log yields the commits above after in order.
	Log(after space.Seq) iter.Seq2[*space.Commit, error]
	// Client returns what the space remembers of a client.
	Client(id space.ClientID) (space.ClientState, error)
}

// A Snapshot is a space at one commit, for scans. store.View is one.
type Snapshot interface {
	Scan(collection, after string) iter.Seq2[space.Entry, error]
}

// A Writer is who sent a mutation.
type Writer struct {
	User   string
	Client space.ClientID // zero: mutations without ids, which happen as often as they are sent
	// Salt is random where there is no client id, which is random, too: a commit's digest reaches those who may
	// not see what is in it, and must not let them try out what that may be.
	Salt uint64
	// Speaks says which version of a collection the client speaks by now, as far as it has said. nil: it said nothing.
	Speaks Speaker
}

// A Speaker knows which version of a collection a client speaks, as far as it has said.
type Speaker interface {
	Speaks(collection string) (version uint32, said bool)
}

// State is what a mutation finds: all that was committed before it.
type State interface {
	// Get returns the newest version of key, the zero Version if there is none.
	Get(key space.Key) (space.Version, error)
	// Doc returns the record of a version, nil if that is not live. It is read once,
	// whoever asks, and must not be altered.
	Doc(key space.Key, v space.Version) (map[string]any, error)
}

// A Proposal is what a mutation would change.
type Proposal struct {
	Seq     space.Seq      // of the commit
	Changes []space.Change // in the order of keys; a deletion is one of a live entry
	// Read reports whether the mutation says what it read before it changed an entry.
	Read func(key space.Key) bool
}

// A Guard decides for one principal on each change of an entry, on the state that
// the commit will be made on. Package authz has the implementations; it is an
// interface here because rules stand above the kernel.
type Guard interface {
	// Write decides whether next may be made of the entry key; old reads what is
	// there. A nil refusal allows. An error means that it could not be decided.
	Write(s State, key space.Key, old func() (space.Version, error), next space.Version) (*space.Refusal, error)
	// Settle decides on all that a mutation changes together, each of which Write has
	// agreed to, as if it were done. more are changes that have to come with it; of a key
	// that the mutation changes itself, one takes the place of its own. They need no agreement.
	Settle(s State, p *Proposal) (more []space.Change, refusal *space.Refusal, err error)
	// Applied is called when what was settled last has become a commit of the plan.
	Applied()
	// Speak tells the guard at which versions of collections a mutation was made, and asks whether such
	// mutations are taken at all; it comes before anything else that the guard is asked of one that is new. From then on
	// Sight shows what a client of these versions is shown. by, which may be nil, is its client as of now. The error is a *space.Refusal, or a *wire.Error if the mutation is not to be dealt with.
	Speak(m *space.Mutation, by Speaker) error
	// Version is the present version of a collection, which what is written is of.
	Version(collection string) uint32
	// Sight is what may be seen of a collection, nil for everything as it is. To a
	// mutation an entry that may not be seen is one that does not exist.
	Sight(collection string) Filter
	// Restore makes a whole record of the one that was made of what is shown of old, nil
	// if there is no old one: what is not shown stays, and what is of an older version of the collection becomes one of
	// the present one. A nil refusal allows.
	Restore(key space.Key, old, made map[string]any) (whole map[string]any, refusal *space.Refusal)
	// Call decides whether the mutator may be called with these arguments, which are
	// canonical JSON. From then on the guard decides as for what the mutator does,
	// which may see and do more than the principal. A mutation is asked about once.
	Call(s State, name string, args jsontext.Value) (*space.Refusal, error)
	// Scope names what the principal may see and why: it is another one as soon as
	// that is decided by other rules or claims. "" is the name of what no rule limits.
	Scope() string
	// Decisive reports whether what may be seen depends on a version of an entry.
	Decisive(key space.Key, version space.Version) (bool, error)
}
