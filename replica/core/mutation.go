package core

import (
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/value"
)

// A LocalID numbers the mutations of one store: 1, 2, 3, … in the order in which
// they were made. It is never used again; the id on the wire is another, which
// changes when the store gets a new client id.
type LocalID uint64

// IsZero reports whether id names no mutation.
func (id LocalID) IsZero() bool { return id == 0 }

func (id LocalID) String() string { return strconv.FormatUint(uint64(id), 10) }

// rowID is the id of the row that holds the mutation: fixed in length, so that
// rows are scanned in order.
func (id LocalID) rowID() string { return fmt.Sprintf("%016x", uint64(id)) }

// A Mutation is one that the store holds. Its slices must not be altered.
type Mutation struct {
	ID      LocalID
	Time    time.Time // when it was made, to the millisecond
	Ops     []space.Op
	Call    string         // of a mutation by call, without Ops
	Args    jsontext.Value // canonical
	Reads   *space.Reads
	V       space.Versions // of the collections that it speaks of, when it was made; but for those that are 1
	Outcome space.Outcome  // zero while there is none
}

// An item is a mutation in memory, ready to be replayed. The fields below the
// line are not stored.
type item struct {
	Mutation
	size int // bytes of its row

	// A filler takes the place of a rejected mutation when those around it are
	// offered again to a server that has forgotten them: ids have no gaps. It asks
	// for a version that no entry has, so nothing comes of it; nobody sees it.
	filler bool

	updates []*selector.Update // by operation, nil where it is no patch
	keys    []space.Key        // that its operations touch, each once; of a call, those that it wrote when it was last replayed

	// Of a call: the client and mutation id that seed its random numbers. They follow
	// from its place in the queue and are set before each replay.
	client space.ClientID
	wire   space.MutationID

	presumed space.Seq // the server seems to have applied it there: hidden once the cursor is that far
	hidden   bool      // its effect is in what is shown, until a reset replaces that
}

// A row is the stored form of an item.
type row struct {
	Time    int64          `json:"time"` // milliseconds since 1970
	Ops     []rowOp        `json:"ops"`
	Call    string         `json:"call,omitzero"`
	Args    jsontext.Value `json:"args,omitzero"`
	Reads   *space.Reads   `json:"reads,omitzero"`
	Outcome *space.Outcome `json:"outcome,omitzero"` // of a rejected one

	// Of one that is done: under which client and id, and in which commit.
	Client   space.ClientID   `json:"client,omitzero"`
	Mutation space.MutationID `json:"mutation,omitzero"`
	Seq      space.Seq        `json:"seq,omitzero"`

	Filler bool `json:"filler,omitzero"`

	V space.Versions `json:"v,omitzero"`
}

// A rowOp is the stored form of a space.Op. That it is written out here keeps what
// is queued readable, and of the same content, whatever becomes of the wire's.
type rowOp struct {
	Op    string         `json:"op"`
	In    string         `json:"in"`
	ID    string         `json:"id"`
	Value jsontext.Value `json:"value,omitzero"`
	Patch jsontext.Value `json:"patch,omitzero"`
	If    *uint64        `json:"if,omitzero"`
}

func (it *item) row() row {
	r := row{Time: it.Time.UnixMilli(), Ops: make([]rowOp, len(it.Ops)), Call: it.Call, Args: it.Args, Reads: it.Reads, Filler: it.filler, V: it.V}
	for i, op := range it.Ops {
		r.Ops[i] = rowOp{op.Op, op.In, op.ID, op.Value, op.Patch, (*uint64)(op.If)}
	}
	if it.Outcome.Kind != "" {
		r.Outcome = &it.Outcome
	}
	return r
}

func (r row) encode() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		// Operations were checked and outcomes decoded: both can be encoded.
		panic(fmt.Sprintf("core: encode a mutation: %v", err))
	}
	return b
}

// parseRowID undoes LocalID.rowID.
func parseRowID(id string) (LocalID, error) {
	n, err := strconv.ParseUint(id, 16, 64)
	if err != nil || len(id) != 16 {
		return 0, fmt.Errorf("mutation row %q: %w", id, store.ErrCorrupt)
	}
	return LocalID(n), nil
}

func decodeRow(e space.Entry) (LocalID, row, error) {
	var r row
	id, err := parseRowID(e.Key.ID)
	if err != nil {
		return 0, r, err
	}
	if err := json.Unmarshal(e.Payload, &r); err != nil {
		return 0, r, fmt.Errorf("mutation %s: %w: %v", e.Key, store.ErrCorrupt, err)
	}
	return id, r, nil
}

func decodeItem(e space.Entry) (*item, error) {
	id, r, err := decodeRow(e)
	if err != nil {
		return nil, err
	}
	it := &item{Mutation: Mutation{ID: id, Time: time.UnixMilli(r.Time).UTC(), Call: r.Call, Args: r.Args, Reads: r.Reads, V: r.V}, size: len(e.Payload), filler: r.Filler}
	if r.Call == "" {
		it.Ops = make([]space.Op, len(r.Ops))
	}
	for i, op := range r.Ops {
		it.Ops[i] = space.Op{Op: op.Op, In: op.In, ID: op.ID, Value: op.Value, Patch: op.Patch, If: (*space.Seq)(op.If)}
	}
	if r.Outcome != nil {
		it.Outcome = *r.Outcome
	}
	if err := it.prepare(); err != nil {
		return nil, fmt.Errorf("mutation %s: %w: %v", e.Key, store.ErrCorrupt, err)
	}
	return it, nil
}

// prepare fills what replaying needs. What was queued under other limits must
// stay readable, so the limits here are wide.
func (it *item) prepare() error {
	it.updates = make([]*selector.Update, len(it.Ops))
	seen := make(map[space.Key]bool, len(it.Ops))
	for i := range it.Ops {
		op := &it.Ops[i]
		if key := op.Key(); !seen[key] {
			seen[key] = true
			it.keys = append(it.keys, key)
		}
		if op.Op == space.OpPatch {
			update, err := selector.ParseUpdate(op.Patch, wide)
			if err != nil {
				return err
			}
			it.updates[i] = update
		}
	}
	return nil
}

// wide are limits for what has been accepted before.
var wide = value.Limits{Bytes: 1 << 30, Depth: 500}

// fill is the filler for a mutation.
func (it *item) fill() *item {
	never := space.MaxSeq
	key := space.Key{Collection: "none", ID: "none"}
	if it.Call == "" {
		key = it.keys[0]
	}
	op := space.Op{Op: space.OpDelete, In: key.Collection, ID: key.ID, If: &never}
	f := &item{Mutation: Mutation{ID: it.ID, Time: it.Time, Ops: []space.Op{op}, V: it.V}, filler: true}
	f.size = len(f.row().encode())
	_ = f.prepare() // a deletion cannot fail to
	return f
}
