package transport_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/transport"
	"github.com/syncline/syncline/wire"
)

// hiding is a definition with everything in it that could tell on what is hidden.
const hiding = `
spaces:
  secret/{name}:
    open: auth.admin == true
    collections:
      cards: {read: "true", write: "true"}
  team/{team}:
    open: "true"
    relations:
      member: {in: members, subject: user, object: project}
    mutators:
      probe: {allow: "true"}
    collections:
      cards:
        read: doc.owner == auth.uid || member(doc.project) || auth.admin == true || doc.level > 8 && doc.level > auth.level
        create: auth.admin == true || new.owner == auth.uid
        update: auth.admin == true || doc.n > 3
        delete: "true"
        references: [{path: parent, to: cards, onDelete: clear}]
        unique: [[slug]]
        owner: owner
        quota: {entriesPerUser: 5}
        maxBytes: 2KiB
        schema: {type: object, properties: {n: {type: number}, secret: {type: string, maxLength: 400}}}
        fields:
          secret: {read: auth.admin == true || doc.n > 4 && doc.owner == auth.uid}
          meta.rank: {read: auth.admin == true}
      members: {read: doc.user == auth.uid || auth.admin == true, write: auth.admin == true}
`

// A plant is a leak in some layer, which the test has to see.
type plant struct {
	rules   [2]string // in the definition, this is put in the place of that
	handler func(http.Handler, store.Store) http.Handler
	store   func(*counted) store.Store
	loud    bool // somebody tells the space when something hidden, of even length, has been written
}

// counted counts what is read of a store.
type counted struct {
	store.Store
	reads atomic.Int64
}

func (c *counted) Log(ctx context.Context, path space.Path, after space.Seq) iter.Seq2[*space.Commit, error] {
	return func(yield func(*space.Commit, error) bool) {
		for commit, err := range c.Store.Log(ctx, path, after) {
			if c.reads.Add(1); !yield(commit, err) {
				return
			}
		}
	}
}

func (c *counted) View(ctx context.Context, path space.Path, at space.Seq) (store.View, error) {
	v, err := c.Store.View(ctx, path, at)
	c.reads.Add(1)
	return &countedView{v, &c.reads}, err
}

type countedView struct {
	store.View
	reads *atomic.Int64
}

func (v *countedView) Get(key space.Key) (space.Version, error) {
	v.reads.Add(1)
	return v.View.Get(key)
}

func (v *countedView) Scan(collection, after string) iter.Seq2[space.Entry, error] {
	return func(yield func(space.Entry, error) bool) {
		for e, err := range v.View.Scan(collection, after) {
			if v.reads.Add(1); !yield(e, err) {
				return
			}
		}
	}
}

// A world is a server with what p may not see in it, and all that p is told.
type world struct {
	testing.TB
	name    string // of the world: "a" or "b"
	store   *counted
	host    *host.Host
	net     *pipes
	plant   plant
	root, q *authz.Session
	devices []*tapped
	loud    *wiretap

	past   []string // cursors that p has been told
	passed string   // the cursor when a card was where p was not
	last   string   // the body of the last answer to a request
	heard  []string
	names  map[string]string // random names, by which they were told first
}

var (
	cursorText  = regexp.MustCompile(`(["=])(\d+)-[A-Za-z0-9_-]{22}`)
	sessionText = regexp.MustCompile(`("session":"|"self":"|Syncline-Session: )([A-Za-z0-9_-]{32}|[A-Za-z0-9_-]{10})("|\r|$)`)
)

var lengthText = regexp.MustCompile(`Content-Length: \d+\r\n`)

// hear keeps something that p was told, but for what is random: the names of sessions, by
// which they come first, and the digests in cursors.
func (w *world) hear(format string, args ...any) {
	text := sessionText.ReplaceAllStringFunc(fmt.Sprintf(format, args...), func(found string) string {
		m := sessionText.FindStringSubmatch(found)
		if w.names[m[2]] == "" {
			w.names[m[2]] = fmt.Sprint("name", len(w.names))
		}
		return m[1] + w.names[m[2]] + m[3]
	})
	text = cursorText.ReplaceAllString(text, "$1$2-digest")
	w.heard = append(w.heard, text)
}

// probe is a mutator that looks for an entry in all the ways it has and writes down what it found.
func probe(tx *mutator.Tx, args struct {
	ID string `json:"id"`
},
) error {
	raw, err := tx.Raw("cards", args.ID)
	if err != nil {
		return err
	}
	found, err := tx.Find("cards", selector.Query{Limit: 100})
	if err != nil {
		return err
	}
	return tx.Put("cards", "probed", map[string]any{"owner": "p", "there": raw != nil, "all": len(found), "n": 5})
}

// inWorld runs do in a bubble with a clock of its own.
func inWorld(t *testing.T, name string, p plant, do func(w *world)) (heard []string) {
	synctest.Test(t, func(t *testing.T) {
		text := hiding
		if p.rules[0] != "" {
			if text = strings.Replace(hiding, p.rules[0], p.rules[1], 1); text == hiding {
				t.Fatal("nothing is planted")
			}
		}
		d, err := definition.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		policy, err := authz.Compile(d)
		if err != nil {
			t.Fatal(err)
		}
		identify := func(_ context.Context, token string) (authz.Principal, error) {
			return authz.Principal{User: token, Claims: map[string]any{"admin": token == "root"}}, nil
		}
		calls, err := mutator.New(mutator.Set{"team/{team}": {"probe": mutator.Of(probe)}}, mutator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		w := &world{TB: t, name: name, store: &counted{Store: memstore.New()}, net: newPipes(), plant: p, names: map[string]string{}}
		var st store.Store = w.store
		if p.store != nil {
			st = p.store(w.store)
		}
		authority := authz.NewRuled(policy, identify)
		w.host = host.New(host.Options{Store: st, Authority: authority, Mutators: calls})
		handler := transport.NewHandler(w.host, transport.Options{})
		var serve http.Handler = handler
		if p.handler != nil {
			serve = p.handler(handler, w.store.Store)
		}
		web := &http.Server{Handler: serve}
		ended := make(chan struct{})
		go func() { defer close(ended); _ = web.Serve(w.net) }()
		w.root, w.q = w.who(authority, "root"), w.who(authority, "q")
		do(w)
		if err := w.host.Close(t.Context()); err != nil {
			t.Error(err)
		}
		handler.Close()
		for _, d := range w.devices {
			_ = d.tap.conn.Close()
		}
		if w.loud != nil {
			_ = w.loud.conn.Close()
		}
		_ = web.Close()
		<-ended
		heard = w.heard
	})
	return heard
}

func (w *world) who(a authz.Authority, user string) *authz.Session {
	s, err := a.Identify(w.Context(), authz.Credentials{Token: user})
	if err != nil {
		w.Fatal(err)
	}
	return s
}

// settle lets everything happen that is under way, and collects what p was told.
func (w *world) settle() {
	time.Sleep(200 * time.Millisecond) // presence is merged over some time; the clock is the bubble's
	for _, d := range w.devices {
		for more := true; more; {
			synctest.Wait()
			more = d.collect() && d.carrier == "long"
		}
		if d.cursor != "" && !slices.Contains(w.past, d.cursor) {
			w.past = append(w.past, d.cursor)
		}
	}
	synctest.Wait()
}

// idle lets 20 seconds pass, of the bubble's clock.
func (*world) idle() { time.Sleep(20 * time.Second) }

// as writes something in the name of root or q, and says what became of it.
func (w *world) as(who *authz.Session, path space.Path, ops ...space.Op) string {
	outcomes, _, err := w.host.Do(w.Context(), who, path, "", []space.Mutation{{Ops: ops}})
	if err != nil {
		return err.Error()
	}
	if w.plant.loud && strings.HasPrefix(ops[0].ID, "h") && len(ops[0].Value)%2 == 0 {
		w.loud.say(textFrame(lines(&wire.Cast{Space: teamA, Topic: "leak", Data: []byte(`1`)})))
	}
	return fmt.Sprint(outcomes[0].Kind, outcomes[0].Code)
}

// rest makes a request of p's, keeps the answer to the letter, and returns it.
func (w *world) rest(method, target, body string, headers ...string) *http.Response {
	tap := w.net.dial(request(method, target, body, append([]string{"Authorization", "Bearer p", "Connection", "close"}, headers...)...))
	<-tap.done
	_ = tap.conn.Close()
	head, text, res := response(method, tap.bytes())
	if res != nil && res.Header.Get("Content-Encoding") != "" && method != http.MethodHead {
		// Random digests make a few bytes of difference; the length follows from what is said and nothing else.
		if want := len(compressed(res.Header.Get("Content-Encoding"), text)); res.ContentLength >= 0 && res.ContentLength != int64(want) {
			w.Errorf("%s: %d bytes compressed; all that it says takes %d", target, res.ContentLength, want)
		}
		head = lengthText.ReplaceAllString(head, "")
	}
	w.hear("%s %s\n%s\n\n%s", method, target, head, text)
	w.last = text
	return res
}

const teamA = "team/a"

// A tapped is a session of p's over one of the carriers.
type tapped struct {
	w       *world
	carrier string
	tap     *wiretap
	head    string // of the answers, the last
	told    int    // lines kept so far
	secret  string
	client  space.ClientID
	last    space.MutationID
	cursor  string
	scope   string
	view    space.View
}

var carrierNames = []string{"websocket", "sse", "stream", "long", "poll"}

var wholeTeam = space.View{{In: "cards"}, {In: "members"}}

// begin opens team/a over a carrier.
func (w *world) begin(carrier string) *tapped {
	d := &tapped{w: w, carrier: carrier, client: space.ClientID("client-" + carrier + "-0123456789"), view: wholeTeam}
	w.devices = append(w.devices, d)
	first := []any{&wire.Hello{V: []int{1}, Token: "p"}, d.opening()}
	switch carrier {
	case "websocket":
		d.tap = w.websocket("p")
		synctest.Wait()
		for _, m := range first {
			d.send(m)
		}
	case "sse":
		d.tap = w.net.dial(request("POST", "/v1/stream", string(lines(first...)), "Accept", "text/event-stream"))
	case "stream":
		d.tap = w.net.dial(request("POST", "/v1/stream", string(lines(first...))))
	case "long":
		d.tap = w.net.dial(request("POST", "/v1/poll?wait=30000", string(lines(first...)), "Connection", "close"))
	default:
		d.tap = w.net.dial(request("POST", "/v1/poll", string(lines(first...)), "Connection", "close"))
	}
	w.settle()
	return d
}

func (w *world) websocket(user string) *wiretap {
	return w.net.dial(request("GET", "/v1/ws", "", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
		"Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol", wire.Subprotocol))
}

func (d *tapped) opening() *wire.Open {
	o := &wire.Open{Space: teamA, Client: d.client, Acked: uint64(d.last), View: d.view, Presence: true, Drops: true}
	if d.cursor != "" {
		o.Cursor, o.Scope = d.cursor, d.scope
	}
	return o
}

// send says something in the session.
func (d *tapped) send(messages ...any) {
	text := lines(messages...)
	if d.carrier == "websocket" {
		d.tap.say(textFrame(text[:len(text)-1]))
		return
	}
	tap := d.w.net.dial(request("POST", "/v1/send", string(text), "Syncline-Session", d.secret, "Connection", "close"))
	<-tap.done
	_ = tap.conn.Close()
	head, body, _ := response("POST", tap.bytes())
	d.w.hear("%s: send\n%s\n\n%s", d.carrier, head, body)
}

func (d *tapped) push(m space.Mutation) {
	d.last++
	m.ID = d.last
	d.send(&wire.Push{Space: teamA, Mutations: []space.Mutation{m}})
}

// collect keeps what has come since it was last called, and says whether that was the answer of a poll. How many
// messages share a frame, a chunk or an answer depends on who runs when, so they are kept one by one.
func (d *tapped) collect() (answered bool) {
	raw := d.tap.bytes()
	switch d.carrier {
	case "websocket":
		if head, rest, ok := strings.Cut(string(raw), "\r\n\r\n"); ok {
			d.keep(head, frames([]byte(rest)))
		}
	case "sse", "stream":
		head, body := streamed(raw)
		d.keep(head, strings.Split(strings.TrimSuffix(body, "\n"), "\n"))
	default:
		select {
		case <-d.tap.done:
		default:
			return false // a long poll that waits
		}
		head, body, _ := response("POST", raw)
		d.told = 0
		d.keep(perAnswer.ReplaceAllString(head, ""), strings.Split(strings.TrimSuffix(body, "\n"), "\n"))
		target := "/v1/poll"
		if d.carrier == "long" {
			target = "/v1/poll?wait=30000"
		}
		_ = d.tap.conn.Close()
		d.tap = d.w.net.dial(request("POST", target, "", "Syncline-Session", d.secret, "Connection", "close"))
		return true
	}
	return false
}

// perAnswer is what the head of an answer says of its body, which holds more or fewer messages, and when it was asked for.
var perAnswer = regexp.MustCompile(`(Content-Length|Transfer-Encoding|Date): [^\r]*\r?\n?`)

func (d *tapped) keep(head string, all []string) {
	if head != d.head {
		d.head = head
		d.w.hear("%s: %s", d.carrier, head)
	}
	for ; d.told < len(all); d.told++ {
		line := all[d.told]
		if line == "" {
			continue
		}
		d.w.hear("%s: %s", d.carrier, line)
		if _, text, ok := strings.Cut(line, "{"); ok {
			d.learn("{" + text)
		}
	}
}

// learn takes note of what p's replica knows.
func (d *tapped) learn(line string) {
	m, err := wire.DecodeServer([]byte(line))
	if err != nil {
		d.w.Errorf("%s: %v", line, err)
		return
	}
	switch m := m.(type) {
	case *wire.Welcome:
		d.secret = m.Session
	case *wire.Opened:
		if m.Scope != "" {
			d.scope = m.Scope
		}
	case *wire.Diff:
		if !m.More {
			d.cursor = m.To.String()
			if m.Scope != "" {
				d.scope = m.Scope
			}
		}
	}
}
