package replica

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"time"

	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/wire"
)

// Options say where a replica keeps its data and whom it talks to. Path or Store
// is required; without URL the replica stays offline until Dial is given.
type Options struct {
	// Path is the file that holds everything. It is made if it does not exist, and
	// may be open once at a time.
	Path string

	// Store is used instead of Path. The replica does not close it.
	Store store.Store

	// URL is the server: ws://, wss://, http:// or https://, without the path.
	URL string

	// Versions are the versions of collections that the program speaks; those that are not named are at version 1.
	// What a replica holds of a collection is of one version: a program that speaks another fetches it
	// anew. Mutations made before are sent as what they are, and not shown until then.
	Versions map[string]uint32

	// User is whose data this is. It is checked against what the server says, and
	// believed by servers in development mode only.
	User string

	// Token is asked for a token before each connection, and again when the server
	// does not accept the one it got. It may block until the user has signed in.
	Token func(ctx context.Context) (string, error)

	// Agent names the program to the server, such as "my-app/1.2".
	Agent string

	// Dial makes connections; nil means WebSocket{}.Dial.
	Dial func(ctx context.Context, url string) (Conn, error)

	// Logger gets what an operator may want to know; nil means none of it.
	Logger *slog.Logger

	// Offline starts without connecting: see Replica.GoOnline.
	Offline bool

	// Mutators are the application's own, the same that the server has, by kind of space:
	// what Space.Call does shows at once, and again each time that something changes below it. A
	// mutator that is not here shows nothing until the server has done it. script.Load makes them of JavaScript.
	Mutators mutator.Set

	// Limits are what mutations are held to until a server has told its own.
	Limits wire.Limits

	// MaxQueue is how many mutations of a space may be unsent; 0 means 10,000.
	MaxQueue int

	// KeepDone is how many applied mutations are kept for a server that loses them;
	// 0 means 1,000, less than 0 none.
	KeepDone int

	// NewClientID is for tests; nil makes them of 128 random bits.
	NewClientID func() space.ClientID

	now func() time.Time // of leases, for tests; nil means time.Now
}

// Times of a connection, docs/PROTOCOL.md sections 3 and 9.
const (
	backoffMin  = 250 * time.Millisecond
	backoffMax  = 30 * time.Second
	pingAfter   = 25 * time.Second // of silence
	giveUpAfter = 10 * time.Second // without an answer to a ping
	dialTimeout = 20 * time.Second // and as long again until the server has said welcome
)

func (o Options) withDefaults() Options {
	if o.Dial == nil {
		o.Dial = WebSocket{}.Dial
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.NewClientID == nil {
		o.NewClientID = newClientID
	}
	if o.now == nil {
		o.now = time.Now
	}
	o.Limits = o.Limits.WithDefaults()
	return o
}

func newClientID() space.ClientID {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return space.ClientID(base64.RawURLEncoding.EncodeToString(b[:]))
}
