package wire

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
)

// A ServerMessage is a message from server to client: *Welcome, *Opened,
// *Closed, *Ack, *Diff, *Present, *CastFrom, *Checked, *Error, *Ping or *Pong.
type ServerMessage interface{ serverMessage() }

// Welcome answers Hello.
type Welcome struct {
	T       string         `json:"t"`
	V       int            `json:"v"`
	Session string         `json:"session"`
	User    string         `json:"user,omitzero"`
	Time    int64          `json:"time"` // the server's clock, milliseconds since 1970
	Limits  map[string]int `json:"limits,omitzero"`
	Expires int64          `json:"expires,omitzero"` // when the session ends unless hello is said again with a newer token; milliseconds since 1970
}

// How the server brings a view up to date.
const (
	ResumeCurrent = "current"
	ResumeDiff    = "diff"
	ResumeReset   = "reset"
)

// Why it does so by a reset.
const (
	ResetNew     = "new"
	ResetTrimmed = "trimmed"
	ResetForked  = "forked"
	ResetScope   = "scope" // what the client may see was decided otherwise when it had got its cursor
)

// Opened answers Open.
type Opened struct {
	T        string           `json:"t"`
	Space    string           `json:"space"`
	View     string           `json:"view,omitzero"`
	From     string           `json:"from,omitzero"` // the cursor of the Open that this answers
	Head     space.Cursor     `json:"head"`
	Last     space.MutationID `json:"last"`
	Outcomes []space.Outcome  `json:"outcomes,omitzero"`
	Resume   string           `json:"resume,omitzero"`
	Reason   string           `json:"reason,omitzero"`
	Fork     *space.Seq       `json:"fork,omitempty"`
	Scope    string           `json:"scope,omitzero"` // names what the client may see; to be handed back with the cursor
	// Leases are how long what is held of which collections may be shown without contact, in milliseconds. They go with Scope.
	Leases map[string]int64 `json:"leases,omitzero"`
	Self   string           `json:"self,omitzero"` // this session's public name in Present and CastFrom
}

// Closed answers Close.
type Closed struct {
	T     string `json:"t"`
	Space string `json:"space"`
}

// Ack brings outcomes of pushed mutations.
type Ack struct {
	T        string          `json:"t"`
	Space    string          `json:"space"`
	Outcomes []space.Outcome `json:"outcomes"`
}

// Diff takes a view from one cursor to another.
type Diff struct {
	T     string          `json:"t"`
	Space string          `json:"space"`
	View  string          `json:"view"`
	From  space.Cursor    `json:"from"`
	To    space.Cursor    `json:"to"`
	Reset bool            `json:"reset,omitzero"`
	More  bool            `json:"more,omitzero"`
	Drop  []space.Part    `json:"drop,omitzero"` // on the first part: what is held of it goes before Put and Del are carried out
	Put   []Row           `json:"put,omitzero"`
	Del   []space.KeyPair `json:"del,omitzero"`
	Count *int            `json:"count,omitzero"` // of the whole view, at the end of a reset
	Sum   string          `json:"sum,omitzero"`
	Scope string          `json:"scope,omitzero"` // from here on, in place of Opened's, as are
	// Leases, which are there only where Scope is: none are meant if they are not.
	Leases map[string]int64 `json:"leases,omitzero"`
}

// Present brings presence of other sessions.
type Present struct {
	T     string `json:"t"`
	Space string `json:"space"`
	Reset bool   `json:"reset,omitzero"`
	Peers []Peer `json:"peers"`
}

// A Peer is another session as Present shows it; State null means gone.
type Peer struct {
	Session string         `json:"session"`
	User    string         `json:"user,omitzero"`
	State   jsontext.Value `json:"state"`
}

// CastFrom brings another session's Cast.
type CastFrom struct {
	T       string         `json:"t"`
	Space   string         `json:"space"`
	Session string         `json:"session"`
	User    string         `json:"user,omitzero"`
	Topic   string         `json:"topic"`
	Data    jsontext.Value `json:"data,omitzero"`
}

// Checked answers Check.
type Checked struct {
	T     string       `json:"t"`
	Space string       `json:"space"`
	View  string       `json:"view"`
	At    space.Cursor `json:"at"`
	Count int          `json:"count"`
	Sum   string       `json:"sum"`
}

func (*Welcome) serverMessage()  {}
func (*Opened) serverMessage()   {}
func (*Closed) serverMessage()   {}
func (*Ack) serverMessage()      {}
func (*Diff) serverMessage()     {}
func (*Present) serverMessage()  {}
func (*CastFrom) serverMessage() {}
func (*Checked) serverMessage()  {}
func (*Error) serverMessage()    {}
func (*Ping) serverMessage()     {}
func (*Pong) serverMessage()     {}
