package wire

import "github.com/syncline/syncline/value"

// Limits bound what a client may send and what waits for it. The zero value of
// each field means its default. Every refusal names the limit by its JSON name.
type Limits struct {
	Message  int `json:"message" help:"bytes of one message"`
	Entry    int `json:"entry" help:"bytes of one record"`
	Mutation int `json:"mutation" help:"bytes of one mutation"`
	Ops      int `json:"ops" help:"operations of one mutation"`
	Pushed   int `json:"pushed" help:"mutations of one session that wait for an outcome"`
	Depth    int `json:"depth" help:"nesting of a record"`
	Spaces   int `json:"spaces" help:"spaces open in one session"`
	Parts    int `json:"parts" help:"parts of a view"`
	Selector int `json:"selector" help:"bytes of one selector"`
	Presence int `json:"presence" help:"bytes of a presence state or cast"`
	Rate     int `json:"rate" help:"mutations, presence states and casts a second of one session"`
	Queue    int `json:"queue" help:"bytes waiting to be sent to one session"`
}

// MaxCarried is the most bytes that a carrier takes at once, however many
// messages they hold.
const MaxCarried = 4 << 20

// What a diff may drop by selector, so that one that revokes stays small.
const (
	MaxDrops     = 32  // selectors in one diff
	MaxDropBytes = 512 // bytes of one selector
)

// DefaultLimits are those of docs/PROTOCOL.md, section 8.
var DefaultLimits = Limits{
	Message: 1 << 20, Entry: 256 << 10, Mutation: 512 << 10, Ops: 1000, Pushed: 1024, Depth: 32,
	Spaces: 64, Parts: 32, Selector: 16 << 10, Presence: 4 << 10, Rate: 20_000, Queue: 256 << 10,
}

// WithDefaults fills the zero fields of l.
func (l Limits) WithDefaults() Limits {
	d := DefaultLimits
	fill := func(n *int, def int) {
		if *n <= 0 {
			*n = def
		}
	}
	fill(&l.Message, d.Message)
	fill(&l.Entry, d.Entry)
	fill(&l.Mutation, d.Mutation)
	fill(&l.Ops, d.Ops)
	fill(&l.Pushed, d.Pushed)
	fill(&l.Depth, d.Depth)
	fill(&l.Spaces, d.Spaces)
	fill(&l.Parts, d.Parts)
	fill(&l.Selector, d.Selector)
	fill(&l.Presence, d.Presence)
	fill(&l.Rate, d.Rate)
	fill(&l.Queue, d.Queue)
	return l
}

// Map is l by names, as Welcome tells it.
func (l Limits) Map() map[string]int {
	return map[string]int{
		"message": l.Message, "entry": l.Entry, "mutation": l.Mutation, "ops": l.Ops, "pushed": l.Pushed, "depth": l.Depth,
		"spaces": l.Spaces, "parts": l.Parts, "selector": l.Selector, "presence": l.Presence, "rate": l.Rate, "queue": l.Queue,
	}
}

// Value are the limits of one record.
func (l Limits) Value() value.Limits { return value.Limits{Bytes: l.Entry, Depth: l.Depth} }
