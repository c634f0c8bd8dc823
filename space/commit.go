package space

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"time"
)

// A Type says how an entry changes and how two diverged copies of it join.
// The numbers are part of the stored format.
type Type uint8

// The types of DESIGN 5. Only records exist so far; the numbers of the others
// are taken.
const (
	NoType   Type = 0
	Record   Type = 1
	Document Type = 2
	Text     Type = 3
	Page     Type = 4
)

// A Version is one value of an entry: what the commit Seq made of it. The zero
// Version is that of an entry which never was.
type Version struct {
	Seq     Seq
	Type    Type
	Deleted bool
	Payload []byte // not to be altered by whoever holds the Version
	Of      uint32 // the version of its collection that the payload is of, where a store was asked; 0 is 1
}

// Live reports whether v holds a value.
func (v Version) Live() bool { return v.Seq != 0 && !v.Deleted }

// An Entry is a key with one of its versions.
type Entry struct {
	Key Key
	Version
}

// A Change is one key that a commit changed. Log records hold the hash of the
// payload, the data table holds the payload itself; a Commit read back from a
// log has nil Payloads.
type Change struct {
	Key     Key
	Type    Type
	Deleted bool
	Hash    Digest // PayloadHash(Payload); zero for a deletion
	Payload []byte
	Of      uint32 // the version of its collection that the payload is of; 0 is 1. The log does not hold it
}

// Version is what c makes of its entry in the commit seq.
func (c *Change) Version(seq Seq) Version {
	v := Version{Seq: seq, Type: c.Type, Deleted: c.Deleted}
	if !c.Deleted {
		v.Payload, v.Of = c.Payload, c.Of
	}
	return v
}

// PayloadHash is the hash that a log record keeps of a payload: the first 128
// bits of its SHA-256.
func PayloadHash(payload []byte) Digest {
	sum := sha256.Sum256(payload)
	return Digest(sum[:16])
}

// A Commit is what the authority made of one mutation: atomic, numbered,
// durable, chained to the commit before it. A rejected mutation makes a commit
// too, without changes: so its outcome is as durable as its place in the order.
type Commit struct {
	Seq      Seq
	Time     time.Time // the authority's clock, to the millisecond
	Author   string    // user id of the principal, "" where nobody is known
	Client   ClientID
	Mutation MutationID
	Content  uint64 // Mutation.ContentHash, to notice a client id used by two replicas
	Previous Seq    // the client's commit before this one, 0 if none: the chain along which outcomes are found
	Refusal  *Refusal
	Changes  []Change // in the order of keys, each key once
	Digest   Digest

	// Rejected are the client's recent rejections up to this commit, as its
	// ClientState will hold them. They are no part of the log record.
	Rejected Rejections
}

// Cursor is the cursor of a replica that has seen c.
func (c *Commit) Cursor() Cursor { return Cursor{c.Seq, c.Digest} }

// Seal computes c's Digest on top of the digest of the commit before it.
func (c *Commit) Seal(previous Digest) { c.Digest = c.chain(previous) }

// Follows reports whether c is the intact successor of the log that ends at
// previous.
func (c *Commit) Follows(previous Cursor) bool {
	return c.Seq == previous.Seq+1 && c.Digest == c.chain(previous.Digest)
}

func (c *Commit) chain(previous Digest) Digest {
	var scratch [512]byte
	buf := append(scratch[:0], previous[:]...)
	sum := sha256.Sum256(c.appendBody(buf))
	return Digest(sum[:16])
}

const commitFormat = 1

// minChange is the least number of bytes of a change in a log record.
const minChange = 2 + 1 + len(Digest{})

const (
	flagDeleted = 1 << 7
	flagOf      = 1 << 6 // a version of the collection follows
	typeMask    = 0x0f
)

// AppendBinary appends the log record of c to b: the form that is stored,
// hashed and, in peers to come, exchanged. It is deterministic.
func (c *Commit) AppendBinary(b []byte) []byte {
	b = c.appendBody(b)
	return append(b, c.Digest[:]...)
}

func (c *Commit) appendBody(b []byte) []byte {
	b = append(b, commitFormat)
	b = appendUint(b, uint64(c.Seq))
	b = appendUint(b, uint64(c.Time.UnixMilli()))
	b = appendString(b, c.Author)
	b = appendString(b, string(c.Client))
	b = appendUint(b, uint64(c.Mutation))
	b = appendUint(b, c.Content)
	b = appendUint(b, uint64(c.Previous))
	if c.Refusal == nil {
		b = append(b, 0)
	} else {
		b = append(b, 1)
		b = appendString(b, c.Refusal.Code)
		b = appendString(b, c.Refusal.Path)
		b = appendString(b, c.Refusal.Message)
		b = appendString(b, c.Refusal.Key.Collection)
		b = appendString(b, c.Refusal.Key.ID)
	}
	b = appendUint(b, uint64(len(c.Changes)))
	for i := range c.Changes {
		change := &c.Changes[i]
		b = appendString(b, change.Key.Collection)
		b = appendString(b, change.Key.ID)
		flags := byte(change.Type) & typeMask
		if change.Deleted {
			flags |= flagDeleted
		}
		b = append(b, flags)
		b = append(b, change.Hash[:]...)
	}
	return b
}

// ErrMalformed is wrapped by every error of the binary decoders.
var ErrMalformed = errors.New("malformed record")

// DecodeCommit reads a log record. It refuses anything that AppendBinary does
// not write; whether the digest is right only Follows can say. The commit
// shares no memory with b.
func DecodeCommit(b []byte) (*Commit, error) {
	d := decoder{rest: b}
	if format := d.byte(); d.err == nil && format != commitFormat {
		return nil, fmt.Errorf("%w: commit format %d is not known", ErrMalformed, format)
	}
	c := &Commit{
		Seq:      Seq(d.uint()),
		Time:     time.UnixMilli(int64(d.uint())).UTC(),
		Author:   d.string(),
		Client:   ClientID(d.string()),
		Mutation: MutationID(d.uint()),
		Content:  d.uint(),
		Previous: Seq(d.uint()),
	}
	switch d.byte() {
	case 0:
	case 1:
		c.Refusal = &Refusal{Code: d.string(), Path: d.string(), Message: d.string(), Key: Key{d.string(), d.string()}}
	default:
		d.fail("refusal flag")
	}
	n := d.uint()
	if d.err == nil && n > uint64(len(d.rest)/minChange) {
		d.fail("number of changes")
	}
	if d.err == nil && n > 0 {
		c.Changes = make([]Change, n)
		for i := range c.Changes {
			change := &c.Changes[i]
			change.Key = Key{d.string(), d.string()}
			flags := d.byte()
			if flags&^(flagDeleted|typeMask) != 0 {
				d.fail("change flags")
			}
			change.Type, change.Deleted = Type(flags&typeMask), flags&flagDeleted != 0
			d.fixed(change.Hash[:])
			if d.err != nil {
				break
			}
		}
	}
	d.fixed(c.Digest[:])
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return c, nil
}

// AppendVersion appends the stored form of a version to b; the seq is part of the row's key.
func AppendVersion(b []byte, v Version) []byte {
	flags := byte(v.Type) & typeMask
	if v.Deleted {
		flags |= flagDeleted
	}
	if v.Of > 1 {
		b = appendUint(append(b, flags|flagOf), uint64(v.Of))
	} else {
		b = append(b, flags)
	}
	return append(b, v.Payload...)
}

// DecodeVersion reads what AppendVersion wrote. The payload aliases b.
func DecodeVersion(seq Seq, b []byte) (Version, error) {
	if len(b) == 0 || b[0]&^(flagDeleted|flagOf|typeMask) != 0 {
		return Version{}, fmt.Errorf("version: %w", ErrMalformed)
	}
	v := Version{Seq: seq, Type: Type(b[0] & typeMask), Deleted: b[0]&flagDeleted != 0, Payload: b[1:]}
	if b[0]&flagOf != 0 {
		d := decoder{rest: v.Payload}
		of := d.uint()
		if d.err != nil || of < 2 || of > math.MaxUint32 {
			return Version{}, fmt.Errorf("version: %w: of no version of its collection", ErrMalformed)
		}
		v.Of, v.Payload = uint32(of), d.rest
	}
	if v.Deleted && len(v.Payload) > 0 {
		return Version{}, fmt.Errorf("version: %w: a deletion with a payload", ErrMalformed)
	}
	return v, nil
}

// ClientState is what a space remembers of one client: the last mutation that
// it has dealt with, the commit that holds its outcome, whose client it is, and
// which of its recent mutations were rejected: that must be known even when the
// log no longer reaches back to them, or a refused write would be taken for an
// applied one.
type ClientState struct {
	Last     MutationID
	Seq      Seq
	Author   string
	Rejected Rejections
}

// IsZero reports whether the space has never heard of the client.
func (s ClientState) IsZero() bool { return s == ClientState{} }

// AppendBinary appends the stored form of s to b.
func (s ClientState) AppendBinary(b []byte) []byte {
	b = appendUint(b, uint64(s.Last))
	b = appendUint(b, uint64(s.Seq))
	b = appendString(b, s.Author)
	return appendString(b, string(s.Rejected))
}

// DecodeClientState reads what AppendBinary wrote.
func DecodeClientState(b []byte) (ClientState, error) {
	d := decoder{rest: b}
	s := ClientState{Last: MutationID(d.uint()), Seq: Seq(d.uint()), Author: d.string(), Rejected: Rejections(d.string())}
	if s.Rejected.malformed() {
		d.fail("rejections")
	}
	if err := d.end(); err != nil {
		return ClientState{}, fmt.Errorf("client state: %w", err)
	}
	return s, nil
}

// ClientStates returns what the commits, in order, leave behind of each client:
// the rows that an engine writes beside them.
func ClientStates(commits []*Commit) map[ClientID]ClientState {
	states := make(map[ClientID]ClientState, 1)
	for _, c := range commits {
		if !c.Client.IsZero() {
			states[c.Client] = ClientState{c.Mutation, c.Seq, c.Author, c.Rejected}
		}
	}
	return states
}

// ErrTrimmed is wrapped by every error that means: the history asked for lies
// below the horizon and is gone.
var ErrTrimmed = errors.New("history below the horizon is gone")
