package core

import (
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// Options say what a Core replicates. Space and NewClientID are required.
type Options struct {
	Space space.Path

	// View is what to hold, the empty view to only push. It takes effect as
	// SetView would; KeepView leaves the one that the store remembers.
	View     space.View
	KeepView bool

	// Versions are the versions of collections that the program speaks, but for those that are 1. Parts of
	// views that name none, and mutations, are of these.
	Versions space.Versions

	// User is whose data and mutations the store holds, "" if not known before the
	// server says so. A store belongs to the first user that it learns of.
	User string

	// NewClientID makes a client id that nobody can guess. It is called when the
	// store is new and whenever the old id cannot be used any more.
	NewClientID func() space.ClientID

	// Limits are what mutations are held to until the server tells its own.
	Limits wire.Limits

	// MaxQueue is how many mutations may be queued, and how many rejected ones may
	// be kept, before Mutate refuses; 0 means 10,000.
	MaxQueue int

	// MaxQueueBytes bounds the bytes of the queue; 0 means 64 MiB.
	MaxQueueBytes int

	// KeepDone is how many applied mutations are kept to be offered again to a
	// server that was restored from a backup; 0 means 1,000, less than 0 none. They
	// are also bounded to 10 MiB.
	KeepDone int

	// Chunk is how many entries one step of housekeeping touches, which bounds its
	// memory; 0 means 1,000. Tests lower it.
	Chunk int

	// Mutators carries out calls, to show what they do before the server has done it;
	// nil: calls show no effect until then.
	Mutators kernel.Caller

	// Bugs is for the simulator's self-test only.
	Bugs Bugs
}

// Bugs are faults that the simulator plants to prove that it would see them. The
// zero value, none, is the only one for any other use.
type Bugs struct {
	ShowHalfDiff     bool // shows the parts of a diff as they come
	DropRemove       bool // ignores what a diff takes away
	DropLast         bool // carries out what a diff drops by selector after its rows
	LostAckOnRestart bool // takes mutations from the stored queue when they are sent
	DoubleResend     bool // gives what it sends again new ids
	AcceptAnyDigest  bool // does not check where a diff begins
	EndlessLease     bool // shows what has no lease any more
	TurnedBack       bool // lets a clock that is set back prolong leases
	EarlyContact     bool // shows what was hidden before the view is up to date
	OtherSeed        bool // calls draw other random numbers than the server
	OldForm          bool // keeps what it holds in the form of a version that is no longer spoken
	Respelled        bool // says of mutations that they are of the versions which are spoken now
}

const (
	defaultMaxQueue      = 10_000
	defaultMaxQueueBytes = 64 << 20
	defaultKeepDone      = 1_000
	defaultChunk         = 1_000
	maxDoneBytes         = 10 << 20
)

func (o Options) withDefaults() Options {
	o.Limits = o.Limits.WithDefaults()
	if o.MaxQueue <= 0 {
		o.MaxQueue = defaultMaxQueue
	}
	if o.MaxQueueBytes <= 0 {
		o.MaxQueueBytes = defaultMaxQueueBytes
	}
	if o.Chunk <= 0 {
		o.Chunk = defaultChunk
	}
	if o.KeepDone == 0 {
		o.KeepDone = defaultKeepDone
	}
	o.KeepDone = max(o.KeepDone, 0)
	return o
}
