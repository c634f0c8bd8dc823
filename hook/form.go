// Package hook is what passes between the server and the systems of others, as
// JSON: what they are told of a change, what they are asked about a mutation, and
// how their answers are read. How a request gets there is package webhook's
// business, when it is sent again package outbox's.
package hook

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
)

// Types of messages.
const (
	TypeCreated = "entry.created"
	TypeUpdated = "entry.updated"
	TypeDeleted = "entry.deleted"
	TypeAsk     = "mutation.ask"
)

// A Message is the body of a request.
type Message[D any] struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      D         `json:"data"`
}

// A Change is one entry before and after; Old or New is null where there was or is none.
type Change struct {
	Collection string         `json:"collection"`
	ID         string         `json:"id"`
	Op         string         `json:"op"` // create, update or delete
	Old        jsontext.Value `json:"old"`
	New        jsontext.Value `json:"new"`
}

// An Event tells of a committed change. Those of one entry have growing seqs.
type Event struct {
	Space    string    `json:"space"`
	Delivery string    `json:"delivery"`
	Seq      space.Seq `json:"seq"` // of the commit
	N        int       `json:"n"`   // of the change in the commit, from 0
	Author   string    `json:"author"`
	Change   `json:",inline"`
}

// A Question asks for agreement to a mutation.
type Question struct {
	Space   string   `json:"space"`
	Hook    string   `json:"hook"`
	Author  string   `json:"author"`
	Changes []Change `json:"changes"`
}

// NewChange is the change of an entry from one version to the next.
func NewChange(key space.Key, op string, old, next space.Version) Change {
	return Change{Collection: key.Collection, ID: key.ID, Op: op, Old: payload(old), New: payload(next)}
}

func payload(v space.Version) jsontext.Value {
	if !v.Live() {
		return jsontext.Value("null")
	}
	return v.Payload
}

// Encode is the body of the request.
func Encode[D any](kind string, at time.Time, data D) ([]byte, error) {
	return json.Marshal(Message[D]{kind, at.UTC(), data})
}

// EncodeEvent is the body of an event.
func EncodeEvent(at time.Time, e Event) ([]byte, error) {
	kind := map[string]string{"create": TypeCreated, "update": TypeUpdated, "delete": TypeDeleted}[e.Op]
	return Encode(kind, at, e)
}
