package wire

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
)

// A ClientMessage is a message from client to server: *Hello, *Open, *Close,
// *Push, *Presence, *Cast, *Check, *Ping or *Pong.
type ClientMessage interface{ clientMessage() }

// Hello begins a session: the versions the client speaks and who it is.
type Hello struct {
	T     string `json:"t"`
	V     []int  `json:"v"`
	Token string `json:"token,omitzero"`
	User  string `json:"user,omitzero"`
	Agent string `json:"agent,omitzero"`
}

// Open asks for a space: to push to it, to hold a view of it, or both.
type Open struct {
	T        string         `json:"t"`
	Space    string         `json:"space"`
	Client   space.ClientID `json:"client,omitzero"`
	Acked    uint64         `json:"acked,omitzero"`
	View     space.View     `json:"view,omitzero"`
	Cursor   string         `json:"cursor,omitzero"`
	Was      space.View     `json:"was,omitzero"`
	Scope    string         `json:"scope,omitzero"` // of the Opened under which Cursor was reached
	Presence bool           `json:"presence,omitzero"`
	Drops    bool           `json:"drops,omitzero"` // the client understands Diff.Drop
	// Speaks are versions of collections that are not in the view, but for those that are 1.
	Speaks space.Versions `json:"speaks,omitzero"`
}

// Close ends an Open.
type Close struct {
	T     string `json:"t"`
	Space string `json:"space"`
}

// Push brings mutations, in the order of their ids.
type Push struct {
	T         string           `json:"t"`
	Space     string           `json:"space"`
	Mutations []space.Mutation `json:"muts"`
}

// Presence says what the session wants others to see of it; null ends it.
type Presence struct {
	T     string         `json:"t"`
	Space string         `json:"space"`
	State jsontext.Value `json:"state"`
}

// Cast goes once to the other sessions of the space.
type Cast struct {
	T     string         `json:"t"`
	Space string         `json:"space"`
	Topic string         `json:"topic"`
	Data  jsontext.Value `json:"data,omitzero"`
}

// Check asks for the check sum of the view.
type Check struct {
	T     string `json:"t"`
	Space string `json:"space"`
}

// Ping asks for a Pong. Either side may send it.
type Ping struct {
	T string `json:"t"`
}

// Pong answers a Ping.
type Pong struct {
	T string `json:"t"`
}

func (*Hello) clientMessage()    {}
func (*Open) clientMessage()     {}
func (*Close) clientMessage()    {}
func (*Push) clientMessage()     {}
func (*Presence) clientMessage() {}
func (*Cast) clientMessage()     {}
func (*Check) clientMessage()    {}
func (*Ping) clientMessage()     {}
func (*Pong) clientMessage()     {}
