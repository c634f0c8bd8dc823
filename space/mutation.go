package space

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// The names of the built-in operations.
const (
	OpPut    = "put"
	OpPatch  = "patch"
	OpDelete = "delete"
)

// An Op is one step of a mutation on one entry.
type Op struct {
	Op string `json:"op"` // OpPut, OpPatch or OpDelete
	In string `json:"in"` // collection
	ID string `json:"id"`
	// Value is the record that a put stores, whole.
	Value jsontext.Value `json:"value,omitzero"`
	// Patch holds the update operators of a patch (selector.ParseUpdate).
	Patch jsontext.Value `json:"patch,omitzero"`
	// If, when present, is the version that the entry must have, as its reader was
	// told it: the seq of the commit that last changed it, or a digest of what is
	// shown of it (kernel.Masked); 0 for an entry that must not exist.
	If *Seq `json:"if,omitempty"`
}

// Key is the key that o changes, unvalidated.
func (o *Op) Key() Key { return Key{o.In, o.ID} }

// A Mutation is what a replica wants: operations that are applied together or
// not at all, or the call of a mutator, a function of the application's own that
// finds out on the authority's state which they are. With Reads it is serializable, without it commutative.
type Mutation struct {
	ID    MutationID     `json:"id,omitzero"`
	Ops   []Op           `json:"ops,omitzero"`  // either these
	Call  string         `json:"call,omitzero"` // or the name of a mutator
	Args  jsontext.Value `json:"args,omitzero"` // what it is called with; none: null
	Reads *Reads         `json:"reads,omitzero"`
	// V are the versions of the collections that it speaks of, in operations and reads, as they were
	// when it was made. What a mutator does is of the present version, whatever is said here.
	V Versions `json:"v,omitzero"`
}

// Reads names what a serializable mutation was computed from. The mutation is
// refused as stale when somebody else has changed any of it since At, or when
// an earlier mutation of the same client made after At was refused.
type Reads struct {
	At    Seq       `json:"at"`
	Keys  []KeyPair `json:"keys,omitzero"`
	Where View      `json:"where,omitzero"`
	Scope string    `json:"scope,omitzero"` // the server's name of what could be seen then, as far as it told one
}

// Collections yields those that were read of, once for each key and part; nil has none.
func (r *Reads) Collections() iter.Seq[string] {
	return func(yield func(string) bool) {
		if r == nil {
			return
		}
		for _, pair := range r.Keys {
			if !yield(pair[0]) {
				return
			}
		}
		for _, part := range r.Where {
			if !yield(part.In) {
				return
			}
		}
	}
}

// Collections yields those that m speaks of, once for each operation, and then those of its reads.
func (m *Mutation) Collections() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range m.Ops {
			if !yield(m.Ops[i].In) {
				return
			}
		}
		m.Reads.Collections()(yield)
	}
}

// A KeyPair is a key in its JSON form, [collection, id].
type KeyPair [2]string

// Key is the key that p spells, unvalidated.
func (p KeyPair) Key() Key { return Key{p[0], p[1]} }

// Pair is the JSON form of k.
func (k Key) Pair() KeyPair { return KeyPair{k.Collection, k.ID} }

// ContentHash tells apart two mutations that carry the same client and id. It
// is no defence against forgery, only the means to notice a cloned replica.
func (m *Mutation) ContentHash() uint64 {
	h := fnv64(14695981039346656037)
	for i := range m.Ops {
		op := &m.Ops[i]
		h = hashField(h, op.Op)
		h = hashField(h, op.In)
		h = hashField(h, op.ID)
		h = hashField(h, op.Value)
		h = hashField(h, op.Patch)
		if op.If != nil {
			h = h.uint(uint64(*op.If) + 1)
		}
	}
	if m.Call != "" {
		h = hashField(h, m.Call)
		h = hashField(h, m.Args)
	}
	for _, collection := range slices.Sorted(maps.Keys(m.V)) {
		if v := m.V[collection]; v > 1 {
			h = hashField(h, collection).uint(uint64(v))
		}
	}
	return uint64(h)
}

// fnv64 is a 64-bit FNV-1a under way.
type fnv64 uint64

func (h fnv64) uint(n uint64) fnv64 {
	var scratch [10]byte
	for _, b := range appendUint(scratch[:0], n) {
		h = (h ^ fnv64(b)) * 1099511628211
	}
	return h
}

func hashField[T ~string | ~[]byte](h fnv64, field T) fnv64 {
	h = h.uint(uint64(len(field)))
	for i := 0; i < len(field); i++ {
		h = (h ^ fnv64(field[i])) * 1099511628211
	}
	return h
}

// An OutcomeKind is one of the ways in which a mutation ends.
type OutcomeKind string

// The closed set of outcomes.
const (
	Applied         OutcomeKind = "applied"
	Duplicate       OutcomeKind = "duplicate" // applied before; the commit is no longer in the log
	Rejected        OutcomeKind = "rejected"
	RetryAfter      OutcomeKind = "retry_after"      // not dealt with: send it again later
	UpgradeRequired OutcomeKind = "upgrade_required" // not dealt with: the client is too old
	Quarantined     OutcomeKind = "quarantined"      // set aside for the operator
)

// Codes of refusals.
const (
	CodeStale    = "stale"     // a precondition or a read no longer holds
	CodeNotFound = "not_found" // a patch of an entry that does not exist
	CodeInvalid  = "invalid"   // the mutation cannot be carried out: type mismatch, bad value
	CodeTooLarge = "too_large" // a limit; the message names it

	// CodeForbidden is the code of what the rules do not allow. It says nothing of
	// what is there.
	CodeForbidden = "forbidden"

	// Codes of constraints that would not hold once the mutation is carried out.
	CodeUnique    = "unique"    // another entry has the same values
	CodeReference = "reference" // a reference to an entry that is not there
	CodeInUse     = "in_use"    // a deletion of what is still referred to
	CodeQuota     = "quota"     // more entries or bytes than there may be; the message names the limit

	// CodeRefused is the code of what a mutator refused without saying more.
	CodeRefused = "refused"
	// CodeHookRefused is the code of what somebody outside, who has to agree, did not
	// agree to; the message is theirs. CodeHookUnavailable says that they could not be asked.
	CodeHookRefused     = "hook_refused"
	CodeHookUnavailable = "hook_unavailable"

	// CodeOutdated is the code of what was made at a version of its collection that is no longer
	// spoken, by a client that has since come to speak a later one.
	CodeOutdated = "outdated"

	// CodeForgotten is the code of a rejection whose reason is no longer in the log.
	CodeForgotten = "forgotten"

	// CodeQuarantined is the code of a mutation that could not be carried out
	// through no fault that the client could mend. Its outcome is Quarantined.
	CodeQuarantined = "quarantined"
)

// A Refusal says why a mutation was rejected.
type Refusal struct {
	Code    string
	Path    string // which operation or field, such as "ops[1].patch.votes"
	Message string
	Key     Key // the entry concerned, zero if none is
}

func (r *Refusal) Error() string {
	if r.Path == "" {
		return fmt.Sprintf("%s: %s", r.Code, r.Message)
	}
	return fmt.Sprintf("%s at %s: %s", r.Code, r.Path, r.Message)
}

// An Outcome is the answer to one mutation, in its JSON form.
type Outcome struct {
	ID      MutationID  `json:"id"`
	Kind    OutcomeKind `json:"outcome"`
	Seq     Seq         `json:"seq,omitzero"` // the commit that holds the outcome
	Code    string      `json:"code,omitzero"`
	Path    string      `json:"path,omitzero"`
	Message string      `json:"message,omitzero"`
	// Current is the entry that a stale mutation met, if the reader may see it.
	Current *Current `json:"current,omitzero"`
	// RetryMS is how long to wait before sending again, in milliseconds.
	RetryMS int `json:"retryMs,omitzero"`
}

// Final reports whether the mutation has been dealt with and must not be sent
// again.
func (o Outcome) Final() bool {
	return o.Kind == Applied || o.Kind == Duplicate || o.Kind == Rejected || o.Kind == Quarantined
}

// Current is an entry as a refusal reports it. Version 0 and no value: it does
// not exist.
type Current struct {
	In      string         `json:"in"`
	ID      string         `json:"id"`
	Version Seq            `json:"version"`
	Value   jsontext.Value `json:"value,omitzero"`
}

// Outcome is the outcome that c records.
func (c *Commit) Outcome() Outcome {
	o := Outcome{ID: c.Mutation, Kind: Applied, Seq: c.Seq}
	if r := c.Refusal; r != nil {
		o.Kind, o.Code, o.Path, o.Message = Rejected, r.Code, r.Path, r.Message
		if r.Code == CodeQuarantined {
			o.Kind = Quarantined
		}
	}
	return o
}
